"""Where papermill wants a notebook saved: a local file, or whatever one of its handlers writes to.

A local file is replaced atomically. All else, such as ``s3://``, ``gs://``, ``abs://`` or a scheme
that a package has registered, is written by papermill's own handler.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from proofbook.runner.recording import Write, write_nowhere, write_to

__all__ = ["Destination", "find_destination"]


class Destination(NamedTuple):
    """How a notebook is saved."""

    write: Write
    is_local: bool
    """Whether a save is cheap, and atomic."""


def find_destination(path: str | None) -> Destination:
    """Return how papermill's output path is written to; None saves nowhere.

    Raises:
        papermill.exceptions.PapermillException: No handler is registered for it.
    """
    from papermill.iorw import LocalHandler, papermill_io

    if path is None:
        return Destination(write_nowhere, True)
    handler = papermill_io.get_handler(path)
    if type(handler) is LocalHandler:
        # While papermill executes in another folder, its handler remembers where it was called.
        local = Path(handler._cwd or "", path)
        is_device = local.is_relative_to("/dev") or local.is_relative_to("/proc")
        if not is_device and (local.is_file() or not local.exists()):
            return Destination(write_to(local.resolve()), True)

    def write(text: str, *, sync: bool) -> None:
        papermill_io.write(text, path)

    return Destination(write, False)
