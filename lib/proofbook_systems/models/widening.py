"""Compute in float64 what a model's code computes in float32 of its own accord.

Code that names float32 (a mask, a norm that is computed with more bits) would round a reference
where it should not, or add two kinds of numbers that do not go together. What is drawn at random is
drawn in float32 in both, as a draw in float64 is another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from proofbook_systems.models.reasons import find_caller

__all__ = ["InFloat64"]

_DRAWS = (
    "bernoulli", "bernoulli_", "exponential_", "multinomial", "normal", "normal_", "poisson",
    "rand", "rand_like", "randn", "randn_like", "uniform", "uniform_",
)  # fmt: skip
"""What torch calls the operations that draw at random."""
_SHORT = (torch.bfloat16, torch.float16)
_LONG = (torch.float32, torch.float64)


class InFloat64(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Lets float32 mean float64, but for random draws, and notes what is cut to 16 bits."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sixteen_bits = ""
        self._default = torch.float32

    def __enter__(self) -> Self:
        """Begin; a number of no named kind is float64 as well."""
        self._default = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: object) -> None:
        """End, and let numbers of no named kind be what they were."""
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        torch.set_default_dtype(self._default)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if kwargs.get("dtype") in _SHORT and _is_long(args) and not self.sixteen_bits:
            self.sixteen_bits = find_caller(__file__)
        if func.overloadpacket.__name__ in _DRAWS:
            return _draw(func, args, kwargs)
        if kwargs.get("dtype") is torch.float32:
            kwargs = {**kwargs, "dtype": torch.float64}
        return func(*_alike(args, changes=func._schema.is_mutable), **kwargs)


def _alike(args: Sequence[Any], *, changes: bool) -> Sequence[Any]:
    """Return arguments whose fractions are of one kind: float64, or that of what is changed."""
    kinds = {each.dtype for each in _tensors(args) if each.dtype in _LONG}
    if len(kinds) == 1 or not kinds:
        return args
    first = args[0].dtype if changes and isinstance(args[0], torch.Tensor) else torch.float64
    kind = first if first in _LONG else torch.float64

    def turn(value: Any) -> Any:
        turns = isinstance(value, torch.Tensor) and value.dtype in _LONG and value.dtype is not kind
        return value.to(kind) if turns else value

    made: Sequence[Any] = tree_map(turn, args)
    return made


def _tensors(args: Sequence[Any]) -> Iterator[torch.Tensor]:
    for each in args:
        if isinstance(each, torch.Tensor):
            yield each
        elif isinstance(each, (list, tuple)):
            yield from _tensors(each)


def _draw(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Draw in float32, and return it in the kind that is asked for."""
    kind = kwargs.get("dtype")
    if not args or not isinstance(args[0], torch.Tensor):
        kwargs = {**kwargs, "dtype": torch.float32 if kind in (None, torch.float64) else kind}
    drawn = func(*tree_map(_narrow, args), **tree_map(_narrow, kwargs))
    if func._schema.is_mutable:  # it has filled its first argument's copy
        return args[0].copy_(drawn) if _is_wide(args[0]) else drawn
    return drawn.double() if drawn.dtype is torch.float32 else drawn


def _is_long(args: Sequence[Any]) -> bool:
    """Say whether a fraction is given that has more than 16 bits."""
    return bool(args) and isinstance(args[0], torch.Tensor) and args[0].dtype in _LONG


def _is_wide(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype is torch.float64


def _narrow(value: Any) -> Any:
    if value is torch.float64:
        return torch.float32
    return value.float() if _is_wide(value) else value
