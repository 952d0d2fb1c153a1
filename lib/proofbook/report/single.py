"""A report in one file, to be sent to somebody: media are in it, up to a size that still opens.

Media of failing jobs come first, then those of jobs with open questions, then all others.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from proofbook.files import atomic_write, is_readable
from proofbook.records import MediaFile
from proofbook.report.history import load_history
from proofbook.report.loading import load_run
from proofbook.report.page import render_page
from proofbook.report.summary import JobSummary, RunSummary
from proofbook.report.wording import severity_of
from proofbook.runs.folder import RunFolder
from proofbook.signoff.trust import EVERYBODY, Trust

__all__ = ["DEFAULT_BUDGET", "Embedding", "write_single_file"]

DEFAULT_BUDGET = 25_000_000
"""Bytes; mail servers refuse more, and browsers get slow."""

_PACKED = 1.02
"""What packing adds at most to media in details that are unpacked when they are opened."""
_NOTE_BYTES = 1000
"""Room for the note that says what is left out."""


@dataclass
class Embedding:
    """Puts the chosen media files into a page."""

    media: Path
    chosen: frozenset[str] = frozenset()
    left_out: dict[str, int] = field(default_factory=dict)
    """Size of each file that is not in it, by its name."""
    left_out_of: dict[str, int] = field(default_factory=dict)
    """How many of them are of which jobs: failing ones, those with open questions, others."""

    def link(self, file: MediaFile) -> str:
        """Return a file as a data URI; nothing where it was not chosen."""
        if file.filename not in self.chosen:
            return ""
        content = base64.b64encode((self.media / file.filename).read_bytes()).decode()
        return f"data:{file.media_type};base64,{content}"


def choose_media(run: RunSummary, media: Path, room: int) -> Embedding:
    """Choose media for so many bytes, those of the worst jobs first.

    A file that several jobs show counts, and belongs to, each of them.
    """
    uses: Counter[str] = Counter()
    first: dict[str, tuple[MediaFile, str]] = {}
    for group, file in _files(run):
        uses[file.filename] += 1
        first.setdefault(file.filename, (file, group))
    embedding, chosen = Embedding(media), set()
    for name, (file, group) in first.items():
        needed = int(4 * (file.size // 3 + 1) * uses[name] * _PACKED)
        if needed <= room and is_readable(media / name):
            room -= needed
            chosen.add(name)
        else:
            embedding.left_out[name] = file.size
            embedding.left_out_of[group] = embedding.left_out_of.get(group, 0) + 1
    embedding.chosen = frozenset(chosen)
    return embedding


def write_single_file(
    folder: RunFolder, target: Path, budget: int = DEFAULT_BUDGET, *, trust: Trust = EVERYBODY
) -> Embedding:
    """Write a run's report with its media into one file; return what is in it and what is not.

    Args:
        folder: The run.
        target: The file.
        budget: Bytes that the file may have, as far as the report without media allows.
        trust: Whose answers count.

    Raises:
        RunFolderError: The folder is not a run.
        OSError: The file cannot be written.
    """
    run = load_run(folder, trust=trust)
    history = load_history(folder.path.parent, run)
    nothing = choose_media(run, folder.media, 0)
    without = len(
        render_page(run, folder.media, history, embedding=nothing).encode("utf-8", "replace")
    )
    embedding = choose_media(run, folder.media, budget - without - _NOTE_BYTES)
    page = render_page(run, folder.media, history, embedding=embedding)
    atomic_write(target, page.encode("utf-8", "replace"))
    return embedding


def _files(run: RunSummary) -> Iterator[tuple[str, MediaFile]]:
    """Yield each use of a media file with the group of its job, in the order of choice."""
    groups = (
        ("failing jobs", lambda job: not job.is_green),
        ("jobs with open questions", lambda job: job.is_green and job.open_questions),
        ("other jobs", lambda job: job.is_green and not job.open_questions),
    )
    for group, belongs in groups:
        for job in sorted(filter(belongs, run.jobs), key=severity_of):
            yield from ((group, file) for file in _files_of(job))


def _files_of(job: JobSummary) -> Iterator[MediaFile]:
    for shown in job.evidence:
        yield shown.file
        yield from shown.views.values()
