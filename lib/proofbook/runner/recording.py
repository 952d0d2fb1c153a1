"""Save a growing notebook repeatedly and atomically, at a cost that does not grow with it.

Each cell is serialised once, when it has changed; saves are spaced so that they take at most three
hundredths of the time. Secrets are replaced before anything reaches the disk. A save that fails
while the notebook grows is tried again; only the first and the last must succeed.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from proofbook.files import atomic_write
from proofbook.runs.redaction import Redactor

__all__ = ["NotebookRecorder", "Write", "write_nowhere", "write_to"]

_SHARE = 0.03
_RETRY_SECONDS = 1.0

_log = logging.getLogger("proofbook.runner")


class Write(Protocol):
    """Writes the text of a notebook to where it is saved."""

    def __call__(self, text: str, *, sync: bool) -> None:
        """Replace what was written; without ``sync`` a power cut may undo it."""


def write_to(path: Path) -> Write:
    """Return what writes a file atomically."""

    def write(text: str, *, sync: bool) -> None:
        atomic_write(path, text, sync=sync)

    return write


def write_nowhere(text: str, *, sync: bool) -> None:
    """Save nothing."""


class NotebookRecorder:
    """Saves one notebook.

    Args:
        notebook: An ``nbformat`` node of format 4.5; it is read at each save.
        write: Writes its text.
        redact: Applied to everything written.
        every: Seconds between the saves while a cell runs; 0 saves only between cells, None as
            often as it costs little.
        each_step: Whether each start and end of a cell is saved, whatever it costs.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        notebook: Any,
        write: Write,
        redact: Redactor,
        *,
        every: float | None = None,
        each_step: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._notebook = notebook
        self._write = write
        self._redact = redact
        self._every = every
        self._each_step = each_step
        self._clock = clock
        self._texts: dict[int, str] = {}
        self._dirty = True
        self._saved: float | None = None
        self._not_before = 0.0

    def changed(self, index: int) -> None:
        """Note that a cell has changed; the next save serialises it again."""
        self._texts.pop(index, None)
        self._dirty = True

    def save(self, *, sync: bool = True) -> None:
        """Save now; without ``sync`` a power cut may undo it.

        Raises:
            OSError: The notebook cannot be saved; another error where papermill's writer has one.
        """
        if self._write is write_nowhere:
            return
        started = self._clock()
        self._write(self.text(), sync=sync)
        self._saved = ended = self._clock()
        self._dirty = False
        self._not_before = ended + (ended - started) / _SHARE

    def save_step(self) -> None:
        """Save at the start or end of a cell; at the first, a failure is raised."""
        if self._saved is None:
            self.save(sync=False)
        elif self._dirty and (self._each_step or self._clock() >= self._not_before):
            self._try_save()

    def autosave(self) -> None:
        """Save while a cell runs, if something has changed and the last save is long enough ago."""
        if self._saved is None or self._every == 0 or not self._dirty:
            return
        if self._clock() >= max(self._not_before, self._saved + (self._every or 0.0)):
            self._try_save()

    def text(self) -> str:
        """Return the notebook's JSON without secrets."""
        cells = ",\n".join(self._cell_text(i) for i in range(len(self._notebook.cells)))
        metadata = _indented(self._redact.walk(self._notebook.metadata), 1)
        return (
            f'{{\n "cells": [\n{cells}\n ],\n "metadata": {metadata},\n'
            f' "nbformat": 4,\n "nbformat_minor": {max(5, self._notebook.nbformat_minor)}\n}}\n'
        )

    def _try_save(self) -> None:
        try:
            self.save(sync=False)
        except Exception as error:  # noqa: BLE001 - whatever papermill's writers raise
            # A disk may be full, or a service away, for a moment; the last save must succeed.
            _log.warning("the notebook could not be saved, and will be tried again: %s", error)
            self._not_before = self._clock() + _RETRY_SECONDS

    def _cell_text(self, index: int) -> str:
        if index not in self._texts:
            cell = self._redact.walk(self._notebook.cells[index])
            self._texts[index] = "  " + _indented(cell, 2)
        return self._texts[index]


def _indented(value: Any, depth: int) -> str:
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
    return text.replace("\n", "\n" + " " * depth)
