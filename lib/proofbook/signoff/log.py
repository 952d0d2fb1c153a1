"""The sign-off log of a run: append-only, each line bound to the one before it.

``signoffs.head``, next to ``signoffs.jsonl``, holds the number and hash of its last line, so that
lines cut off at the end are noticed too. Many processes may append at once. Knows nothing about
what an answer means.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock
from pydantic import ValidationError

from proofbook.files import atomic_write
from proofbook.signoff.entries import FIRST, Answer, Seal, canonical, line_hash, parse_entry

__all__ = ["LogState", "LogTail", "SignoffLog", "by_job"]

_BLOCK = 1 << 16


@dataclass(frozen=True)
class LogState:
    """What a log says, and what is wrong with it."""

    entries: tuple[Answer | Seal, ...] = ()
    problems: tuple[str, ...] = ()
    """Signs of tampering, one line each."""
    notes: tuple[str, ...] = ()
    """What a reader should know and what is no sign of tampering."""

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """The answers, in order."""
        return tuple(entry for entry in self.entries if isinstance(entry, Answer))

    @cached_property
    def by_job(self) -> dict[str, dict[str, list[Answer]]]:
        """The answers, in order, by job and then by question."""
        return by_job(self.answers)

    @cached_property
    def seals(self) -> tuple[Seal, ...]:
        """The seals, in order."""
        return tuple(entry for entry in self.entries if isinstance(entry, Seal))

    @property
    def seal(self) -> Seal | None:
        """The last seal."""
        return self.seals[-1] if self.seals else None


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

    def append(self, make: Callable[[int, str], Answer | Seal]) -> Answer | Seal:
        """Append what ``make`` returns for its number and the hash before it; on disk on return.

        A torn last line, left by a power cut, is dropped first: it was never acknowledged.
        """
        with FileLock(self.folder / ".signoffs.lock"):
            self._drop_torn_line()
            last = self._last_line()
            number = parse_entry(last).number + 1 if last else 0
            entry = make(number, line_hash(last) if last else FIRST)
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
            gone = "signoffs.jsonl is gone, and signoffs.head says that there was one"
            return LogState(problems=(gone,) if self.head.exists() else ())
        data = self.path.read_bytes()
        *lines, rest = data.split(b"\n")
        notes = ["the last line is torn and is ignored"] if rest else []
        entries, problems = _read_lines(lines, self.run)
        problems += self._head_problems(lines)
        notes += _backward_clocks(entries)
        return LogState(tuple(entries), tuple(problems), tuple(notes))

    def _head_problems(self, lines: list[bytes]) -> list[str]:
        try:
            raw = self.head.read_bytes()
            head = json.loads(raw)
            number, known = int(head["number"]), str(head["sha256"])
            whole = raw == (canonical(head) + "\n").encode() and len(head) == 2
        except FileNotFoundError:
            # The very first append may have ended between the line and the head.
            return ["signoffs.head is gone"] if len(lines) > 1 else []
        except (ValueError, KeyError, TypeError):
            return ["signoffs.head cannot be read"]
        if not whole or number < len(lines) - 2:
            return ["signoffs.head has been changed"]
        if number >= len(lines):
            return [f"signoffs.jsonl ends after {len(lines)} lines, and had {number + 1}"]
        if line_hash(lines[number]) != known:
            return [f"line {number + 1} of signoffs.jsonl is not the one that was written last"]
        return []

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

    def _last_line(self) -> bytes:
        if not self.path.exists():
            return b""
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if not size:
                return b""
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
    """The answers of a log that grows, read piece by piece; nothing is verified."""

    def __init__(self, path: Path) -> None:
        self._path, self._read, self._answers = path, 0, list[Answer]()
        self._lock = threading.Lock()

    def answers(self) -> list[Answer]:
        """Return all answers that are whole by now."""
        with self._lock:
            if self._path.exists():
                with self._path.open("rb") as file:
                    file.seek(self._read)
                    lines = file.read().rpartition(b"\n")[0]
                if lines:
                    self._read += len(lines) + 1
                    self._answers += _answers_in(lines)
            return list(self._answers)


def _answers_in(lines: bytes) -> Iterator[Answer]:
    for line in lines.split(b"\n"):
        with contextlib.suppress(ValidationError):  # reading the whole log reports it
            entry = parse_entry(line)
            if isinstance(entry, Answer):
                yield entry


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


def _read_lines(lines: list[bytes], run: str) -> tuple[list[Answer | Seal], list[str]]:
    entries: list[Answer | Seal] = []
    problems: list[str] = []
    previous, ids = FIRST, set[str]()
    for index, line in enumerate(lines):
        where = f"line {index + 1} of signoffs.jsonl"
        try:
            entry = parse_entry(line)
        except ValidationError:
            problems.append(f"{where} cannot be read")
            previous = line_hash(line)
            continue
        if canonical(entry).encode() != line:
            problems.append(f"{where} has been rewritten")
        if entry.number != index or entry.previous != previous:
            problems.append(f"{where} does not follow the one before it")
        belongs = entry.run if isinstance(entry, Seal) else entry.binding.run
        if belongs != run:
            problems.append(f"{where} belongs to run {belongs}")
        if isinstance(entry, Answer):
            if entry.id in ids:
                problems.append(f"{where} is a copy of an earlier one")
            ids.add(entry.id)
        previous = line_hash(line)
        entries.append(entry)
    return entries, problems


def _backward_clocks(entries: list[Answer | Seal]) -> list[str]:
    return [
        f"entry {later.number} is dated before entry {earlier.number}: a clock went backwards"
        for earlier, later in itertools.pairwise(entries)
        if later.time < earlier.time
    ]
