"""Why is a resumed training another one? The first departure in time, and what it looks like.

A table of signatures: each looks at the same evidence, and says in words what it recognises. What is
not the first is told below it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofbook.errors import SubjectError
from proofbook_systems.training.comparison import Departure, compare_steps, difference, size_words
from proofbook_systems.training.controls import Control
from proofbook_systems.training.interruption import Cycle, Interrupted
from proofbook_systems.training.layouts import Checkpoint, checkpoint_of, find_checkpoints
from proofbook_systems.training.roles import Role, role_of
from proofbook_systems.training.states import can_read, read_states
from proofbook_systems.training.steps import Step
from proofbook_systems.training.trees import Comparison, Row, list_files

if TYPE_CHECKING:
    import torch

__all__ = ["Evidence", "Finding", "diagnose", "gather"]

_ROUNDED = 0.02
"""Part of a loss by which rounded weights change it at the most."""
_ONE_LAYER = 20.0
"""How many times the median difference one tensor's must be to be called the cause."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Where an interrupted training departs first, and why."""

    words: str
    more: list[str] = field(default_factory=list)
    """What departs later."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of one resumption."""

    cycle: Cycle
    resumed_at: int
    told: Mapping[int, Step]
    """The steps of the resumed start."""
    control: Control
    states: Mapping[Role, dict[str, float]]
    """What differs in the first checkpoint after it: by role and key, how much."""
    at: int
    """That checkpoint's step; the training's last where there is no other."""
    ours: Mapping[str, Any]
    theirs: Mapping[str, Any]
    saved: frozenset[Role]
    """The roles of what the checkpoint holds that was resumed from."""
    coarse: bool
    """Whether its weights have fewer digits than the training computes with."""

    @cached_property
    def first(self) -> int:
        """The first step that it told."""
        return min(self.told)

    def departs(self, name: str) -> int | None:
        """Return the first step whose ``lr`` or ``loss`` is not that of the control."""
        what = {"lr": "learning rate", "loss": "loss"}[name]
        if not self.control.is_repeatable(what):
            return None
        for number in sorted(self.told.keys() & self.control.steps.keys()):
            mine, other = (
                getattr(self.told[number], name),
                getattr(self.control.steps[number], name),
            )
            if difference(mine, other) is not None:
                return number
        return None

    def gap(self, number: int, name: str = "loss") -> float:
        """Return by how much a step's value differs."""
        mine, other = getattr(self.told[number], name), getattr(self.control.steps[number], name)
        by = difference(mine, other)
        return 0.0 if by is None else by

    @property
    def loss_departs_at_once(self) -> bool:
        """Whether the very first step that can be compared has another loss."""
        common = self.told.keys() & self.control.steps.keys()
        return bool(common) and self.departs("loss") == min(common)

    @property
    def loss_departs_later(self) -> bool:
        """Whether the first losses are the same, and later ones are not."""
        return self.departs("loss") is not None and not self.loss_departs_at_once

    def start(self) -> str:
        """Return how a message begins."""
        return f"after resuming from {self.resumed_at}"


Signature = Callable[[Evidence], str | None]


def _from_the_beginning(evidence: Evidence) -> str | None:
    if evidence.resumed_at > evidence.control.numbering.first or evidence.cycle.newest == 0:
        return None
    newest = evidence.cycle.newest
    if evidence.departs("loss") is None:
        return (
            f"checkpoint {newest} was there, and training began again from its beginning: step "
            f"{evidence.first} is that of a new training"
        )
    return (
        f"progress was not restored: checkpoint {newest} was there, and steps are counted from "
        f"{evidence.first} again, with other losses than a new training's"
    )


def _older(evidence: Evidence) -> str | None:
    newest = evidence.cycle.newest
    if evidence.resumed_at >= newest:
        return None
    return (
        f"training went on from {evidence.resumed_at} though checkpoint {newest} was there: an older "
        "checkpoint was taken than the newest"
    )


def _skipped(evidence: Evidence) -> str | None:
    known = max(evidence.cycle.newest, evidence.cycle.reached)
    if not evidence.cycle.checkpoints or evidence.resumed_at <= known:
        return None
    return (
        f"training went on from {evidence.resumed_at}, and checkpoint {evidence.cycle.newest} was the "
        "newest: steps were left out"
    )


