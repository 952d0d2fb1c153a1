"""The steps that a trainer tells: its form is recognised, and told.

Numbers are compared, not places. Knows nothing about processes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from proofbook_systems.training.log_files import (
    Entry,
    count_kept,
    find_logs,
    read_log,
    saved_rate,
)
from proofbook_systems.training.log_lines import (
    FORMS,
    LineForm,
    Told,
    logs_an_epoch,
    own_form,
    read_lines,
    steps_an_epoch,
    with_steps,
    without_partial_losses,
)
from proofbook_systems.training.log_lines import split_lines as _split
from proofbook_systems.training.numbering import (
    CHECKPOINTS,
    DICTIONARY,
    Numbering,
    Recognised,
    Step,
    last_step,
    numbering_of,
)
from proofbook_systems.training.saved_steps import SavedSteps

__all__ = ["Numbering", "Recognised", "Step", "StepLog", "last_step", "numbering_of"]

_PRINTED = "what it prints"
_TAIL = 8192
_LIVE = (".jsonl", ".csv")
_FEWEST = 3
"""Losses in a log from which on it is taken in place of a bar that a clock draws."""
_DRAWN = "━"
"""What such bars are drawn with, beside an epoch: rich's, as Lightning has them."""


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
    _saved_rate: float = 0.0

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
        return self.known is not None and self.known.place == CHECKPOINTS

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
        if not places and self.known is not None and not self._by_checkpoints:
            return None, []  # it has told none yet: names of checkpoints may count something else
        if not places:
            return self._from_checkpoints()
        if self.known is None:
            places = [each for each in places if self._ends(each[1])] or places
        found, steps = max(places, key=lambda each: _worth(each[1]))
        if found.is_drawn and self.known is None:
            logs = [each for each in places if each[0].is_log and _worth(each[1])[0] >= _FEWEST]
            found, steps = max(logs, key=lambda each: _worth(each[1]), default=(found, steps))
        return found, self._from_the_first_printed(found, steps, printed)

    def _ends(self, steps: Sequence[Step]) -> bool:
        return self.total > 0 and abs(steps[-1].number - self.total) <= 1

    def _from_checkpoints(self) -> tuple[Recognised | None, list[Step]]:
        steps = [Step(step, None, None) for step in (self.saved.look() if self.saved else [])]
        if not steps:
            return None, []
        return Recognised(name="no log", place=CHECKPOINTS, count=len(steps)), steps

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
            rate = self.known.steps_an_epoch if self.known else self._rate(told)
            in_lines = self.known.in_lines if self.known else self._in_lines(told)
            steps = _once(_numbered(with_steps(told, rate), 0))
            yield (
                Recognised(
                    name=DICTIONARY,
                    place=_PRINTED,
                    count=len(steps),
                    steps_an_epoch=rate,
                    in_lines=in_lines,
                    sample=told[-1].line[-120:],
                ),
                steps,
            )

    def _rate(self, told: Sequence[Told]) -> float:
        """Return how many steps an epoch has: by a bar, as checkpoints say, or of those told."""
        if rate := steps_an_epoch(told):
            return rate
        self._saved_rate = self._saved_rate or saved_rate(self.output)
        return self._saved_rate or logs_an_epoch(told)

    def _in_lines(self, told: Sequence[Told]) -> bool:
        """Say whether lines are counted, and no steps."""
        return not self._saved_rate and all(each.step is None for each in told)

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
                is_drawn=form is FORMS[0] and any(_DRAWN in line for line in lines),
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
