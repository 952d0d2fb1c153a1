"""Whether what a project declares is what its interpreter has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from packaging.utils import canonicalize_name

from proofbook_systems.environment.declared.declarations import PYTHON_PIN
from proofbook_systems.environment.declared.locks import Lock
from proofbook_systems.environment.declared.wanted import Declaration
from proofbook_systems.environment.interpreters.interpreter import Interpreter
from proofbook_systems.environment.packages.closure import judge_conflicts
from proofbook_systems.environment.packages.findings import Finding
from proofbook_systems.environment.packages.installed import list_dependencies, look_up
from proofbook_systems.environment.packages.locked import judge_lock
from proofbook_systems.environment.packages.variants import find_variant

__all__ = ["judge_declarations"]

_WHY = "the project says that it needs it"
_NO_CONDA = "the project's environment was not made by conda, and other files say what it needs"


def judge_declarations(
    declarations: Sequence[Declaration],
    locks: Iterable[Lock],
    interpreter: Interpreter,
    groups: Sequence[str] = (),
) -> Iterator[Finding]:
    """Judge each declaration that counts, then the locks, then what the packages need themselves.

    Args:
        declarations: All of the project.
        locks: Its lock files.
        interpreter: Its interpreter, which answers.
        groups: Extras, groups and further requirements files that are needed, too.
    """
    if unknown := _unknown_groups(declarations, groups):
        yield Finding(name="groups", issues=unknown, why="a group that is asked for must exist")
    judged = [each for each in declarations if not each.group or _is_asked(each, groups)]
    judged = [each for each in judged if not _is_mere_pin(each, judged)]
    for declaration in judged:
        if _is_for_conda_users(declaration, judged, interpreter):
            yield Finding(name=f"declared-{declaration.name}", why=_WHY, unjudged=_NO_CONDA)
            continue
        yield _judge(declaration, interpreter, find_variant(declaration, declarations, interpreter))
    for lock in locks:
        yield judge_lock(lock, judged, interpreter)
    yield judge_conflicts(declarations, interpreter)


def _judge(
    declaration: Declaration, interpreter: Interpreter, variant: Declaration | None
) -> Finding:
    looked = list_dependencies([declaration], interpreter)
    limits = [look_up(each, declaration.group, interpreter) for each in declaration.constraints]
    missing = [each for each in looked if each.status == "missing"]
    wrong = [each.words for each in looked if each.status in ("another version", "elsewhere")]
    wrong += [each.words for each in limits if each.status == "another version"]
    wrong = [*declaration.problems, *wrong]
    unjudged = declaration.computed if not (declaration.wanted or declaration.problems) else ""
    if variant and not wrong and missing:
        names = ", ".join(each.name for each in missing)
        unjudged = f"{variant.file} is what is installed here; {names} are not"
    return Finding(
        name=f"declared-{declaration.name}",
        issues=() if unjudged else (*wrong, *(each.words for each in missing)),
        why=_WHY,
        unjudged=unjudged,
    )


def _is_for_conda_users(
    declaration: Declaration, declarations: Iterable[Declaration], interpreter: Interpreter
) -> bool:
    """Say whether others declare what a user without conda installs."""
    others = [each for each in declarations if each.wanted and not each.is_conda
              and each.file != PYTHON_PIN]  # fmt: skip
    return declaration.is_conda and not interpreter.conda and bool(others)


def _is_mere_pin(declaration: Declaration, declarations: Iterable[Declaration]) -> bool:
    """Say whether a file pins Python for those who develop, since another one says what will do."""
    ranges = [each for each in declarations if each.file != PYTHON_PIN
              and any(wanted.name == "python" for wanted in each.wanted)]  # fmt: skip
    return declaration.file == PYTHON_PIN and bool(ranges)


def _is_asked(declaration: Declaration, groups: Iterable[str]) -> bool:
    asked = {canonicalize_name(group) for group in groups}
    names = (declaration.group, declaration.file, declaration.name)
    return bool(asked & {canonicalize_name(name) for name in names})


def _unknown_groups(declarations: Iterable[Declaration], groups: Iterable[str]) -> tuple[str, ...]:
    optional = [each for each in declarations if each.group]
    known = ", ".join(dict.fromkeys(each.group for each in optional)) or "none"
    return tuple(
        f"no file declares the group {group!r}; there are: {known}"
        for group in groups
        if not any(_is_asked(each, [group]) for each in optional)
    )
