"""Requirements files of which a user installs one: for production, for development, for a GPU.

Which one is not declared anywhere. One that is installed whole, and is for the most part what
another one lists, is the one that was chosen. A part that the other one includes is no choice.
"""

from __future__ import annotations

from collections.abc import Iterable

from proofbook_systems.environment.declared.wanted import Declaration
from proofbook_systems.environment.interpreters.interpreter import Interpreter
from proofbook_systems.environment.packages.installed import list_dependencies

__all__ = ["find_variant"]

_FEWEST = 2


def find_variant(
    declaration: Declaration, declarations: Iterable[Declaration], interpreter: Interpreter
) -> Declaration | None:
    """Return the requirements file that was installed in the place of this one, if one was."""
    own = _names(declaration)
    for other in declarations:
        if not _is_list(other) or not _is_list(declaration) or _includes(declaration, other):
            continue
        names = _names(other)
        alike = len(names) >= _FEWEST and len(names & own) * 2 >= len(names)
        if alike and _is_whole(other, interpreter):
            return other
    return None


def _is_list(declaration: Declaration) -> bool:
    return declaration.file.endswith((".txt", ".in")) and not declaration.problems


def _includes(declaration: Declaration, other: Declaration) -> bool:
    files = {declaration.file, *(each.where.rpartition(":")[0] for each in declaration.wanted)}
    return other.file in files


def _names(declaration: Declaration) -> frozenset[str]:
    return frozenset(each.name for each in declaration.wanted)


def _is_whole(declaration: Declaration, interpreter: Interpreter) -> bool:
    return all(each.status == "ok" for each in list_dependencies([declaration], interpreter))