def _scheduler(evidence: Evidence) -> str | None:
    number = evidence.departs("lr")
    if number is None:
        return _scheduler_state(evidence)
    steps, ours = evidence.control.steps, evidence.told[number].lr
    size = f"the learning rate at step {number} is {ours}, and {steps[number].lr} uninterrupted"
    shift = _shift(evidence, number)
    if shift == evidence.resumed_at:
        size = f"the learning rate at step {number} is that of step {number - shift}"
    elif shift is not None:
        ahead = "behind" if shift > 0 else "ahead"
        return (
            f"{evidence.start()}: the learning rate at step {number} is that of step "
            f"{number - shift}: the scheduler is {abs(shift)} steps {ahead}"
        )
    return f"{evidence.start()}: {size}: the scheduler was not restored"


def _shift(evidence: Evidence, number: int) -> int | None:
    """Return by how many steps the learning rates are behind those of the control."""
    steps, told = evidence.control.steps, evidence.told
    compared = [n for n in sorted(told) if n >= number and told[n].lr is not None][:4]
    for shift in sorted(
        range(-number, number), key=lambda each: (each != evidence.resumed_at, abs(each))
    ):
        if shift and all(
            n - shift in steps and steps[n - shift].lr == told[n].lr for n in compared
        ):
            return shift
    return None


def _scheduler_state(evidence: Evidence) -> str | None:
    for key in evidence.states.get("scheduler", ()):
        ours, theirs = evidence.ours.get(key), evidence.theirs.get(key)
        if isinstance(ours, int) and isinstance(theirs, int):
            return (
                f"{evidence.start()}: the scheduler in checkpoint {evidence.at} has counted to {ours} "
                f"and not to {theirs}: it was not restored"
            )
    return None


def _counters(evidence: Evidence) -> str | None:
    for key in evidence.states.get("step counters", ()):
        ours, theirs = _number(evidence.ours.get(key)), _number(evidence.theirs.get(key))
        if ours is not None and theirs is not None:
            return (
                f"{evidence.start()}: the optimizer's step counters in checkpoint {evidence.at} say "
                f"{ours:g} and not {theirs:g}: the optimizer was not restored"
            )
    return None


def _not_finite(evidence: Evidence) -> str | None:
    number = evidence.departs("loss")
    loss = evidence.told[number].loss if number is not None else None
    if loss is None or math.isfinite(loss):
        return None
    return f"{evidence.start()}: the loss at step {number} is {loss}"


def _scaler(evidence: Evidence) -> str | None:
    differing = evidence.states.get("scaler")
    if not differing or (evidence.loss_departs_at_once and "weights" in evidence.states):
        return None
    key = next(iter(differing))
    return (
        f"{evidence.start()}: the gradient scaler's {key} in checkpoint {evidence.at} is "
        f"{_say(evidence.ours.get(key))} and not {_say(evidence.theirs.get(key))}: the scaler was not "
        "restored"
    )


def _average(evidence: Evidence) -> str | None:
    if evidence.departs("loss") is not None or "EMA" not in evidence.states:
        return None
    if "weights" in evidence.states:
        return None
    return _largest(evidence, "EMA", "the moving average of the weights (EMA) was not restored")


def _random(evidence: Evidence) -> str | None:
    if "random numbers" in evidence.states:
        return (
            f"{evidence.start()}: the state of random numbers in checkpoint {evidence.at} is another "
            f"one{_loss_words(evidence)}: the random number generators were not restored"
        )
    if evidence.loss_departs_at_once and not evidence.saved & {
        "random numbers",
        "order of the data",
    }:
        if not evidence.coarse and _one_tensor(evidence) is None and evidence.saved:
            return (
                f"{evidence.start()}:{_loss_words(evidence)[1:]}, and no checkpoint holds the state "
                "of random numbers or the order of the data: they were not restored"
            )
    return None


def _order(evidence: Evidence) -> str | None:
    if "order of the data" in evidence.states:
        return _largest(evidence, "order of the data", "the order of the data was not restored")
    if not evidence.loss_departs_at_once or _small(evidence) or _one_tensor(evidence):
        return None
    return (
        f"{evidence.start()}:{_loss_words(evidence)[1:]} while the random numbers are the same: other "
        "data: the order of the data (sampler) was not restored"
    )


def _rounded(evidence: Evidence) -> str | None:
    if not evidence.loss_departs_at_once:
        return None
    kept = evidence.saved & {"random numbers", "order of the data"}
    if not (evidence.coarse or (_small(evidence) and kept)):
        return None
    return (
        f"{evidence.start()}:{_loss_words(evidence)[1:]}, a small part of it: the weights were rounded "
        "when they were saved or loaded"
    )


