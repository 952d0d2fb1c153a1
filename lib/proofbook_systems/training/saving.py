"""Watch an output folder while checkpoints are written: every change, from the first byte on.

Linux's inotify tells them, whatever names a trainer gives to what it has not finished. Elsewhere
there is nothing to watch with, and that is told. Logs and pictures are left out.
"""

from __future__ import annotations

import importlib.util
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self

from proofbook.errors import SubjectError
from proofbook_systems.training.layouts import WEIGHTS, checkpoint_of
from proofbook_systems.training.log_files import is_log

__all__ = [
    "ENDS",
    "Change",
    "SaveWatch",
    "Unprotected",
    "can_watch",
    "count_turns",
    "find_unprotected",
    "save_ends",
    "save_seconds",
    "whole_units",
]

Kind = Literal["created", "written", "closed", "moved away", "moved here", "deleted"]
_PICTURES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".gif",
    ".wav",
    ".mp3",
    ".mp4",
    ".txt",
    ".md",
    ".html",
)
ENDS = ("deleted", "moved away")
"""Kinds of changes that make nothing."""
_POLL_MS = 20


class Change(NamedTuple):
    """One change of a file or a folder."""

    seconds: float
    """On the monotonic clock."""
    kind: Kind
    place: str
    """In the output folder."""
    step: int = 0
    """The last one that was told when it was seen."""
    since: int = 0
    """The last one that had been told at the look before: it was made no earlier."""


@dataclass
class SaveWatch:
    """Watches a folder and all that is made in it. Leaving its context ends it."""

    folder: Path
    changes: list[Change] = field(default_factory=list)
    """All that was seen so far."""
    writes: list[float] = field(default_factory=list)
    """When anything but a log was changed, on the monotonic clock."""
    reached: int = 0
    """The step that the training has told by now, as its follower says."""

    def __enter__(self) -> Self:
        try:
            from inotify_simple import INotify, flags
        except ImportError as error:
            raise SubjectError(
                "a save can only be watched on Linux, with inotify_simple; interrupt after a step"
            ) from error
        self._flags = flags
        self._mask = (
            flags.CREATE | flags.MODIFY | flags.CLOSE_WRITE | flags.MOVED_FROM | flags.MOVED_TO
            | flags.DELETE | flags.ONLYDIR
        )  # fmt: skip
        self._inotify, self._since = INotify(), 0
        self._folders: dict[int, Path] = {}
        for path in (self.folder, *self.folder.rglob("*")):
            if path.is_dir():
                self._add(path)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._inotify.close()

    def look(self, timeout_ms: int = _POLL_MS) -> list[Change]:
        """Return what has changed since the last look; wait so long for the first change."""
        seen: list[Change] = []
        for event in self._inotify.read(timeout=timeout_ms):
            seen += self._changes(event.wd, event.mask, event.name)
        self.changes += seen
        self._since = self.reached
        return seen

    def _changes(self, wd: int, mask: int, name: str) -> Iterator[Change]:
        flags = self._flags
        if wd not in self._folders or not name:
            return
        path = self._folders[wd] / name
        if mask & flags.ISDIR and mask & (flags.CREATE | flags.MOVED_TO):
            yield from self._enter(path)
        kinds: tuple[tuple[int, Kind], ...] = (
            (flags.CREATE, "created"), (flags.MODIFY, "written"), (flags.CLOSE_WRITE, "closed"),
            (flags.MOVED_FROM, "moved away"), (flags.MOVED_TO, "moved here"),
            (flags.DELETE, "deleted"),
        )  # fmt: skip
        if not is_log(path.name):
            self.writes.append(time.monotonic())
        for flag, kind in kinds:
            if mask & flag and _counts(path):
                yield self._change(kind, path)

    def _enter(self, folder: Path) -> Iterator[Change]:
        """Watch a new folder; what was made in it before that is told now."""
        if not self._add(folder):
            return
        try:
            inside = sorted(folder.iterdir())
        except OSError:
            return  # it was renamed, or removed, meanwhile
        for path in inside:
            if path.is_dir():
                yield from self._enter(path)
            elif _counts(path):
                yield self._change("created", path)

    def _change(self, kind: Kind, path: Path) -> Change:
        place = path.relative_to(self.folder).as_posix()
        return Change(time.monotonic(), kind, place, self.reached, self._since)

    def _add(self, folder: Path) -> bool:
        try:
            wd = self._inotify.add_watch(os.fspath(folder), self._mask)
        except OSError:
            return False  # it was removed, or moved, meanwhile
        self._folders[wd] = folder
        return True


def can_watch() -> bool:
    """Say whether this system tells what is written: Linux, with inotify_simple."""
    return sys.platform == "linux" and importlib.util.find_spec("inotify_simple") is not None


