"""Which weights does a training change? Its checkpoints against each other, tensor by tensor.

What an optimizer saves beside them says which tensors it was given, and whether any gradient has
reached them. Knows nothing about why a weight should change.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.training.layouts import Checkpoint, find_checkpoints
from proofbook_systems.training.roles import role_of
from proofbook_systems.training.states import can_read, read_states

if TYPE_CHECKING:
    import torch

__all__ = ["Moments", "SavedState", "SavedWeight", "WeightChanges", "read_changes", "read_state"]

_ENDS = 2
"""Checkpoints at either end that are always read."""
_SAMPLED = 4096
"""Values of a tensor from which the size of its change is taken."""
_MOMENTS = re.compile(
    r"(?:^|\.)state\.(.+)\.(?:exp_avg|exp_avg_sq|exp_inf|momentum_buffer|square_avg|sum)$"
)
_STATE = re.compile(r"(?:^|\.)state\.(.+)\.[^.]+$")
_RATE = re.compile(r"(?:^|\.)param_groups\.\d+\.lr$")
_ADAM = re.compile(r"(?:^|\.)param_groups\.\d+\.betas")
_GIVEN = re.compile(r"(?:^|\.)param_groups\.\d+\.params\.\d+$")
_CONSTANT = re.compile(
    r"mask|inv_freq|position_ids|freqs|(?:^|[._])(?:sin|cos)(?:[._]|$)|num_batches|running_|sigmas"
    r"|alphas|betas(?:[._]|$)|attn\.bias$|rel(?:ative)?_pos\w*_index"
)
"""Names of tensors that no optimizer changes: masks, tables of positions, statistics."""


class SavedWeight(NamedTuple):
    """What is noted of one tensor."""

    digest: str
    shape: tuple[int, ...]
    bits: int
    largest: float
    """Its largest absolute value; NaN where it has one, and infinite likewise."""
    sample: torch.Tensor


class Moments(NamedTuple):
    """What an optimizer keeps of one parameter."""

    shape: tuple[int, ...]
    live: bool
    """Whether any value is not 0: a gradient has reached it."""


@dataclass(frozen=True, kw_only=True)
class SavedState:
    """What one checkpoint holds."""

    label: str
    step: int
    weights: Mapping[str, SavedWeight]
    moments: Mapping[str, Moments] = field(default_factory=dict)
    """By the optimizer's name or number of a parameter."""
    having: frozenset[str] = frozenset()
    """Parameters of which the optimizer keeps anything, in the same names."""
    rates: tuple[float, ...] = ()
    """Learning rates of the optimizer's groups."""
    given: int = 0
    """How many parameters the optimizer's groups name."""
    has_optimizer: bool = False
    keeps_moments: bool = False
    """Whether each update leaves something in the optimizer's state, as Adam's do."""


@dataclass(frozen=True)
class WeightChanges:
    """Checkpoints in order, and what changes between them."""

    states: tuple[SavedState, ...]

    @property
    def last(self) -> SavedState:
        """The last of them that has an optimizer; the last one where none has."""
        return next((each for each in self.states[::-1] if each.has_optimizer), self.states[-1])

    @cached_property
    def names(self) -> list[str]:
        """The weights that more than one of them has."""
        counts: dict[str, int] = {}
        for state in self.states:
            for name in state.weights:
                counts[name] = counts.get(name, 0) + 1
        return [name for name, count in counts.items() if count > 1]

    @cached_property
    def changed(self) -> list[str]:
        """Those that are not the same in all of them."""
        return [name for name in self.names if len(self._digests(name)) > 1]

    @cached_property
    def unchanged(self) -> list[str]:
        """Those that are the same in all of them, and no constant by their names."""
        changed = set(self.changed)
        return [name for name in self.names if name not in changed and not _CONSTANT.search(name)]

    def size_of(self, name: str) -> float:
        """Return by how much a weight changes at the most, as far as it was sampled."""
        samples = [each.weights[name].sample for each in self.states if name in each.weights]
        if samples[0].shape != samples[-1].shape:
            return math.inf
        return float((samples[-1] - samples[0]).abs().max())

    def same(self, one: SavedState, other: SavedState) -> bool:
        """Say whether two of them have the same weights."""
        common = one.weights.keys() & other.weights.keys()
        return bool(common) and all(
            one.weights[name].digest == other.weights[name].digest for name in common
        )

    def _digests(self, name: str) -> set[str]:
        return {each.weights[name].digest for each in self.states if name in each.weights}


