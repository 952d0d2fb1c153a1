"""Pieces that arrive are written and hashed at once, while what follows is on its way."""

from __future__ import annotations

import hashlib
import stat
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from proofbook.files import hash_file
from proofbook.fingerprints import note_hash
from proofbook.runner.executors.pieces import Piece, write_pieces

__all__ = ["Arrival"]

_WAITING = 2
"""Lots of pieces that are kept until they are written and hashed, at most."""


class Arrival:
    """Takes pieces into a folder, each lot by two threads. Leaving its context waits for both.

    Raises:
        ProofbookError: A piece does not belong into the folder.
        OSError: It cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[Path, _Known] = {}
        self._write = _Worker("write", lambda pieces: write_pieces(folder, pieces))
        self._hash = _Worker("hash", self._add)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._write.end(wait=kind is None)
        finally:
            self._hash.end(wait=kind is None)

    def take(self, pieces: Sequence[Piece]) -> None:
        """Write some pieces, after those before."""
        self._hash.begin(pieces)
        self._write.begin(pieces)

    def hash_of(self, path: Path) -> str:
        """Return the sha256 of a file that has arrived; it is read where that is not known."""
        known = self._known.get(path)
        if known is None or not known.is_whole(path):
            return hash_file(path)
        return known.sha256

    def note(self) -> None:
        """Have nobody read again what has arrived, until it is changed."""
        for path, known in self._known.items():
            if known.is_whole(path):
                note_hash(path, known.sha256)

    def _add(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            path = self._folder / piece.path
            if not stat.S_ISREG(piece.mode):
                self._known.pop(path, None)
                continue
            if piece.offset == 0:
                self._known[path] = _Known()
            self._known.setdefault(path, _Known()).add(piece)


@dataclass
class _Known:
    """What is known of one file's bytes."""

    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    in_order: bool = True
    """Whether each piece began where the one before had ended."""

    def add(self, piece: Piece) -> None:
        """Take in the next piece."""
        self.in_order = self.in_order and piece.offset == self.size
        if self.in_order:
            self.digest.update(memoryview(piece.data))
            self.size += piece.data.nbytes

    def is_whole(self, path: Path) -> bool:
        """Say whether these are all bytes of a file."""
        return self.in_order and not path.is_symlink() and path.stat().st_size == self.size

    @property
    def sha256(self) -> str:
        """Of the bytes so far."""
        return str(self.digest.hexdigest())


class _Worker:
    """A thread that does one thing after another, with few of them waiting."""

    def __init__(self, name: str, work: Callable[[Sequence[Piece]], None]) -> None:
        self._work = work
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._waiting: deque[Future[None]] = deque()

    def begin(self, pieces: Sequence[Piece]) -> None:
        if len(self._waiting) == _WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._work, pieces))

    def end(self, *, wait: bool) -> None:
        with self._thread:
            while wait and self._waiting:
                self._waiting.popleft().result()
