"""A runbook as it is kept: without outputs, counts and what JupyterLab notes beside them.

JupyterLab rewrites a notebook's ``kernelspec`` and ``language_info`` when a kernel connects, and
saves after two minutes. A runbook keeps its own metadata, and its file is only written where a
person has changed a cell. Knows nothing about Jupyter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proofbook.notebooks import source_of

__all__ = ["is_same_runbook", "strip_runbook"]

_MINIMAL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_NOTED = frozenset({"ExecuteTime", "collapsed", "execution", "jupyter", "scrolled", "trusted"})
"""Metadata of a cell that says how it was last seen or run."""

_Notebook = Mapping[str, Any]


def strip_runbook(content: _Notebook, kept: _Notebook | None) -> dict[str, Any]:
    """Return a notebook as a runbook's file holds it.

    Args:
        content: What is to be saved, of format 4.
        kept: The file that is there, whose metadata stay; None where there is none.
    """
    metadata = kept.get("metadata", {}) if kept is not None else _MINIMAL
    return {**content, "metadata": metadata, "cells": [_strip(c) for c in content["cells"]]}


def is_same_runbook(content: _Notebook, kept: _Notebook) -> bool:
    """Say whether two notebooks have the same cells, whatever JupyterLab has noted beside them."""
    ours, theirs = list(content["cells"]), list(kept["cells"])
    return len(ours) == len(theirs) and all(map(_is_same, ours, theirs))


def _strip(cell: _Notebook) -> dict[str, Any]:
    stripped = {**cell, "metadata": _lasting(cell)}
    if cell.get("cell_type") == "code":
        stripped.update(outputs=[], execution_count=None)
    return stripped


def _is_same(ours: _Notebook, theirs: _Notebook) -> bool:
    # A notebook older than cell ids gets some whenever it is opened.
    same_id = not theirs.get("id") or ours.get("id") == theirs["id"]
    return same_id and _parts(ours) == _parts(theirs)


def _parts(cell: _Notebook) -> tuple[object, ...]:
    source = source_of(dict(cell)).replace("\r\n", "\n").replace("\r", "\n")
    return cell.get("cell_type"), source, _lasting(cell), cell.get("attachments") or {}


def _lasting(cell: _Notebook) -> dict[str, Any]:
    return {name: value for name, value in cell["metadata"].items() if name not in _NOTED}
