"""Read the lines of a log one after the other, each bound to the one before it.

A line may hold those that other copies of the log got: chains of their own, each of which follows
a line that is known. Knows nothing about files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import ValidationError

from proofbook.signoff.entries import (
    FIRST,
    Acceptance,
    Answer,
    Branch,
    Entry,
    Merge,
    Problem,
    Seal,
    canonical,
    line_hash,
    parse_entry,
)

__all__ = ["Chain", "Place", "answers_in", "entries_in", "hash_of", "lines_in", "outline"]

_HASH = re.compile(r"[0-9a-f]{64}")


class Place(NamedTuple):
    """Where a line is in its chain."""

    number: int
    seal: Seal | None
    """The last one up to there."""


_START = Place(-1, None)


@dataclass(kw_only=True)
class Chain:
    """What was read of a log, and what is wrong with it."""

    run: str
    hashes: list[str] = field(default_factory=list)
    """Of every line, of those that are no entries, too."""
    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    known: dict[str, Place] = field(default_factory=lambda: {FIRST: _START})
    """Every line of this log and of the branches in it, by its hash."""
    _ids: set[str] = field(default_factory=set)
    _texts: dict[str, str] = field(default_factory=dict)
    """Every entry as it is written, by its hash."""
    _merges: dict[str, str] = field(default_factory=dict)
    """Those that merged other copies, with hashes in place of lines."""

    def extend(self, lines: Iterable[str | bytes]) -> None:
        """Read more lines."""
        for line in lines:
            where = f"line {len(self.hashes) + 1} of signoffs.jsonl"
            last = self.hashes[-1] if self.hashes else FIRST
            found: list[tuple[str, str]] = []
            entry = self._follow(line, last, found)
            if entry is not None:
                self.entries.append(entry)
            if isinstance(entry, Merge):
                found += self._merge(entry, self.known[last].seal)
            self.problems += [Problem(word, f"{where} {text}") for word, text in found]
            self.hashes.append(line_hash(line))

    def _follow(self, line: str | bytes, last: str, found: list[tuple[str, str]]) -> Entry | None:
        """Read a line that follows another; note what is wrong with it, and where it is."""
        number, seal = self.known[last]
        entry = None
        try:
            entry = parse_entry(line)
        except ValidationError:
            found.append(("unreadable", "cannot be read"))
        else:
            found += self._problems_of(entry, line, number + 1, last)
            text = line if isinstance(line, str) else line.decode()
            self._texts[line_hash(line)] = text
            if isinstance(entry, Merge):
                self._merges[line_hash(line)] = outline(text)
            seal = entry if isinstance(entry, Seal) else seal
        self.known[line_hash(line)] = Place(number + 1, seal)
        return entry

    def _problems_of(
        self, entry: Entry, line: str | bytes, number: int, last: str
    ) -> Iterator[tuple[str, str]]:
        if not _is_canonical(line):
            yield "rewritten", "has been rewritten"
        if entry.number != number or entry.previous != last:
            yield "out of order", "does not follow the one before it"
        belongs = entry.binding.run if isinstance(entry, Answer) else entry.run
        if belongs != self.run:
            yield "other run", f"belongs to run {belongs}"
        if isinstance(entry, Answer | Acceptance):
            if entry.id in self._ids:
                yield "copy", "is a copy of an earlier one"
            self._ids.add(entry.id)

    def _merge(self, merge: Merge, seal: Seal | None) -> Iterator[tuple[str, str]]:
        """Yield why the lines of another copy may not count here: they are about the same files."""
        for branch in merge.branches:
            if branch.fork not in self.known:
                yield "merged", "has merged lines that follow none which is known"
                return
            found: list[tuple[str, str]] = []
            entries = list(self._read_branch(branch, found))
            yield from ((word, f"has merged a line that {text}") for word, text in found)
            if any(isinstance(entry, Acceptance | Merge) for entry in entries):
                yield "merged", "has merged what is no person's answer"
            theirs = self.known[_last_of(branch)].seal
            if seal is None or theirs is None or theirs.files != seal.files:
                yield "merged", "has merged answers about other files than the run has"

    def _read_branch(self, branch: Branch, found: list[tuple[str, str]]) -> Iterator[Entry]:
        last = branch.fork
        for line in branch.lines:
            if _HASH.fullmatch(line):
                place = self.known[last]
                if not self._is_merge(line, branch.merges.get(line, ""), place.number + 1, last):
                    found.append(("merged", "is left out"))
                self.known[line] = place._replace(number=place.number + 1)
            elif entry := self._follow(line, last, found):
                yield entry
            last = hash_of(line)

    def _is_merge(self, sha256: str, text: str, number: int, last: str) -> bool:
        """Say whether a hash is that of a line which merged what is known, and follows another."""
        try:
            values = json.loads(text)
            for branch in values["branches"]:
                left_out = branch["merges"]
                branch["lines"] = [
                    each if each in left_out else self._texts[each] for each in branch["lines"]
                ]
                branch["merges"] = {each: self._merges[each] for each in left_out}
            whole = canonical(values)
            entry = parse_entry(whole)
        except (ValueError, LookupError, TypeError, RecursionError):
            return False
        follows = entry.number == number and entry.previous == last
        if not isinstance(entry, Merge) or entry.run != self.run or not follows:
            return False
        self._merges[sha256] = text
        return line_hash(whole) == sha256


def outline(text: str) -> str:
    """Return a line that merged other copies, with hashes in place of what it brought."""
    values = json.loads(text)
    for branch in values["branches"]:
        branch["lines"] = [hash_of(line) for line in branch["lines"]]
        branch["merges"] = dict.fromkeys(branch.get("merges", ()), "")
    return canonical(values)


def hash_of(line: str) -> str:
    """Return the hash of a line of a branch, which may be no more than that."""
    return line if _HASH.fullmatch(line) else line_hash(line)


def lines_in(branch: Branch) -> Iterator[tuple[str, Entry | None]]:
    """Yield the lines of a branch with what each says; nothing is verified."""
    for line in branch.lines:
        try:
            yield line, parse_entry(line)
        except ValidationError:  # a hash, or what reading the whole log reports
            yield line, None


def entries_in(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield entries with those that were merged, where they were."""
    for entry in entries:
        yield entry
        if isinstance(entry, Merge):
            for branch in entry.branches:
                yield from (each for _, each in lines_in(branch) if each is not None)


def answers_in(entries: Sequence[Entry]) -> list[Answer]:
    """Return the answers among entries, those that were merged, too."""
    return [entry for entry in entries_in(entries) if isinstance(entry, Answer)]


def _last_of(branch: Branch) -> str:
    return hash_of(branch.lines[-1])


def _is_canonical(line: str | bytes) -> bool:
    # The line itself is looked at, not its entry: an earlier edition's has fewer fields.
    text = line.encode() if isinstance(line, str) else line
    try:
        return canonical(json.loads(text)).encode() == text
    except (ValueError, RecursionError):
        return False
