"""The parameters that papermill has injected into a notebook are those that its cells see.

Papermill replaces the first cell of an earlier execution's parameters where it stands; any other,
and the defaults where they come later, would undo what was asked for. Knows nothing about jobs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from proofbook.errors import UsageError
from proofbook.runner.source import INJECTED

__all__ = ["refuse_other_parameters"]

_DEFAULTS = "parameters"


def refuse_other_parameters(notebook: Any) -> None:
    """Refuse a notebook in which other cells set parameters after the injected ones.

    Raises:
        UsageError: There is such a cell; the message names it.
    """
    asked = notebook.metadata.get("papermill", {}).get("parameters")
    for cell in _setting_again(notebook.cells) if asked else ():
        tag = INJECTED if INJECTED in _tags(cell) else _DEFAULTS
        raise UsageError(
            f"cell {cell.get('id')}, tagged {tag}, comes after the injected parameters and would "
            "undo them; remove the cells of an earlier execution's parameters from the notebook"
        )


def _setting_again(cells: list[Any]) -> Iterator[Any]:
    """Yield the cells of parameters after the first injected ones; of the defaults, the first."""
    injected = [index for index, cell in enumerate(cells) if INJECTED in _tags(cell)]
    defaults = [index for index, cell in enumerate(cells) if _DEFAULTS in _tags(cell)]
    for index in sorted([*injected, *defaults[:1]]):
        if injected and index > injected[0]:
            yield cells[index]


def _tags(cell: Any) -> list[str]:
    tags: list[str] = cell.get("metadata", {}).get("tags", [])
    return tags
