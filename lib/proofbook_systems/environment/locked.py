"""Whether what is installed is as a lock file has it, and the lock knows all that is declared."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from proofbook_systems.environment.findings import Finding
from proofbook_systems.environment.interpreter import Interpreter
from proofbook_systems.environment.locks import Lock
from proofbook_systems.environment.wanted import Declaration, Wanted

__all__ = ["judge_lock"]


def judge_lock(
    lock: Lock, declarations: Iterable[Declaration], interpreter: Interpreter
) -> Finding:
    """Judge installed versions against locked ones, and declarations against the lock.

    What the lock has and nobody installed is not judged: it may be for another platform.
    """
    issues = [lock.problem] if lock.problem else []
    if not lock.problem:
        outdated = dict(_outdated(lock, declarations, interpreter))
        issues += [*outdated.values(), *_differing(lock, interpreter, without=outdated)]
    why = "with other versions than the locked ones, results are not those that were tested"
    return Finding(name=f"lock-{lock.file}", issues=tuple(issues), why=why)


def _outdated(
    lock: Lock, declarations: Iterable[Declaration], interpreter: Interpreter
) -> Iterator[tuple[str, str]]:
    """Yield the name of each package that is declared and not so locked, with words.

    Only files that the lock's tool reads count.
    """
    origins = ("Pipfile",) if lock.file == "Pipfile.lock" else ("pyproject.toml",)
    for declaration in declarations:
        if declaration.file.endswith(origins):
            for wanted in declaration.wanted:
                if wanted.name != "python" and wanted.applies(interpreter.markers):
                    yield from ((wanted.name, words) for words in _compare(wanted, lock))


def _compare(wanted: Wanted, lock: Lock) -> Iterator[str]:
    versions = lock.versions.get(wanted.name)
    if versions is None:
        yield f"{wanted.where}: {wanted.words} is not in {lock.file}; lock again"
    elif versions and not any(wanted.accepts(version) for version in versions):
        locked = " or ".join(sorted(versions))
        yield f"{wanted.where}: {wanted.words} is wanted, {lock.file} has {locked}; lock again"


def _differing(lock: Lock, interpreter: Interpreter, without: Container[str]) -> Iterator[str]:
    for name, version in interpreter.packages.items():
        versions = frozenset[str]() if name in without else lock.versions.get(name)
        if versions and not any(_is_same(version, locked) for locked in versions):
            locked = " or ".join(sorted(versions))
            yield f"{lock.file}: {name} is locked to {locked}, {version} is installed"


def _is_same(version: str, locked: str) -> bool:
    """Compare; a lock that names no local build, such as ``+cpu``, accepts each."""
    return version == locked or ("+" not in locked and version.partition("+")[0] == locked)
