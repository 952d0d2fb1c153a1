"""Why is a resumed training another one? The first departure in time, and what it looks like.

What is not the first is told below it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

from proofbook_systems.training.comparison import compare_steps, size_words
from proofbook_systems.training.controls import Control
from proofbook_systems.training.departing_updates import Cause
from proofbook_systems.training.departing_weights import Kind
from proofbook_systems.training.evidence import Evidence, gather
from proofbook_systems.training.interruption import Interrupted
from proofbook_systems.training.layouts import checkpoint_of, find_checkpoints, step_in_name
from proofbook_systems.training.roles import Role, role_of
from proofbook_systems.training.running import Ended
from proofbook_systems.training.signatures import Recognised, recognise
from proofbook_systems.training.states import can_read, read_states
from proofbook_systems.training.trees import Comparison, Row

__all__ = ["Finding", "diagnose", "with_cause", "without_cause"]

_ORDER: tuple[Role, ...] = ("random numbers", "order of the data")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Where an interrupted training departs first, and why."""

    words: str
    more: list[str] = field(default_factory=list)
    """What departs later."""
    probe_at: int | None = None
    """The step of the interruption whose cause an experiment may tell from others that look alike;
    None where there is nothing to tell apart."""
    watch_at: int | None = None
    """The step of the interruption at which one more resumption may be watched."""
    lead: str = ""
    """What departs, without its cause."""
    same: frozenset[str] = frozenset()
    """Roles whose states are the same in the next checkpoint: they were restored."""
    at_once: bool = False
    """Whether the first step after resuming departs."""
    same_settings: bool = False
    """Whether the optimizer's settings are the same in the next checkpoint."""
    other_random_numbers: bool = False
    """Whether the next checkpoint has another state of random numbers, as new ones would have."""
    lacking: tuple[Role, ...] = ()
    """Random numbers and the order of the data, where checkpoints hold neither."""
    shown: frozenset[Kind] = frozenset()
    """What of an update follows from what the next checkpoint shows."""
    other_draws: bool = False
    """Whether the next checkpoint has another state of random numbers: more draws give one, too."""


def diagnose(
    control: Control, output: Path, result: Interrupted, comparison: Comparison
) -> Finding | None:
    """Return the first departure of an interrupted training from its control; None if it has none.

    Args:
        control: The training left alone, twice.
        output: The folder of the interrupted one.
        result: How that went.
        comparison: Of its files with the control's.
    """
    departures = [
        departure
        for departure in compare_steps(result.steps, control.ended.steps, result.untold(control))
        if control.is_repeatable(departure.what)
    ]
    here = {checkpoint_of(row.place) for row in comparison.rows if row.status != "only there"}
    rows = [
        row
        for row in comparison.having("differs", "damaged", "only there")
        if _counts(row, control, here)
        and not _was_cut(row, result)
        and not _is_of_the_last_start(row, control, output, result)
    ]
    all_words = [departure.words for departure in departures]
    all_words += [f"{row.place}: {row.words}" for row in rows]
    early = _before_the_first(control, result)
    if early is not None:
        return Finding(words=early, more=all_words)
    resumptions = gather(control, output, result, comparison)
    for evidence in resumptions:
        if recognised := recognise(evidence):
            return _finding(evidence, recognised, all_words)
    if not all_words:
        return None
    first = min(departures, key=lambda each: each.step or 0, default=None)
    words = first.words if first else _last_save_lost(control, output) + all_words[0]
    departing = [each for each in resumptions if each.departs("loss") is not None]
    if departing:
        return _finding(departing[0], Recognised(words, True, frozenset()), all_words)
    return Finding(words=words, more=all_words)


def _last_save_lost(control: Control, output: Path) -> str:
    """Say that a training has not written its last checkpoint, where it has it without a crash."""
    mine = [each.step for each in find_checkpoints(output, control.trainer.checkpoints)]
    last = max((each.step for each in control.checkpoints), default=0)
    if last <= max(mine, default=0):
        return ""
    return f"checkpoint {last}, the last one, was not written after resuming, and "