def _part(evidence: Evidence) -> str | None:
    tensor = _one_tensor(evidence) if evidence.loss_departs_at_once else None
    if tensor is None:
        return None
    return (
        f"{evidence.start()}:{_loss_words(evidence)[1:]}, and {tensor} departs far more than the rest: "
        "it was not restored"
    )


def _moments(evidence: Evidence) -> str | None:
    if not evidence.loss_departs_later and not (
        evidence.departs("loss") is None and "optimizer" in evidence.states
    ):
        return None
    missing = (
        ""
        if "optimizer" in evidence.saved or not evidence.saved
        else ", which no checkpoint holds,"
    )
    where = _loss_words(evidence) or f" in checkpoint {evidence.at}"
    return (
        f"{evidence.start()}: the first steps are the same, and then{where.removeprefix(',')}: the "
        f"optimizer's moments{missing} were not restored"
    )


SIGNATURES: tuple[Signature, ...] = (
    _from_the_beginning, _older, _skipped, _not_finite, _scheduler, _counters, _scaler, _average,
    _part, _rounded, _random, _order, _moments,
)  # fmt: skip
"""In this order: what is the cause of the others comes first."""


def gather(
    control: Control, output: Path, result: Interrupted, comparison: Comparison
) -> list[Evidence]:
    """Return the evidence of each resumption, the first one first."""
    evidence = []
    for number, cycle in enumerate(result.cycles):
        start = result.starts[number + 1]
        if cycle.resumed_at is None or not start.steps:
            continue
        until = (
            result.cycles[number + 1].reached if number + 1 < len(result.cycles) else control.total
        )
        at, ours, theirs = _next_checkpoint(control, output, comparison, cycle.resumed_at, until)
        evidence.append(Evidence(
            cycle=cycle, resumed_at=cycle.resumed_at, control=control, at=at,
            told={step.number: step for step in start.steps}, ours=ours, theirs=theirs,
            states=_by_role(ours, theirs, control.noise), saved=_saved(control), coarse=_coarse(control),
        ))  # fmt: skip
    return evidence


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
        for departure in compare_steps(result.steps, control.ended.steps)
        if control.is_repeatable(departure.what)
    ]
    here = {checkpoint_of(row.place) for row in comparison.rows if row.status != "only there"}
    rows = [
        row
        for row in comparison.having("differs", "damaged", "only there")
        if _counts(row, control, here)
    ]
    all_words = [departure.words for departure in departures]
    all_words += [f"{row.place}: {row.words}" for row in rows]
    early = _before_the_first(control, result)
    if early is not None:
        return Finding(words=early, more=all_words)
    for evidence in gather(control, output, result, comparison):
        for signature in SIGNATURES:
            words = signature(evidence)
            if words:
                return Finding(words=words, more=all_words)
    if not all_words:
        return None
    first = min(departures, key=lambda each: each.step or 0, default=None)
    return Finding(words=first.words if first else all_words[0], more=all_words)


def _counts(row: Row, control: Control, here: set[str | None]) -> bool:
    """Whether a difference counts: not where the trainer does not repeat itself.

    Nor does a checkpoint that only the control still has: an interruption may save one more, and
    another one is removed for it.
    """
    if row.status == "only there":
        unit = checkpoint_of(row.place)
        return can_read(Path(row.place)) and (unit is None or unit in here)
    return row.status == "damaged" or not control.not_repeatable


def _before_the_first(control: Control, result: Interrupted) -> str | None:
    """Name a departure that was there before anything was interrupted."""
    if not result.cycles:
        return None
    first = result.cycles[0]
    theirs = [step for step in control.ended.steps if step.number <= first.signalled]
    ours = [step for step in first.ended.steps if step.number <= first.signalled]
    for departure in compare_steps(ours, theirs):
        if departure.what != "step sequence" and control.is_repeatable(departure.what):
            return (
                f"{departure.words}, before the first interruption: this is no fault of resuming; the "
                "trainer is not repeatable"
            )
    return None


def _next_checkpoint(
    control: Control, output: Path, comparison: Comparison, after: int, until: int
) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """Return the states of the first checkpoint that both have after a step, else of the last files."""
    pattern = control.trainer.checkpoints
    mine = {each.step: each for each in find_checkpoints(output, pattern)}
    other = {each.step: each for each in control.checkpoints}
    for step in sorted(mine.keys() & other.keys()):
        if after < step <= until:
            return step, *_states_of(mine[step], other[step])
    ours, theirs = list_files(output), list_files(control.output)
    places = [
        row.place for row in comparison.having("differs")
        if checkpoint_of(row.place) is None or row.place in (ours.keys() & theirs.keys())
    ]  # fmt: skip
    return control.total, _read_all(ours, places), _read_all(theirs, places)