class Unprotected(NamedTuple):
    """A time during which no whole checkpoint was on the disk, after there had been one."""

    change: Change
    """What ended the last whole one."""
    seconds: float
    """How long it took until there was one again."""

    @property
    def words(self) -> str:
        """What happened, in a sentence."""
        verb = "deleted" if self.change.kind == "deleted" else "overwritten"
        return (
            f"{self.change.place} was {verb} before the next checkpoint was whole: for "
            f"{self.seconds:.3g} s a kill would have cost the whole training"
        )


def find_unprotected(changes: Sequence[Change]) -> list[Unprotected]:
    """Return the times without a whole checkpoint in what was seen of an uninterrupted training."""
    whole = sorted(interval for unit in _by_unit(changes).values() for interval in _whole(unit))
    found: list[Unprotected] = []
    until, ended_by = math.inf, None
    for start, end, broken_by in whole:
        if ended_by is not None and start > until:
            found.append(Unprotected(ended_by, start - until))
        if ended_by is None or end > until or until == math.inf:
            until, ended_by = end, broken_by
        if until == math.inf:
            return found
    return found


def whole_units(changes: Sequence[Change]) -> list[tuple[str, Change]]:
    """Return each checkpoint's place with the change after which it was whole, as often as it was.

    Knows nothing of what is in them.
    """
    found = []
    for place, unit in _by_unit(changes).items():
        ends = {start for start, _, _ in _whole(unit)}
        if not any(_is_inside(change, unit) for change in unit):
            # One file may be replaced by the next one, and there is no time between the two.
            ends = {each.seconds for each in unit if each.kind in ("closed", "moved here")}
        found += [(place, change) for change in unit if change.seconds in ends]
    return found


def save_ends(changes: Sequence[Change]) -> list[Change]:
    """Return the changes after which a checkpoint was whole, or else any file of weights."""
    return [change for _, change in whole_units(changes)] or [
        change for change in changes
        if change.kind in ("closed", "moved here") and change.place.lower().endswith(WEIGHTS)
    ]  # fmt: skip


def save_seconds(changes: Sequence[Change]) -> float:
    """Return the median time between the first and the last change of a checkpoint that is made."""
    times = []
    for unit in _by_unit(changes).values():
        ends = [start for start, _, _ in _whole(unit)]
        if ends and any(_is_inside(change, unit) for change in unit):
            times.append(ends[0] - unit[0].seconds)
    return sorted(times)[len(times) // 2] if times else 0.0


def count_turns(changes: Sequence[Change]) -> int:
    """Return how often a file is begun, ended, moved or removed in one save, at the least 1."""
    turns = sum(change.kind != "written" for change in changes)
    saves = sum(map(_saves, _by_unit(changes).values()))
    return max(1, turns // max(1, saves))


def _by_unit(changes: Sequence[Change]) -> dict[str, list[Change]]:
    """Return the changes of each checkpoint by its place; what has another name is left out."""
    units: dict[str, list[Change]] = {}
    for change in changes:
        unit = checkpoint_of(change.place)
        if unit is not None:
            units.setdefault(unit, []).append(change)
    return units


def _whole(unit: Sequence[Change]) -> list[tuple[float, float, Change | None]]:
    """Return (from, until, what ended it) of each time during which a checkpoint was whole.

    A folder is whole from the last change before something of it is removed. A file that is written
    again and again is whole between its end and its next beginning.
    """
    if any(_is_inside(change, unit) for change in unit):
        # A file that is renamed into its place is moved away, too: only an end that nothing follows
        # is that of the checkpoint.
        made = [n for n, each in enumerate(unit) if each.kind not in ENDS]
        if not made:
            return []
        gone = made[-1] + 1
        broken = unit[gone] if gone < len(unit) else None
        return [(unit[gone - 1].seconds, broken.seconds if broken else math.inf, broken)]
    intervals: list[tuple[float, float, Change | None]] = []
    since: float | None = None
    for change in unit:
        if change.kind in ("closed", "moved here"):
            since = change.seconds
        elif since is not None:
            intervals.append((since, change.seconds, change))
            since = None
    return [*intervals, (since, math.inf, None)] if since is not None else intervals


def _saves(unit: Sequence[Change]) -> int:
    if any(_is_inside(change, unit) for change in unit):
        return 1
    return sum(change.kind in ("closed", "moved here") for change in unit)


def _is_inside(change: Change, unit: Sequence[Change]) -> bool:
    return change.place.count("/") > min(each.place.count("/") for each in unit)


def _counts(path: Path) -> bool:
    return not is_log(path.name) and path.suffix.lower() not in _PICTURES
