"""Files as pieces that can be sent: read here, written there, whatever lies between.

What arrives was received: no piece leaves the folder that it is written into.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import dropwhile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from proofbook.errors import ProofbookError

__all__ = ["Piece", "pieces_of", "write_pieces"]

_LARGEST = 64 * 2**20
"""Bytes of one piece."""
_BUNDLE = 4 * 2**20
"""Bytes of small files that travel together."""
_EMPTY = np.empty(0, np.uint8)

LeaveOut = Callable[[Path, str], bool]
"""Says of a file, and of the place it belongs to, that it goes another way."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of a file, a folder, or a link within the tree."""

    path: str
    """Where it belongs, relative to the folder of the tree, with ``/``."""
    mode: int
    """Permissions, and what it is, as ``st_mode`` has both."""
    offset: int = 0
    data: Any = field(default_factory=lambda: _EMPTY)
    """Bytes as an array, of shape (n,), which is sent without being copied."""
    link: str = ""


def pieces_of(
    root: Path,
    at: str = "",
    *,
    leave_out: LeaveOut = lambda path, at: False,
    largest: int | None = None,
) -> Iterator[list[Piece]]:
    """Yield what is at ``root``, a file or a folder, in bundles of some megabytes.

    Args:
        root: What is sent. Links that lead out of it are sent as what they lead to.
        at: Where it belongs in the folder that it is written into.
        leave_out: What is not sent.
        largest: Bytes of one piece.

    Raises:
        OSError: A file cannot be read.
    """
    bundle: list[Piece] = []
    size = 0
    whole = _walk(root, root, at or root.name, leave_out)
    for piece in (part for file in whole for part in _cut(file, largest or _LARGEST)):
        bundle.append(piece)
        size += piece.data.nbytes
        if size >= _BUNDLE:
            yield bundle
            bundle, size = [], 0
    if bundle:
        yield bundle


def write_pieces(folder: Path, pieces: Iterable[Piece]) -> None:
    """Write pieces into a folder, in the order in which :func:`pieces_of` yields them.

    Raises:
        ProofbookError: One does not belong into the folder.
        OSError: It cannot be written.
    """
    for piece in pieces:
        target = folder.joinpath(*_parts(piece.path))
        _refuse_links(folder, target.parent)
        if stat.S_ISDIR(piece.mode):
            target.mkdir(parents=True, exist_ok=True)
        elif stat.S_ISLNK(piece.mode):
            _link(folder, target, piece.link)
        else:
            _write(target, piece)


def _walk(
    path: Path, root: Path, at: str, leave_out: LeaveOut, within: tuple[Path, ...] = ()
) -> Iterator[Piece]:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        to = str(path.readlink())
        if path != root and _stays_within(path.parent, to, root):
            yield Piece(path=at, mode=status.st_mode, link=to)
            return
        if not path.exists():
            return  # it leads nowhere
        status, root = path.stat(), path  # what is in it and leads out of it is not where it was
    if stat.S_ISDIR(status.st_mode):
        yield Piece(path=at, mode=status.st_mode)
        real = path.resolve()
        for entry in () if real in within else sorted(path.iterdir()):  # a link may lead back up
            yield from _walk(entry, root, f"{at}/{entry.name}", leave_out, (*within, real))
    elif stat.S_ISREG(status.st_mode) and not leave_out(path, at):
        yield Piece(path=at, mode=status.st_mode, data=_bytes_of(path, status))


def _stays_within(parent: Path, to: str, folder: Path) -> bool:
    """Say whether a link in ``parent`` leads to a place in ``folder``, whatever links it passes.

    After a name, ``..`` would be the parent of what that name leads to.
    """
    names = dropwhile(lambda part: part == "..", PurePosixPath(to).parts)
    if Path(to).is_absolute() or ".." in names:
        return False
    return Path(os.path.normpath(parent / to)).is_relative_to(folder)


def _bytes_of(path: Path, status: os.stat_result) -> Any:
    size = status.st_size
    return np.memmap(path, np.uint8, mode="r", shape=(size,)) if size else _EMPTY


def _cut(piece: Piece, largest: int) -> Iterator[Piece]:
    """Yield the parts of a file of which none has more bytes."""
    for offset in range(0, max(piece.data.nbytes, 1), largest):
        part = np.asarray(piece.data[offset : offset + largest])
        yield replace(piece, offset=offset, data=part)


def _parts(path: str) -> tuple[str, ...]:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise ProofbookError(f"a file called {path!r} was received, which leaves its folder")
    return parts


def _refuse_links(folder: Path, parent: Path) -> None:
    """Refuse to write through a link that was received before."""
    for each in (parent, *parent.parents):
        if each == folder:
            return
        if each.is_symlink():
            raise ProofbookError(f"a file behind the link {each.name} was received")


def _link(folder: Path, target: Path, to: str) -> None:
    if not _stays_within(target.parent, to, folder):
        raise ProofbookError(f"a link to {to!r} was received, which leaves its folder")
    target.unlink(missing_ok=True)
    target.symlink_to(to)


def _write(target: Path, piece: Piece) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (0 if piece.offset else os.O_TRUNC)
    with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
        file.seek(piece.offset)
        file.write(memoryview(piece.data))
        os.fchmod(file.fileno(), stat.S_IMODE(piece.mode) & 0o777)