def _states_of(ours: Checkpoint, theirs: Checkpoint) -> tuple[dict[str, Any], dict[str, Any]]:
    found = []
    for checkpoint in (ours, theirs):
        root = checkpoint.path if checkpoint.path.is_dir() else checkpoint.path.parent
        files = {path.relative_to(root).as_posix(): path for path in checkpoint.files}
        found.append(_read_all(files, list(files)))
    return found[0], found[1]


def _read_all(files: Mapping[str, Path], places: Sequence[str]) -> dict[str, Any]:
    states: dict[str, Any] = {}
    for place in places:
        if place in files and can_read(files[place]):
            try:
                values = read_states(files[place])
            except SubjectError:
                continue  # told by the comparison of the files
            states.update({f"{place}:{key}": value for key, value in values.items()})
    return states


def _by_role(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], noise: Mapping[str, frozenset[str] | None]
) -> dict[Role, dict[str, float]]:
    ignored = {key for keys in noise.values() for key in keys or ()}
    roles: dict[Role, dict[str, float]] = {}
    for name in sorted(ours.keys() & theirs.keys()):
        place, _, key = name.partition(":")
        by = None if key in ignored else difference(ours[name], theirs[name])
        if by is not None:
            roles.setdefault(role_of(place, key), {})[name] = by
    return roles


def _saved(control: Control) -> frozenset[Role]:
    """Return the roles of what the control's last checkpoint holds."""
    checkpoints = [
        each for each in control.checkpoints if each.step < control.total
    ] or control.checkpoints
    if not checkpoints:
        return frozenset()
    states, _ = _states_of(checkpoints[-1], checkpoints[-1])
    return frozenset(role_of(*name.split(":", 1)) for name in states)


def _coarse(control: Control) -> bool:
    """Say whether the weights in checkpoints are of 16 bits, and the optimizer's states of 32."""
    import torch

    checkpoints = control.checkpoints
    if not checkpoints:
        return False
    states, _ = _states_of(checkpoints[-1], checkpoints[-1])
    by_role: dict[str, list[torch.Tensor]] = {}
    for name, value in states.items():
        if isinstance(value, torch.Tensor) and value.is_floating_point() and value.numel() > 1:
            by_role.setdefault(role_of(*name.split(":", 1)), []).append(value)
    weights, moments = by_role.get("weights", []), by_role.get("optimizer", [])
    return bool(weights) and all(map(_is_16_bit, weights)) and not all(map(_is_16_bit, moments))


def _is_16_bit(value: torch.Tensor) -> bool:
    import torch

    if value.dtype in (torch.float16, torch.bfloat16):
        return True
    return any(
        torch.equal(value, value.to(kind).to(value.dtype))
        for kind in (torch.float16, torch.bfloat16)
    )


def _loss_words(evidence: Evidence) -> str:
    number = evidence.departs("loss")
    if number is None:
        return ""
    return f", the loss at step {number} departs {size_words(evidence.gap(number))}"


def _small(evidence: Evidence) -> bool:
    number = evidence.departs("loss")
    theirs = evidence.control.steps[number].loss if number is not None else None
    if number is None or not theirs or not math.isfinite(evidence.gap(number)):
        return False
    return (
        evidence.gap(number) <= _ROUNDED * abs(theirs) and "random numbers" not in evidence.states
    )


def _one_tensor(evidence: Evidence) -> str | None:
    """Return the weight that departs far more than the others; None where none does."""
    sizes = sorted((by, key) for key, by in evidence.states.get("weights", {}).items() if by > 0)
    if len(sizes) < 3 or not math.isfinite(sizes[-1][0]):
        return None
    return sizes[-1][1] if sizes[-1][0] > _ONE_LAYER * sizes[len(sizes) // 2][0] else None


def _largest(evidence: Evidence, role: Role, cause: str) -> str:
    differing = evidence.states[role]
    key = max(differing, key=lambda each: (math.isnan(differing[each]), differing[each]))
    return (
        f"{evidence.start()}: {key} in checkpoint {evidence.at} departs "
        f"{size_words(differing[key])}: {cause}"
    )


def _number(value: Any) -> float | None:
    if hasattr(value, "numel") and value.numel() == 1:
        return float(value)
    return float(value) if isinstance(value, int | float) else None


def _say(value: Any) -> str:
    number = _number(value)
    return "another" if number is None else f"{number:g}"