def with_cause(finding: Finding | None, cause: Cause | None) -> Finding | None:
    """Return a finding with the cause that its updates show, where they show more than it does.

    What a checkpoint shows is told first where updates follow from it: another order of rows that
    are drawn from random numbers, other weights by moments that were counted otherwise.
    """
    if cause is None:
        return finding
    if finding is None:
        return Finding(words=cause.words)
    if cause.kind in finding.shown:
        return replace(finding, more=[cause.words, *finding.more], probe_at=None)
    words = cause.words
    if cause.kind == "rows" and finding.lacking:
        words += f"; no checkpoint holds the {' or the '.join(finding.lacking)}"
    elif cause.kind == "rows" and finding.other_random_numbers:
        words += (
            "; the next checkpoint has other random numbers, too: they were not restored, or a "
            "batch that had been drawn before the save was drawn again"
        )
    return replace(finding, words=words, more=[finding.words, *finding.more], probe_at=None)


def without_cause(finding: Finding, what: str, error: Exception) -> Finding:
    """Return a finding that also tells why a further experiment has shown nothing."""
    return replace(finding, more=[*finding.more, f"{what}: {error}"])


def _finding(evidence: Evidence, recognised: Recognised, more: list[str]) -> Finding:
    """Return a finding; a checkpoint that shows another state afterwards needs no experiment."""
    number = evidence.departs("loss")
    draws = "random numbers" in evidence.states and evidence.loss_departs_at_once
    plain = "order of the data" in evidence.states or (
        "random numbers" in evidence.states and not draws
    )
    words, shown = recognised.words, recognised.shown
    if "order of the data" in evidence.states:
        shown |= {"rows"}
    if number is None or plain or not recognised.ambiguous:
        return Finding(words=words, more=more, shown=shown, watch_at=evidence.cycle.signalled)
    size = size_words(evidence.gap(number))
    return Finding(
        words=words, more=more, shown=shown, watch_at=evidence.cycle.signalled,
        lacking=() if evidence.saved & {*_ORDER} else _ORDER,
        other_random_numbers="random numbers" in evidence.states, probe_at=evidence.cycle.signalled,
        at_once=evidence.loss_departs_at_once, same_settings=evidence.same_settings,
        other_draws=draws,
        same=frozenset(role_of(*name.split(":", 1)) for name in evidence.ours)
        - evidence.states.keys(),
        lead=f"{evidence.start()}: the loss at step {number} departs {size}",
    )  # fmt: skip


def _counts(row: Row, control: Control, here: set[str | None]) -> bool:
    """Whether a difference counts: not where the trainer does not repeat itself.

    Nor does a checkpoint that only the control still has: an interruption may save one more, and
    another one is removed for it.
    """
    if row.status == "only there":
        unit = checkpoint_of(row.place)
        return can_read(Path(row.place)) and (unit is None or unit in here)
    return row.status == "damaged" or not control.not_repeatable


def _was_cut(row: Row, result: Interrupted) -> bool:
    """Whether it is what a checkpoint lacks that was being written when the training was killed.

    Where it is resumed from as it is, nobody writes it again.
    """
    unit = checkpoint_of(row.place)
    step = step_in_name(unit.rpartition("/")[2]) if unit else None
    return row.status == "only there" and step in result.cut


def _is_of_the_last_start(row: Row, control: Control, output: Path, result: Interrupted) -> bool:
    """Whether a summary tells the mean loss of the steps that its own start has made.

    The steps' losses themselves are compared one by one.
    """
    keys = row.departure.keys if row.departure else {}
    if not keys or Path(row.place).suffix != ".json" or checkpoint_of(row.place):
        return False
    ours, theirs = (read_states(folder / row.place) for folder in (output, control.output))
    last, all_of_it = _mean_loss(result.last), _mean_loss(control.ended)
    return all(
        _is_near(ours.get(key), last) and _is_near(theirs.get(key), all_of_it) for key in keys
    )


def _is_near(value: object, mean: float) -> bool:
    """Say whether a number is a mean of losses that were told with three digits or more."""
    return isinstance(value, float) and math.isclose(value, mean, rel_tol=1e-3)


def _mean_loss(ended: Ended) -> float:
    losses = [step.loss for step in ended.steps if step.loss is not None]
    return sum(losses) / len(losses) if losses else math.nan


def _before_the_first(control: Control, result: Interrupted) -> str | None:
    """Name a departure that was there before anything was interrupted."""
    if not result.cycles:
        return None
    first = result.cycles[0]
    # The last step may be told in part: its line may come once for each part of the batch.
    theirs = [step for step in control.ended.steps if step.number < first.signalled]
    ours = [step for step in first.ended.steps if step.number < first.signalled]
    for departure in compare_steps(ours, theirs):
        if departure.what != "step sequence" and control.is_repeatable(departure.what):
            return (
                f"{departure.words}, before the first interruption: this is no fault of resuming; "
                "the trainer is not repeatable"
            )
    return None
