"""The steps that a trainer tells: its form is recognised, and told.

Numbers are compared, not places. Knows nothing about processes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.training.log_files import Entry, count_kept, find_logs, read_log
from proofbook_systems.training.log_lines import (
    FORMS,
    LineForm,
    Told,
    own_form,
    read_lines,
    steps_an_epoch,
    with_steps,
    without_partial_losses,
)
from proofbook_systems.training.log_lines import split_lines as _split
from proofbook_systems.training.saved_steps import SavedSteps

__all__ = ["Numbering", "Recognised", "Step", "StepLog", "last_step", "numbering_of"]

_DICTIONARY = "dictionaries beside a progress bar"
_PRINTED = "what it prints"
_SAVED = "the names of its checkpoints"
_TAIL = 8192
_LIVE = (".jsonl", ".csv")
_OFTEN = 0.8
"""Part of the steps of a bar that are told at the same distance where none are left out."""
_OFTEN_IN_A_LOG = 0.4


class Step(NamedTuple):
    """One step, as far as the trainer tells it."""

    number: int
    """As the trainer counts: from 0 or from 1."""
    loss: float | None
    lr: float | None


class Numbering(NamedTuple):
    """How a trainer counts the steps that it tells."""

    first: int
    """0 or 1 where it starts with its first step."""
    stride: int
    """The most frequent distance between two."""

    def gaps(self, steps: Sequence[Step], told: Recognised | None = None) -> list[str]:
        """Return where numbers do not go on as they should; the last distance may be shorter.

        Args:
            steps: Those of one start.
            told: Where they are told: a bar leaves out steps by right, and a log does not.
        """
        throttled = told is None or told.is_bar
        stride = self.stride if throttled else self._finest(steps)
        wrong = [
            f"{a.number} is followed by {b.number}"
            for a, b in pairwise(steps)
            if not _continues(a.number, b.number, stride, last=steps[-1].number)
        ]
        regular = self.regular(steps, stride, _OFTEN if throttled else _OFTEN_IN_A_LOG)
        return wrong if regular else [each for each in wrong if _goes_back(each)]

    def regular(self, steps: Sequence[Step], stride: int = 0, share: float = 0.8) -> bool:
        """Whether most steps are told at the same distance; a throttled bar tells some of them."""
        gaps = [b.number - a.number for a, b in pairwise(steps)]
        return gaps.count(stride or self.stride) >= share * len(gaps)

    def _finest(self, steps: Sequence[Step]) -> int:
        """Return the distance that all steps of a log's later half are multiples of.

        The first steps, and the last one, may be told beside it.
        """
        later = [step.number for step in steps[len(steps) // 2 : -1]]
        gaps = [b - a for a, b in pairwise(later)]
        return math.gcd(*gaps) if len(gaps) > 1 and min(gaps) > 0 else self.stride

    def made_by(self, steps: Sequence[Step]) -> int:
        """Return how many steps may have been made at the end: the last ones need not be told."""
        return steps[-1].number - self.first + 1 + (self.stride - 1 if self.stride > 1 else 0)

    def due(self, steps: int, last: int) -> int:
        """Return how many updates a training of so many steps is to make.

        One that counts from 0 may make the last number's, too: it ends when it is passed.
        """
        return steps + 1 if self.first == 0 and last == steps else steps

    def made_before(self, number: int) -> int:
        """Return how many steps were made for certain before step ``number`` was told."""
        return max(0, number - self.stride) if self.stride > 1 else max(0, number - self.first)


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """Where steps are told, and how."""

    name: str
    """Of the form, or the kind of file."""
    place: str
    """``what it prints``, or a file of the output folder."""
    word: str = ""
    """What the form calls a step."""
    epochs_from: int = 0
    """The first epoch's number, where steps are counted within epochs."""
    steps_an_epoch: float = 0.0
    """Where dictionaries tell epochs and no steps."""
    count: int = 0
    sample: str = ""

    @property
    def is_bar(self) -> bool:
        """Whether it is a progress bar, which is drawn so many times a second."""
        return "progress bar" in self.name and self.name != _DICTIONARY

    @property
    def words(self) -> str:
        """All of it in a sentence."""
        example = f", such as {self.sample!r}" if self.sample else ""
        return f"{self.name} in {self.place}: {self.count} steps told{example}"


