"""Save a growing notebook repeatedly and atomically, at a cost that does not grow with it.

Each cell is serialised once, when it has changed; saves are spaced so that they take at most three
hundredths of the time. Secrets are replaced before anything reaches the disk.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from proofbook.files import atomic_write
from proofbook.runs.notebook_redaction import redact_cell, redact_metadata
from proofbook.runs.redaction import Redactor

__all__ = ["NotebookRecorder"]

_SHARE = 0.03


class NotebookRecorder:
    """Saves one notebook.

    Args:
        notebook: An ``nbformat`` node of format 4.5; it is read at each save.
        path: Where to save; None saves nowhere.
        redact: Applied to everything written.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        notebook: Any,
        path: Path | None,
        redact: Redactor,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._notebook = notebook
        self._path = path
        self._redact = redact
        self._clock = clock
        self._texts: dict[int, str] = {}
        self._dirty = True
        self._not_before = 0.0

    def changed(self, index: int | None = None) -> None:
        """Note that a cell, or by default each, has changed; the next save serialises it again."""
        if index is None:
            self._texts.clear()
        else:
            self._texts.pop(index, None)
        self._dirty = True

    def save(self, *, sync: bool = True) -> None:
        """Save now; without ``sync`` a power cut may undo it."""
        if self._path is None:
            return
        started = self._clock()
        atomic_write(self._path, self.text(), sync=sync)
        ended = self._clock()
        self._dirty = False
        self._not_before = ended + (ended - started) / _SHARE

    def save_if_due(self) -> None:
        """Save if something has changed and the last save is long enough ago."""
        if self._dirty and self._clock() >= self._not_before:
            self.save(sync=False)

    def text(self) -> str:
        """Return the notebook's JSON without secrets."""
        cells = ",\n".join(self._cell_text(i) for i in range(len(self._notebook.cells)))
        metadata = _indented(redact_metadata(self._redact, self._notebook.metadata), 1)
        return (
            f'{{\n "cells": [\n{cells}\n ],\n "metadata": {metadata},\n'
            f' "nbformat": 4,\n "nbformat_minor": {max(5, self._notebook.nbformat_minor)}\n}}\n'
        )

    def without_secrets(self) -> Any:
        """Return the notebook as it is saved."""
        import nbformat

        return nbformat.reads(self.text(), as_version=4)

    def _cell_text(self, index: int) -> str:
        if index not in self._texts:
            cell = redact_cell(self._redact, self._notebook.cells[index])
            self._texts[index] = "  " + _indented(cell, 2)
        return self._texts[index]


def _indented(value: Any, depth: int) -> str:
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
    return text.replace("\n", "\n" + " " * depth)
