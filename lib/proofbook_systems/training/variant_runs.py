"""A few steps with other settings, beside the same steps without: what must be alike, and is it?

Splitting a batch into passes changes nothing but rounding; 16 bits change little, and something.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from proofbook_systems.training.crashes import watched_control
from proofbook_systems.training.running import Ended
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.variants import vary
from proofbook_systems.training.watching import Update, Watched

__all__ = [
    "Trial",
    "Verdict",
    "compare_first_updates",
    "compare_precision",
    "judge_overflow",
    "judge_variants",
    "run_trial",
]

_SPLIT = 0.01
"""Part by which a loss or gradient may differ where the same rows are summed in another order."""
_SCALE = 40
"""Exponent of 2 that scaled gradients begin with: no format of 16 bits holds them."""
_NORMS = 16.0
"""How many times a gradient in 16 bits may be that in 32: one that is still scaled is far longer,
one that was cut while it was scaled far shorter."""
_PRECISION = 0.05
"""Part by which a loss in 16 bits may differ."""
_ORDER = 1e-5
"""Part by which a gradient in 32 bits may differ where it is summed in another order."""
_DIGITS = 6
"""Digits of a loss with which 16 bits show."""
_NOT_HALF = "every loss is that of 32 bits: nothing is computed in 16"


class Trial(NamedTuple):
    """A short training with some settings."""

    changes: Mapping[str, str]
    ended: Ended
    seen: Watched

    @property
    def words(self) -> str:
        """With what it was run, and how it ended."""
        changes = ", ".join(f"{key} {value}" for key, value in self.changes.items())
        return f"with {changes or 'nothing changed'}: {self.ended.state}: {self.ended.last_words}"

    def losses(self) -> dict[int, float]:
        """Return the losses that it told, by step."""
        return {step.number: step.loss for step in self.ended.steps if step.loss is not None}


def run_trial(
    trainer: Trainer, changes: Mapping[str, str], steps: int, folder: Path, timeout: float, *,
    overflows: bool = False,
) -> Trial:  # fmt: skip
    """Train for a few steps with some settings changed.

    Args:
        trainer: What is started.
        changes: Keys of the config, or options.
        steps: Its length, for a trainer that takes it.
        folder: Where it goes.
        timeout: Seconds that it may take.
        overflows: Have its first gradients overflow, where it scales them.

    Raises:
        SubjectError: It cannot be started, or hangs.
    """
    from dataclasses import replace

    short = replace(trainer, steps=min(steps, trainer.steps) if trainer.steps else 0)
    varied = vary(short, changes, folder) if changes else short
    scale = _SCALE if overflows else 0
    alone = watched_control(varied, folder / "model", folder / "watched", timeout, scale=scale)
    return Trial(changes, alone.control.ended, alone.seen)


def compare_first_updates(whole: Trial, split: Trial) -> str:
    """Say how the first step differs where its rows come in more passes; empty if it does not."""
    for trial in (whole, split):
        if trial.ended.code != 0:
            return trial.words
    if lost := _lost_rows(whole.seen, split.seen):
        return lost
    ours, theirs = split.losses(), whole.losses()
    first = min(ours.keys() & theirs.keys(), default=None)
    if first is None:
        return "no step told its loss in both"
    if _apart(ours[first], theirs[first]) > _SPLIT:
        return (
            f"step {first} has the loss {ours[first]:.5g} in several passes, and "
            f"{theirs[first]:.5g} in one: passes are summed, or weighted, otherwise"
        )
    return _compare_gradients(whole.seen, split.seen) or _changed_between(split.seen)


class Verdict(NamedTuple):
    """What is wrong with a short training."""

    fault: str
    why_not: str
    """Why nothing could be seen of it."""


def compare_precision(whole: Trial, half: Trial) -> Verdict:
    """Say what is wrong with steps in 16 bits: they are close, and not the same.

    Losses that are told with few digits may be the same where gradients are not.
    """
    for trial in (whole, half):
        if trial.ended.code != 0:
            return Verdict(trial.words, "")
    ours, theirs = half.losses(), whole.losses()
    common = sorted(ours.keys() & theirs.keys())
    for number in common:
        if _apart(ours[number], theirs[number]) > _PRECISION:
            where = f"step {number} has the loss {ours[number]:.5g}"
            return Verdict(f"{where}, and {theirs[number]:.5g} in 32 bits", "")
    if not common:
        return Verdict("no step told its loss in both", "")
    if any(ours[number] != theirs[number] for number in common):
        return Verdict("", "")
    digits = max(_digits(ours[number]) for number in common)
    if not (whole.seen.updates and half.seen.updates):
        few = f"the losses are told with {digits} digits, which are the same in 16 bits"
        return Verdict("", few) if digits < _DIGITS else Verdict(_NOT_HALF, "")
    return Verdict("" if _gradients_differ(whole.seen, half.seen) else _NOT_HALF, "")


def _gradients_differ(whole: Watched, half: Watched) -> bool:
    """Say whether gradients of the first update differ by more than a sum in another order."""
    ours, theirs = half.updates[0], whole.updates[0]
    pairs = [(ours.grad_norm, theirs.grad_norm)]
    pairs += [
        (ours.norms[name], theirs.norms[name]) for name in ours.norms.keys() & theirs.norms.keys()
    ]
    return any(_apart(*pair) > _ORDER for pair in pairs)


def _digits(value: float) -> int:
    """Return how many digits a value is told with, without those that only place its point."""
    digits = repr(value).partition("e")[0].replace(".", "").strip("0")
    return len(digits)


def judge_overflow(whole: Trial, over: Trial) -> Verdict:
    """Say what a trainer does wrong where its gradients overflow; each such update is left out.

    Args:
        whole: The same steps in 32 bits.
        over: With a scale that is too large at first.
    """
    for trial in (whole, over):
        if trial.ended.code != 0:
            return Verdict(trial.words, "")
    wrong = [number for number, loss in over.losses().items() if not math.isfinite(loss)]
    applied = [each for each in over.seen.updates if not math.isfinite(each.grad_norm)]
    if applied:
        return Verdict(
            f"update {applied[0].number} was made with a gradient of {applied[0].grad_norm}: it "
            "had overflowed, and should have been left out", "")  # fmt: skip
    if wrong:
        return Verdict(f"the loss of step {wrong[0]} is not finite after an overflow", "")
    if whole.seen.why_empty:
        return Verdict("", whole.seen.why_empty)
    if not over.seen.updates:
        return Verdict("no update was made: every gradient overflowed, and the scale stays", "")
    if len(over.seen.updates) >= len(whole.seen.updates):
        return Verdict("", "nothing overflowed: gradients are not scaled by PyTorch's GradScaler")
    return Verdict(_other_length(whole.seen, over.seen), "")


def _other_length(whole: Watched, over: Watched) -> str:
    usual = statistics.median(each.grad_norm for each in whole.updates)
    ours = statistics.median(each.grad_norm for each in over.updates)
    if usual / _NORMS <= ours <= usual * _NORMS:
        return ""
    return (
        f"gradients in 16 bits have a norm of {ours:.3g}, and of {usual:.3g} in 32: they are used, "
        "or cut, before their scale is taken away"
    )


def judge_variants(trials: Mapping[str, Trial]) -> dict[str, Verdict]:
    """Return what is wrong with each variant of the trial ``whole``, by its check's name."""
    verdicts = dict[str, Verdict]()
    if split := trials.get("split"):
        both_end = trials["whole"].ended.code == split.ended.code == 0
        why_not = _why_other_rows(trials["whole"].seen, split.seen) if both_end else ""
        fault = compare_first_updates(trials["whole"], split)
        # What is seen within one training needs no other to compare it with.
        if why_not:
            fault = _changed_between(split.seen)
        verdicts["passes-add-up"] = Verdict(fault, "" if fault else why_not)
    if half := trials.get("half"):
        verdicts["sixteen-bits"] = compare_precision(trials["whole"], half)
    if over := trials.get("overflow"):
        verdicts["overflow-left-out"] = judge_overflow(trials["whole"], over)
    return verdicts