@dataclass(kw_only=True)
class StepLog:
    """Reads the steps of one start: those that were told before it are left out."""

    output: Path
    log_file: str = ""
    """The one file that counts, relative to the output folder; empty takes the best place."""
    pattern: str = ""
    """A person's own form of the printed lines."""
    known: Recognised | None = None
    """What was recognised in an earlier start."""
    total: int = 0
    """The last step, where it is known: of two counters, that one counts the steps."""
    saved: SavedSteps | None = None
    """The checkpoints, which tell steps where nothing else does."""
    _before: dict[Path, list[Entry]] = field(default_factory=dict)
    _content: dict[Path, bytes] = field(default_factory=dict)

    def begin(self) -> None:
        """Note what the files tell already."""
        if self.saved:
            self.saved.begin()
        self._before = {path: read_log(path) for path in self._files()}
        self._content = {path: path.read_bytes() for path in self._before}

    @property
    def size(self) -> int:
        """Bytes in the files that grow while it runs; another number where checkpoints tell."""
        told = sum(self.saved.look()) if self.saved and self._by_checkpoints else 0
        return told + sum(path.stat().st_size for path in self._files(live=True))

    @property
    def _by_checkpoints(self) -> bool:
        return self.known is not None and self.known.place == _SAVED

    def reached(self, printed: str) -> int:
        """Return the largest step that is told so far, quickly; 0 where there is none."""
        if self.saved and self._by_checkpoints:
            return max(self.saved.look(), default=0)
        tail = printed[-_TAIL:]
        numbers = [
            steps[-1].number for found, steps in self._printed(tail) if self._follows(found, steps)
        ]
        if not numbers or self.log_file:
            numbers += [steps[-1].number for _, steps in self._from_files(live=True) if steps]
        return max(numbers, default=0)

    def _follows(self, found: Recognised, steps: Sequence[Step]) -> bool:
        """Say whether to follow steps of this form: of the known one, if it is printed."""
        printed = self.known is not None and self.known.place == found.place
        return bool(steps) and (not printed or (found.name, found.word) == (
            (self.known.name, self.known.word) if self.known else ("", "")
        ))  # fmt: skip

    def read(self, printed: str) -> tuple[Recognised | None, list[Step]]:
        """Return what was recognised, and the steps in the order in which they were made."""
        places = list(self._from_files())
        if self.log_file and places:
            return places[0][0], self._from_the_first_printed(*places[0], printed)
        places += self._printed(printed)
        places = [each for each in places if each[1]]
        if self.known is not None:
            same = [each for each in places if _same_place(each[0], self.known)]
            places = same or places
        # A history is written with a checkpoint: it lacks what was made after the last one.
        places = [each for each in places if not _is_history(each[0])] or places
        if not places:
            return self._from_checkpoints()
        if self.known is None:
            places = [each for each in places if self._ends(each[1])] or places
        found, steps = max(places, key=lambda each: _worth(each[1]))
        return found, self._from_the_first_printed(found, steps, printed)

    def _ends(self, steps: Sequence[Step]) -> bool:
        return self.total > 0 and abs(steps[-1].number - self.total) <= 1

    def _from_checkpoints(self) -> tuple[Recognised | None, list[Step]]:
        steps = [Step(step, None, None) for step in (self.saved.look() if self.saved else [])]
        if not steps:
            return None, []
        return Recognised(name="no log", place=_SAVED, count=len(steps)), steps

    def _from_the_first_printed(
        self, found: Recognised, steps: list[Step], printed: str
    ) -> list[Step]:
        """Return the steps of a file, with those that were made again exactly as they were before.

        A file that says the same as before a start may have been kept or written anew; what is
        printed is of this start alone.
        """
        told = [steps for place, steps in self._printed(printed) if steps]
        if found.place == _PRINTED or not told:
            return steps
        first = max(told, key=_worth)[0].number
        if steps and first >= steps[0].number:
            return steps
        entries = read_log(self.output / found.place)
        return _once(Step(*entry) for entry in entries if entry.step >= first)

    def _printed(self, printed: str) -> Iterator[tuple[Recognised, list[Step]]]:
        lines = _split(printed)
        if self.pattern:
            yield from _by_word(own_form(self.pattern), lines, self.known)
            return
        for form in FORMS:
            yield from _by_word(form, lines, self.known)
        told = list(read_lines(lines, None))
        if told:
            rate = self.known.steps_an_epoch if self.known else steps_an_epoch(told)
            steps = _once(_numbered(with_steps(told, rate), 0))
            yield (
                Recognised(
                    name=_DICTIONARY,
                    place=_PRINTED,
                    count=len(steps),
                    steps_an_epoch=rate,
                    sample=told[-1].line[-120:],
                ),
                steps,
            )

    def _from_files(self, *, live: bool = False) -> Iterator[tuple[Recognised, list[Step]]]:
        for path in self._files(live=live):
            told = read_log(path)
            common = _common(self._before.get(path, []), told)
            kept = count_kept(path, self._content.get(path, b""))
            new = told[common if kept is None else min(common, kept) :]
            steps = _once(Step(*entry) for entry in new)
            place = str(path.relative_to(self.output))
            yield Recognised(name="log file", place=place, count=len(steps)), steps

    def _files(self, *, live: bool = False) -> list[Path]:
        if self.log_file:
            path = self.output / self.log_file
            return [path] if path.is_file() else []
        if live:
            folders = [path for path in (self.output, self.output / "logs") if path.is_dir()]
            return [path for folder in folders for path in folder.iterdir() if path.suffix in _LIVE]
        logs = {log.path.name + log.kind: log.path for log in find_logs(self.output)}
        return list(logs.values())