def read_changes(output: Path, pattern: str) -> WeightChanges:
    """Read the first and the last checkpoints of a training, and one between them.

    The final model is left out, as it may be of the same step as the last checkpoint; so are those
    whose names count something else than those of most, and may be copies.

    Args:
        output: The training's output folder.
        pattern: Of the checkpoints' places; empty recognises them.
    """
    found = _of_one_kind(find_checkpoints(output, pattern), output)
    middle = len(found) // 2
    chosen = {*range(len(found))[:_ENDS], middle, *range(len(found))[-_ENDS:]}
    states = [read_state(each) for place, each in enumerate(found) if place in chosen]
    return WeightChanges(tuple(each for each in states if each.weights))


def _of_one_kind(found: Sequence[Checkpoint], output: Path) -> list[Checkpoint]:
    """Return the checkpoints with a number whose places differ in numbers alone."""
    kinds: dict[str, list[Checkpoint]] = {}
    for each in found:
        if each.step >= 0:
            place = each.path.relative_to(output).as_posix()
            kinds.setdefault(re.sub(r"\d+", "#", place), []).append(each)
    return max(kinds.values(), key=len, default=[*found])


def read_state(checkpoint: Checkpoint) -> SavedState:
    """Read what a checkpoint holds; a file that cannot be read is told where it is judged."""
    root = checkpoint.path if checkpoint.path.is_dir() else checkpoint.path.parent
    label = f"checkpoint {checkpoint.step}" if checkpoint.step >= 0 else checkpoint.path.name
    return _read(checkpoint.files, root, label, checkpoint.step)


def _read(paths: Sequence[Path], root: Path, label: str, step: int) -> SavedState:
    weights: dict[str, dict[str, SavedWeight]] = {}
    moments: dict[str, Moments] = {}
    having: set[str] = set()
    rates, given, has_optimizer, keeps_moments = list[float](), 0, False, False
    for place, key, value in _values(paths, root):
        role = role_of(place, key)
        if role in ("weights", "EMA", "other") and (noted := _noted(value)) is not None:
            folder = place.rpartition("/")[0]
            weights.setdefault(role, {})[f"{folder}/{key}" if folder else key] = noted
        elif role == "optimizer":
            has_optimizer = True
            given += _GIVEN.search(key) is not None
            rates += [float(value)] if _RATE.search(key) else []
            keeps_moments |= _ADAM.search(key) is not None
            if (kept_of := _STATE.search(key)) and value is not None:
                having.add(f"{place} {key[: kept_of.end(1)]}")
            if (found := _MOMENTS.search(key)) and hasattr(value, "shape"):
                name = f"{place} {key[: found.end(1)]}"  # each of two optimizers counts from 0
                before = moments.get(name)
                live = bool(value.any()) or (before is not None and before.live)
                moments[name] = Moments(tuple(value.shape), live)
    kept = weights.get("weights") or weights.get("EMA") or weights.get("other") or {}
    return SavedState(
        label=label, step=step, weights=kept, moments=moments, rates=tuple(rates), given=given,
        having=frozenset(having),
        has_optimizer=has_optimizer, keeps_moments=keeps_moments,
    )  # fmt: skip


def _values(paths: Sequence[Path], root: Path) -> Iterator[tuple[str, str, Any]]:
    for path in filter(can_read, paths):
        place = path.relative_to(root).as_posix()
        try:
            states = read_states(path)
        except SubjectError:
            continue
        for key, value in states.items():
            yield place, key, value


def _noted(value: Any) -> SavedWeight | None:
    """Note a tensor of fractions with more than one value; None of anything else."""
    import torch

    if not hasattr(value, "dtype") or getattr(value, "ndim", 0) == 0:
        return None
    tensor = torch.as_tensor(value).detach()
    if not tensor.is_floating_point() or tensor.numel() < 2:
        return None
    data = tensor.contiguous().reshape(-1)
    every = max(1, data.numel() // _SAMPLED)
    return SavedWeight(
        digest=hashlib.sha256(data.view(torch.uint8).numpy().data).hexdigest(),
        shape=tuple(tensor.shape), bits=8 * tensor.element_size(),
        largest=float(data.float().abs().max()), sample=data[::every].float().clone(),
    )  # fmt: skip
