"""Whether what is installed is as a lock file has it, and the lock knows all that is declared."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from proofbook_systems.environment.declared.locks import Lock
from proofbook_systems.environment.declared.wanted import Declaration, Wanted
from proofbook_systems.environment.interpreters.interpreter import Interpreter
from proofbook_systems.environment.packages.findings import Finding

__all__ = ["judge_lock"]

_FEWEST = 3


def judge_lock(
    lock: Lock, declarations: Iterable[Declaration], interpreter: Interpreter
) -> Finding:
    """Judge installed versions against locked ones, and declarations against the lock.

    What the lock has and nobody installed is not judged: it may be for another platform.
    """
    why = "with other versions than the locked ones, results are not those that were tested"
    name = f"lock-{lock.file}"
    if lock.problem:
        return Finding(name=name, issues=(lock.problem,), why=why)
    outdated = dict(_outdated(lock, declarations, interpreter))
    differing = list(_differing(lock, interpreter, without=outdated))
    if _is_from_elsewhere(lock, interpreter, len(differing)):
        unjudged = (
            f"the environment was not made from {lock.file}: {len(differing)} versions differ"
        )
        return Finding(name=name, issues=tuple(outdated.values()), why=why,
                       unjudged="" if outdated else unjudged)  # fmt: skip
    return Finding(name=name, issues=(*outdated.values(), *differing), why=why)


def _is_from_elsewhere(lock: Lock, interpreter: Interpreter, differing: int) -> bool:
    """Say whether somebody has installed the project by its declarations, and not by its lock.

    Libraries have a lock for those who develop them. Most versions differ then, and no package
    was installed by the lock's tool.
    """
    tool = lock.file.partition(".")[0].lower()
    installers = {each.installer.split(" ")[0] for each in interpreter.installed}
    comparable = sum(1 for name in interpreter.packages if lock.versions.get(name))
    by_tool = tool in installers and tool != "uv"  # uv installs in both ways
    return not by_tool and differing >= _FEWEST and differing * 2 > comparable


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