def last_step(steps: Sequence[Step]) -> int:
    """Return the number of the last step; 0 if there is none."""
    return steps[-1].number if steps else 0


def numbering_of(steps: Sequence[Step]) -> Numbering:
    """Return how the steps of an uninterrupted training are counted.

    Raises:
        SubjectError: None are told.
    """
    if not steps:
        raise SubjectError(
            "no steps were recognised in what the trainer prints or in its files; give log_file, "
            "or log_pattern with (?P<step>…) and (?P<loss>…)"
        )
    gaps = [b.number - a.number for a, b in pairwise(steps)]
    gaps = [gap for gap in gaps if gap > 0]
    stride = max(set(gaps), key=gaps.count) if gaps else 1
    return Numbering(min(steps[0].number, 1), stride)


def _continues(before: int, number: int, stride: int, *, last: int) -> bool:
    """Say whether a number comes after another, and no later than it should; the last one may."""
    return before < number and (number - before <= stride or number == last)


def _goes_back(words: str) -> bool:
    first, _, second = words.partition(" is followed by ")
    return int(second) <= int(first)


def _by_word(
    form: LineForm, lines: Sequence[str], known: Recognised | None
) -> Iterator[tuple[Recognised, list[Step]]]:
    told: dict[str, list[Told]] = {}
    for each in read_lines(lines, form):
        told.setdefault(each.word, []).append(each)
    for word, group in told.items():
        epochs = [each.epoch for each in group if each.epoch is not None]
        base = known.epochs_from if known else min(1, *epochs) if epochs else 0
        steps = _once(_numbered(without_partial_losses(group), base))
        yield (
            Recognised(
                name=form.name,
                place=_PRINTED,
                word=word,
                epochs_from=base,
                count=len(steps),
                sample=group[-1].line[-120:],
            ),
            steps,
        )


def _numbered(told: Sequence[Told], epochs_from: int) -> Iterator[Step]:
    passed, before = 0, 0
    for each in told:
        assert each.step is not None
        if each.epoch is not None and each.total is not None:
            number = (each.epoch - epochs_from) * each.total + each.step
        else:
            # A bar of each epoch that does not say which one: it begins again after its end.
            if each.total and before == each.total and each.step < before:
                passed += each.total
            before, number = each.step, passed + each.step
        yield Step(number, each.loss, each.lr)


def _once(steps: Iterable[Step]) -> list[Step]:
    once: list[Step] = []
    for step in steps:
        if once and once[-1].number == step.number:
            once[-1] = step
        else:
            once.append(step)
    return once


def _common(before: Sequence[Entry], now: Sequence[Entry]) -> int:
    """Return how many entries at the beginning are those that were there already."""
    for place, (old, new) in enumerate(zip(before, now, strict=False)):
        if old != new:
            return place
    return min(len(before), len(now))


def _same_place(found: Recognised, known: Recognised) -> bool:
    return (found.name, found.word, _kind(found.place)) == (
        known.name,
        known.word,
        _kind(known.place),
    )


def _is_history(found: Recognised) -> bool:
    return found.place.endswith(".json")


def _kind(place: str) -> str:
    """Return a place without what changes with each start, such as ``version_1``."""
    return "events" if "tfevents" in place else re.sub(r"\d+", "#", place)


def _worth(steps: Sequence[Step]) -> tuple[int, int]:
    """More steps with a loss are better; where as many are told, those with more digits."""
    losses = [step.loss for step in steps if step.loss is not None]
    return len({step.number for step in steps if step.loss is not None}), sum(
        len(repr(loss)) for loss in losses
    )