def _first_rows(seen: Watched) -> list[str]:
    return sorted(row.digest for row in seen.updates[0].rows) if seen.updates else []


def _lost_rows(whole: Watched, split: Watched) -> str:
    """Say where a batch in passes has fewer rows than it has whole; empty where it has as many."""
    ours, theirs = set(_first_rows(split)), set(_first_rows(whole))
    if not ours or len(ours) >= len(theirs):
        return ""
    return (
        f"the first update has {len(ours)} rows in several passes, and {len(theirs)} in one: "
        "passes repeat rows, or lose them"
    )


def _why_other_rows(whole: Watched, split: Watched) -> str:
    """Say why a batch in passes cannot be compared: rows are drawn by size, or between passes."""
    ours, theirs = _first_rows(split), _first_rows(whole)
    if not ours or ours == theirs or _lost_rows(whole, split):
        return ""
    return "the first update has other rows in several passes than in one: nothing can be compared"


def _compare_gradients(whole: Watched, split: Watched) -> str:
    if not whole.updates or not split.updates:
        return ""
    ours, theirs = split.updates[0], whole.updates[0]
    if _apart(ours.grad_norm, theirs.grad_norm) > _SPLIT:
        return (
            f"the first update has a gradient of {ours.grad_norm:.5g} in several passes, and "
            f"{theirs.grad_norm:.5g} in one: it is not their mean"
        )
    return _compare_parts(ours, theirs)


def _compare_parts(ours: Update, theirs: Update) -> str:
    """Say where gradients of one length point elsewhere: both may have been cut to it."""
    for name in sorted(ours.norms.keys() & theirs.norms.keys()):
        gap = abs(ours.norms[name] - theirs.norms[name])
        if not gap <= _SPLIT * theirs.grad_norm:  # or NaN
            return (
                f"the first update has a gradient of {ours.norms[name]:.4g} for {name} in several "
                f"passes, and {theirs.norms[name]:.4g} in one, and both have the same length: it "
                "is not that of all passes"
            )
    return ""


def _changed_between(split: Watched) -> str:
    """Name the first update whose gradient is changed between its passes; empty where none is."""
    changed = [update.number for update in split.updates if update.changed]
    if not changed:
        return ""
    return (
        f"the gradient of update {changed[0]} is changed between two of its passes: it is cut, or "
        "weighted, before it is whole"
    )


def _apart(a: float, b: float) -> float:
    """Return the part by which two values differ; infinite where one is not finite."""
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.inf
    return abs(a - b) / max(abs(a), abs(b), 1e-12)
