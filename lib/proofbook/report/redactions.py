"""How many values were replaced in a job's files, and how a report says it.

Counted by the marks that the files have; knows nothing about how secrets are found.
"""

from __future__ import annotations

import functools
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path

from proofbook.files import open_file
from proofbook.records import Evidence
from proofbook.report.summary import RunSummary
from proofbook.runs.folder import JobFolder

__all__ = ["count_redactions", "say_redactions"]

_MARK = re.compile(rb"\[redacted:([^\[\]\r\n\"\\]{1,100})\]")
_LONGEST_MARK = 112
_PIECE = 1024 * 1024
_MOST_PLACES = 10
_LONGEST = 256 * 1024 * 1024
"""Of a file that claims to be longer, the ends are looked through: a hole of terabytes is free."""


def count_redactions(
    folder: JobFolder, media: Path, evidence: Iterable[Evidence]
) -> dict[str, dict[str, int]]:
    """Return, by a file's name and the variable's, how many values were replaced in it."""
    files = [folder.log, folder.notebook, folder.records, folder.outcome]
    files += [media / e.file.filename for e in evidence if _is_text(e.file.media_type)]
    stamps = [_stamp(path) for path in files]
    counts = [_count(path, *stamp) for path, stamp in zip(files, stamps, strict=True)]
    return {
        _called(path.name, size): dict(count)
        for path, (size, _), count in zip(files, stamps, counts, strict=True)
        if count
    }


def say_redactions(run: RunSummary) -> str:
    """Say how many values were replaced and where, the most first; empty where none was."""
    places = Counter(
        {
            (file, job.id, name): count
            for job in run.jobs
            for file, names in job.redacted.items()
            for name, count in names.items()
        }
    ).most_common()
    if not places:
        return ""
    total = sum(count for _, count in places)
    shown = ", ".join(
        f"{count} in {file} of {job} ({name})" for (file, job, name), count in places[:_MOST_PLACES]
    )
    more = len(places) - _MOST_PLACES
    rest = f" and in {more} more places" if more > 0 else ""
    values = "1 value was" if total == 1 else f"{total} values were"
    return f"{values} replaced, as secrets are never written: {shown}{rest}."


def _called(name: str, size: int) -> str:
    return f"{name} (first and last {_LONGEST // 2**21} MB)" if size > _LONGEST else name


def _is_text(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type == "application/json"


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


@functools.lru_cache(maxsize=16_384)
def _count(path: Path, size: int, mtime_ns: int) -> dict[str, int]:
    """Return how many values were replaced in a file as it is, by the variable's name."""
    try:
        names = list(_marks(path)) if size else []
    except OSError:
        return {}
    return dict(Counter(name.decode(errors="replace") for name in names))


def _marks(path: Path) -> Iterator[bytes]:
    """Yield the name in each mark of a file, of which only a piece is in memory at a time."""
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > _LONGEST:
            yield from _marks_of(file, _LONGEST // 2)
            file.seek(size - _LONGEST // 2)
        yield from _marks_of(file, max(size, _LONGEST))


def _marks_of(file: BufferedReader, length: int) -> Iterator[bytes]:
    """Yield the name in each mark of the next ``length`` bytes."""
    rest = b""
    while length > 0 and (piece := file.read(min(_PIECE, length))):
        length -= len(piece)
        data, done = rest + piece, 0
        for match in _MARK.finditer(data):
            yield match[1]
            done = match.end()
        rest = data[max(done, len(data) - _LONGEST_MARK) :]
