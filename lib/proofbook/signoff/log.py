"""The sign-off log of a run: append-only, each line bound to the one before it.

``signoffs.head``, next to ``signoffs.jsonl``, holds the number and hash of its last line, so that
lines cut off at the end are noticed too. Many processes may append at once. Knows nothing about
what an answer means.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proofbook.errors import RunFolderError
from proofbook.files import atomic_write, open_file, read_file
from proofbook.runs.locking import locked
from proofbook.signoff.chain import Chain, Place, answers_in
from proofbook.signoff.entries import (
    FIRST,
    Acceptance,
    Answer,
    Entry,
    Problem,
    Seal,
    canonical,
    line_hash,
    parse_entry,
)

__all__ = ["LogState", "LogTail", "SignoffLog", "by_job"]

_BLOCK = 1 << 16


@dataclass(frozen=True)
class LogState:
    """What a log says, and what is wrong with it."""

    entries: tuple[Entry, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Signs of tampering."""
    notes: tuple[str, ...] = ()
    """What a reader should know and what is no sign of tampering."""
    hashes: tuple[str, ...] = ()
    """Of every line, of those that are no entries, too."""
    known: Mapping[str, Place] = field(default_factory=dict)
    """Every line by its hash, with those that were merged."""

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """The answers, in order, with those that were merged."""
        return tuple(answers_in(self.entries))

    @cached_property
    def by_job(self) -> dict[str, dict[str, list[Answer]]]:
        """The answers, in order, by job and then by question."""
        return by_job(self.answers)

    @cached_property
    def acceptances(self) -> tuple[Acceptance, ...]:
        """What persons have accepted, in order."""
        return tuple(entry for entry in self.entries if isinstance(entry, Acceptance))

    @cached_property
    def seals(self) -> tuple[Seal, ...]:
        """The seals, in order."""
        return tuple(entry for entry in self.entries if isinstance(entry, Seal))

    @property
    def seal(self) -> Seal | None:
        """The last seal."""
        return self.seals[-1] if self.seals else None

    def seal_before(self, number: int) -> Seal | None:
        """The last seal before the entry of a number."""
        return next((seal for seal in reversed(self.seals) if seal.number < number), None)


