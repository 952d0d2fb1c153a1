"""Where a model's files come from: what every origin offers, and a folder on this machine.

Mirrors and the hub have modules of their own. Knows nothing of where the files go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.preload.checksums import PUBLISHED_FILE, parse_published, read_notes
from proofbook_systems.musicgen.snapshots import is_read

__all__ = ["FolderOrigin", "Origin", "RemoteFile", "Stream"]

_CHUNK = 2**20
_SKIPPED = re.compile(
    r"(^|/)(\.|(SHA256SUMS|sha256\.json|manifest\.sha256\.json)$)"
    r"|\.(part|part\.version|incomplete|lock)$"
)
"""Hidden files, unfinished ones, and notes about files."""


class RemoteFile(NamedTuple):
    """A file that an origin has."""

    path: str
    """Relative, with forward slashes."""
    size: int | None
    """Bytes, where that is known before it is read."""
    sha256: str
    """Empty where the origin does not tell."""


class Stream(NamedTuple):
    """An open file of an origin."""

    start: int
    """Byte that the first chunk begins with: what was asked for, or 0 if it starts again."""
    size: int | None
    """Bytes of the whole file."""
    version: str
    """What tells this version of the file from another; empty where nothing does."""
    chunks: Iterator[bytes]


class Origin(Protocol):
    """Lists files and reads them from any byte on."""

    @property
    def name(self) -> str:
        """What to call it in a message."""

    @property
    def linked(self) -> bool:
        """Whether its files never change once written, so that a hard link is as good as a copy."""

    def files(self) -> list[RemoteFile]:
        """Return what there is."""

    def local(self, path: str) -> Path | None:
        """Return where a file is on this machine, if it does."""

    def open(self, path: str, start: int, version: str) -> AbstractContextManager[Stream]:
        """Open a file from ``start`` on, if it still is of ``version``."""


@dataclass(frozen=True, kw_only=True)
class FolderOrigin:
    """A folder on this machine."""

    folder: Path
    digests: Mapping[str, str] = field(default_factory=dict)
    """Checksums by file, where another party knows them."""
    linked: bool = False

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.folder)

    def files(self) -> list[RemoteFile]:
        """Return all files but hidden and unfinished ones.

        Checksums are those given, those of a ``SHA256SUMS``, or those of an earlier preload.

        Raises:
            SubjectError: A file with a checksum is not there, or a link leads nowhere.
        """
        names = (p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*"))
        kept = [n for n in sorted(names) if not _SKIPPED.search(n)]
        if astray := [n for n in kept if is_read(n) and _leads_nowhere(self.folder / n)]:
            raise SubjectError(
                f"{astray[0]} in {self.folder} is a link to {(self.folder / astray[0]).readlink()}"
                ", where there is no file; complete it, or give another source"
            )
        there = [name for name in kept if (self.folder / name).is_file()]
        digests = self._digests()
        lacking = [name for name in digests if name not in there and not _SKIPPED.search(name)]
        if lacking:
            raise SubjectError(
                f"{self.folder} lacks {lacking[0]}, of which it has a checksum; complete it, or "
                "give another source"
            )
        return [
            RemoteFile(name, (self.folder / name).stat().st_size, digests.get(name, ""))
            for name in there
        ]

    def local(self, path: str) -> Path | None:
        """Return the file itself, links followed."""
        return (self.folder / path).resolve()

    @contextmanager
    def open(self, path: str, start: int, version: str) -> Iterator[Stream]:
        """Open a file; another size or time of change is another version.

        Raises:
            SubjectError: It cannot be read.
        """
        place = self.folder / path
        try:
            file, stat = place.open("rb"), place.stat()
        except OSError as error:
            raise _unreadable(place, error) from error
        with file:
            now = f"{stat.st_size}-{stat.st_mtime_ns}"
            begin = start if version == now else 0
            file.seek(begin)
            yield Stream(begin, stat.st_size, now, _chunks(file, place))

    def _digests(self) -> dict[str, str]:
        noted = {path: note.sha256 for path, note in read_notes(self.folder).items()}
        published = self.folder / PUBLISHED_FILE
        if published.is_file():
            text = published.read_text(encoding="utf-8", errors="replace")
            noted |= parse_published(text, str(published))
        return {**noted, **self.digests}


def _leads_nowhere(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _chunks(file: BinaryIO, place: Path) -> Iterator[bytes]:
    while True:
        try:
            chunk = file.read(_CHUNK)
        except OSError as error:
            raise _unreadable(place, error) from error
        if not chunk:
            return
        yield chunk


def _unreadable(place: Path, error: OSError) -> SubjectError:
    return SubjectError(
        f"{place} cannot be read ({error.strerror or error}); check the source and its rights"
    )
