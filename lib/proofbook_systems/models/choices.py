"""Whether an input that leaves an answer as it is was looked at, and lost in a choice.

A codec takes the nearest of its codes, or rounds what it hears: with random weights every sound
can be near one code. Then it has reached the choice, and another choice changes the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from proofbook_systems.models.inputs import Inputs
from proofbook_systems.models.outputs import Outputs, call, equal

__all__ = ["is_lost_in_choice"]

_CHOICES = (
    "argmax", "argmin", "max", "min", "topk", "sort", "round", "floor", "ceil", "bucketize",
    "sign", "gt", "ge", "lt", "le",
)  # fmt: skip
"""What torch calls the operations that make few values of many."""
_MOST_CHOICES = 8
"""So many of the choices that an input has reached are changed."""


class _Choices(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes what each choice of a call is made from; one of them is given noise instead."""

    def __init__(self, disturbed: int = -1) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.disturbed = disturbed
        self.seen: list[torch.Tensor] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        if name not in _CHOICES or not args or not _is_fraction(args[0]):
            return func(*args, **kwargs)
        if len(self.seen) == self.disturbed:
            args = (_noise_like(args[0]), *args[1:])
        self.seen.append(args[0].detach().clone())
        return func(*args, **kwargs)


def _is_fraction(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _noise_like(value: torch.Tensor) -> torch.Tensor:
    noise = torch.randn(value.shape, generator=torch.Generator().manual_seed(0)).to(value.dtype)
    spread = float(value.std()) if value.numel() > 1 else 0.0
    return noise * (spread or 1.0) + value.mean()


def is_lost_in_choice(model: Any, inputs: Inputs, changed: Inputs, ours: Outputs) -> bool:
    """Say whether changed inputs reach a choice on which the answer depends.

    Args:
        model: What answers both with ``ours``.
        inputs: What it was given.
        changed: The same with one input exchanged.
        ours: Its answer.
    """
    before, after = _note_choices(model, inputs), _note_choices(model, changed)
    reached = [
        place
        for place, (one, other) in enumerate(zip(before, after, strict=False))
        if not equal(one, other)
    ]
    return any(_matters(model, inputs, place, ours) for place in reached[:_MOST_CHOICES])


def _note_choices(model: Any, inputs: Inputs) -> list[torch.Tensor]:
    choices = _Choices()
    with choices:
        call(model, inputs)
    return choices.seen


def _matters(model: Any, inputs: Inputs, place: int, ours: Outputs) -> bool:
    with _Choices(place):
        theirs = call(model, inputs)
    return ours.keys() != theirs.keys() or not all(equal(ours[n], theirs[n]) for n in ours)