@dataclass(frozen=True)
class SignoffLog:
    """``signoffs.jsonl`` of one run."""

    folder: Path
    run: str
    repaired: list[str] = field(default_factory=list)
    """What an append had to repair."""

    @property
    def path(self) -> Path:
        """The log."""
        return self.folder / "signoffs.jsonl"

    @property
    def head(self) -> Path:
        """Number and hash of its last line."""
        return self.folder / "signoffs.head"

    def append(self, make: Callable[[int, str], Entry]) -> Entry:
        """Append what ``make`` returns for its number and the hash before it; on disk on return.

        Nobody else appends while ``make`` decides. A torn last line, left by a power cut, is
        dropped first: it was never acknowledged.

        Raises:
            RunFolderError: The last line is not an entry, or the log cannot be locked.
        """
        with locked(self.folder / ".signoffs.lock"):
            self._drop_torn_line()
            last = self._last_line()
            number = 0 if last is None else self._number(last) + 1
            entry = make(number, FIRST if last is None else line_hash(last))
            line = canonical(entry).encode()
            with self.path.open("ab") as file:
                file.write(line + b"\n")
                file.flush()
                os.fsync(file.fileno())
            # Written after the line: a crash in between leaves a head that is one line behind.
            head = {"number": number, "sha256": line_hash(line)}
            atomic_write(self.head, canonical(head) + "\n", sync=False)
        return entry

    def read(self) -> LogState:
        """Read all of it, and say what is wrong; never raises for what is in the file."""
        if not self.path.exists():
            gone = Problem(
                "cut off", "signoffs.jsonl is gone, and signoffs.head says there was one"
            )
            return LogState(problems=(gone,) if self.head.exists() else ())
        try:
            data = read_file(self.path)
        except OSError as error:
            why = f"signoffs.jsonl cannot be read: {error.strerror}"
            return LogState(problems=(Problem("unreadable", why),))
        *lines, rest = data.split(b"\n")
        notes = ["the last line is torn and is ignored"] if rest else []
        chain = Chain(run=self.run)
        chain.extend(lines)
        problems = (*chain.problems, *self._head_problems(lines))
        notes += _backward_clocks(chain.entries)
        return LogState(
            tuple(chain.entries), problems, tuple(notes), tuple(chain.hashes), chain.known
        )

    def _head_problems(self, lines: list[bytes]) -> list[Problem]:
        try:
            raw = read_file(self.head)
            head = _Head.model_validate_json(raw)
        except FileNotFoundError:
            # The very first append may have ended between the line and the head.
            gone = Problem("head", "signoffs.head is gone")
            return [gone] if len(lines) > 1 else []
        except (OSError, ValidationError):
            return [Problem("head", "signoffs.head cannot be read")]
        number, count = head.number, len(lines)
        if raw != (canonical(head) + "\n").encode() or number < count - 2:
            return [Problem("head", "signoffs.head has been changed")]
        if number >= count:
            ends = f"signoffs.jsonl ends after {count} lines, and had {number + 1}"
            return [Problem("cut off", ends)]
        if line_hash(lines[number]) != head.sha256:
            other = f"line {number + 1} of signoffs.jsonl is not the one that was written last"
            return [Problem("rewritten", other)]
        return []

    def _number(self, line: bytes) -> int:
        try:
            return parse_entry(line).number
        except ValidationError as error:
            raise RunFolderError(
                f"{self.path}: its last line cannot be read, so nothing can follow it; "
                "proofbook verify says what is wrong"
            ) from error

    def _drop_torn_line(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb+") as file:
            size = file.seek(0, os.SEEK_END)
            if not size:
                return
            kept = _end_of_last_line(file, size)
            if kept == size:
                return
            file.truncate(kept)
            file.flush()
            os.fsync(file.fileno())
        self.repaired.append(f"dropped a torn last line of {size - kept} bytes")

    def _last_line(self) -> bytes | None:
        if not self.path.exists():
            return None
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if not size:
                return None
            start = _end_of_last_line(file, size - 1)
            file.seek(start)
            return file.read(size - 1 - start)


def by_job(answers: Iterable[Answer]) -> dict[str, dict[str, list[Answer]]]:
    """Return answers, in order, by job and then by question."""
    jobs: dict[str, dict[str, list[Answer]]] = {}
    for answer in answers:
        of_job = jobs.setdefault(answer.binding.job, {})
        of_job.setdefault(answer.binding.question, []).append(answer)
    return jobs


class LogTail:
    """The entries of a log that grows, read piece by piece; nothing is verified.

    For one thread at a time.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0

    def read(self) -> list[Entry]:
        """Return the entries that have become whole since it was read last."""
        if not self._path.exists():
            return []
        with open_file(self._path) as file:
            file.seek(self._read)
            lines = file.read().rpartition(b"\n")[0]
        if lines:
            self._read += len(lines) + 1
        return list(_entries_in(lines))


def _entries_in(lines: bytes) -> Iterator[Entry]:
    for line in lines.split(b"\n"):
        with contextlib.suppress(ValidationError):  # reading the whole log reports it
            yield parse_entry(line)


def _end_of_last_line(binary: BinaryIO, end: int) -> int:
    """Return the offset just after the last line break before ``end``; 0 if there is none."""
    while end > 0:
        begin = max(0, end - _BLOCK)
        binary.seek(begin)
        position = binary.read(end - begin).rfind(b"\n")
        if position >= 0:
            return begin + position + 1
        end = begin
    return 0


class _Head(BaseModel):
    """``signoffs.head``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int = Field(ge=0, strict=True)
    sha256: str


def _backward_clocks(entries: list[Entry]) -> list[str]:
    return [
        f"entry {later.number} is dated before entry {earlier.number}: a clock went backwards"
        for earlier, later in itertools.pairwise(entries)
        if later.time < earlier.time
    ]
