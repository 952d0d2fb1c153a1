"""A report in one file, to be sent to somebody: media are in it, up to a size that still opens."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path

from proofbook.files import atomic_write
from proofbook.records import MediaFile
from proofbook.report.history import load_history
from proofbook.report.loading import load_run
from proofbook.report.page import render_page
from proofbook.runs.folder import RunFolder

__all__ = ["DEFAULT_BUDGET", "Embedding", "write_single_file"]

DEFAULT_BUDGET = 25_000_000
"""Bytes; mail servers refuse more, and browsers get slow."""


@dataclass
class Embedding:
    """Puts media files into a page until the budget is spent."""

    media: Path
    budget: int
    spent: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    """Size of each file that is not in it, by its name."""
    _links: dict[str, str] = field(default_factory=dict)

    def link(self, file: MediaFile) -> str:
        """Return a file as a data URI; nothing where there is no room for it, or no file."""
        if file.filename in self._links:
            return self._links[file.filename]
        size = 4 * (file.size // 3 + 1)
        path = self.media / file.filename
        if self.spent + size > self.budget or not path.is_file():
            self.left_out[file.filename] = file.size
            return self._links.setdefault(file.filename, "")
        self.spent += size
        content = base64.b64encode(path.read_bytes()).decode()
        return self._links.setdefault(file.filename, f"data:{file.media_type};base64,{content}")


def write_single_file(folder: RunFolder, target: Path, budget: int = DEFAULT_BUDGET) -> Embedding:
    """Write a run's report with its media into one file; return what is in it and what is not.

    Raises:
        RunFolderError: The folder is not a run.
        OSError: The file cannot be written.
    """
    run = load_run(folder)
    history = load_history(folder.path.parent, run)
    without = len(render_page(run, folder.media, history, embedding=Embedding(folder.media, 0)))
    embedding = Embedding(folder.media, max(0, budget - without))
    # Twice: the warning at the top says what was left out further down.
    render_page(run, folder.media, history, embedding=embedding)
    page = render_page(run, folder.media, history, embedding=embedding)
    atomic_write(target, page.encode("utf-8", "replace"))
    return embedding
