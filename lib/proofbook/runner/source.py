"""Turn a runbook's file into the notebook that is executed: of format 4, with no old parameters.

Knows nothing about jobs.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

__all__ = ["INJECTED", "decode_notebook", "load_source"]

INJECTED = "injected-parameters"
"""Tag of a cell that papermill puts parameters into."""
_MINOR_WITH_IDS = 5


def decode_notebook(data: bytes) -> str:
    """Return the text of a notebook's file, in whichever of JSON's encodings, without its BOM."""
    encoding = json.detect_encoding(data)
    return data.decode(encoding)


def load_source(text: str) -> Any:
    """Return the notebook to execute.

    A cell of parameters that an earlier execution has injected is left out: papermill would
    replace the first of them where it stands, and any other would undo what is planned.
    """
    import nbformat

    content = json.loads(text)
    is_old = content["nbformat"] < nbformat.current_nbformat
    # The old formats have a node class of their own, which papermill does not take.
    notebook = nbformat.from_dict(nbformat.reads(text, as_version=4) if is_old else content)
    notebook.cells = [cell for cell in notebook.cells if INJECTED not in _tags(cell)]
    _identify(notebook)
    return notebook


def _identify(notebook: Any) -> None:
    """Give each cell an id of its own, the same at each execution."""
    notebook.nbformat_minor = max(notebook.get("nbformat_minor", 0), _MINOR_WITH_IDS)
    used: set[str] = set()
    for index, cell in enumerate(notebook.cells):
        wanted = cell.get("id") or f"cell-{index}"
        numbered = (f"{wanted}-{number}" for number in itertools.count(2))
        cell.id = next(each for each in itertools.chain([wanted], numbered) if each not in used)
        used.add(cell.id)


def _tags(cell: Any) -> list[str]:
    tags: list[str] = cell.get("metadata", {}).get("tags", [])
    return tags
