"""What is known of a resumption: what it told, its next checkpoint, and what was saved at all.

Gathers and compares; says nothing about causes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofbook.errors import SubjectError
from proofbook_systems.training.comparison import difference
from proofbook_systems.training.controls import Control
from proofbook_systems.training.interruption import Cycle, Interrupted
from proofbook_systems.training.layouts import (
    Checkpoint,
    checkpoint_of,
    find_checkpoints,
    step_in_name,
)
from proofbook_systems.training.roles import Role, role_of
from proofbook_systems.training.states import can_read, read_states
from proofbook_systems.training.steps import Step
from proofbook_systems.training.trees import Comparison, list_files

if TYPE_CHECKING:
    import torch

__all__ = ["Evidence", "gather"]


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
    unsaved: tuple[str, ...]
    """Weights of the final model that no checkpoint holds."""
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
            known = mine is not None and other is not None
            if known and difference(mine, other) is not None:
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
        theirs = self.control.steps
        common = [
            number for number, step in self.told.items()
            if step.loss is not None and number in theirs and theirs[number].loss is not None
        ]  # fmt: skip
        return bool(common) and self.departs("loss") == min(common)

    @property
    def loss_departs_later(self) -> bool:
        """Whether the first losses are the same, or not comparable, and later ones are not."""
        at_once = self.loss_departs_at_once and self.cycle.partly_told is None
        return self.departs("loss") is not None and not at_once

    @property
    def departs_untold(self) -> bool:
        """Whether weights depart of a trainer that tells no loss: it may be from the first step."""
        told = any(step.loss is not None for step in self.told.values())
        return not told and "weights" in self.states

    @property
    def same_settings(self) -> bool:
        """Whether its next checkpoint holds the optimizer's settings, and none of them departs."""
        settings = [name for name in self.ours if "param_groups" in name]
        departing = {name for states in self.states.values() for name in states}
        return bool(settings) and not departing & set(settings)

    def step_of(self, key: str) -> int:
        """Return the step of the checkpoint that a state is in: of several, its place tells it."""
        unit = checkpoint_of(key.partition(":")[0])
        number = step_in_name(unit.rpartition("/")[2]) if unit else None
        return self.at if number is None else self.control.step_of(number)

    def start(self) -> str:
        """Return how a message begins."""
        return f"after resuming from {self.resumed_at}"


def gather(
    control: Control, output: Path, result: Interrupted, comparison: Comparison
) -> list[Evidence]:
    """Return the evidence of each resumption, the first one first."""
    evidence = []
    saved, coarse, unsaved = _saved(control), _coarse(control), _find_unsaved(control)
    for number, cycle in enumerate(result.cycles):
        start = result.starts[number + 1]
        told, resumed_at = start.steps, cycle.resumed_at
        if cycle.unknown and control.counts_steps:  # its checkpoints were saved, and tell of it
            saved_steps = result.cycles[number + 1].checkpoints
            resumed_at = cycle.newest
            told = [Step(step, None, None) for step in saved_steps if step > resumed_at]
        if resumed_at is None or not told:
            continue
        until = (
            result.cycles[number + 1].reached if number + 1 < len(result.cycles) else control.total
        )
        at, ours, theirs = _next_checkpoint(control, output, comparison, resumed_at, until)
        evidence.append(
            Evidence(
                cycle=cycle,
                resumed_at=resumed_at,
                control=control,
                at=at,
                told={step.number: step for step in told},
                ours=ours,
                theirs=theirs,
                states=_by_role(ours, theirs, control.noise),
                saved=saved,
                coarse=coarse,
                unsaved=unsaved,
            )
        )
    return evidence


def _next_checkpoint(
    control: Control, output: Path, comparison: Comparison, after: int, until: int
) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """Return the states of the first checkpoint after a step in both, else of the last files."""
    pattern = control.trainer.checkpoints
    mine = {each.step: each for each in find_checkpoints(output, pattern)}
    other = {each.step: each for each in control.checkpoints}
    for step in sorted(mine.keys() & other.keys()):
        if after < control.step_of(step) <= until:
            return control.step_of(step), *_states_of(mine[step], other[step])
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


def _find_unsaved(control: Control) -> tuple[str, ...]:
    if not control.checkpoints:
        return ()
    states, _ = _states_of(control.checkpoints[-1], control.checkpoints[-1])
    kept = {name.partition(":")[2] for name in states if role_of(*name.split(":", 1)) == "weights"}
    files = list_files(control.output)
    final = [
        place for place in files if checkpoint_of(place) is None and role_of(place) == "weights"
    ]
    keys = {name.partition(":")[2] for name in _read_all(files, final)}
    if not keys & kept:
        return ()  # other names, or a model of another form
    return tuple(sorted(key for key in keys - kept if f"model.{key}" not in kept))


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
