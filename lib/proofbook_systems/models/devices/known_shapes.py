"""Ask torch only once in a trace which shape an operation answers shapes with.

A model has the same layer many times, and a layer the same product; with sizes that are symbols,
torch works each answer out again in Python. Within one trace the same question has the same answer,
and the guards that it needs are there already. What changes its arguments, depends on values, or
makes a new symbol is never remembered. Where a release of torch has renamed what is needed of its
own, nothing is: the trace takes longer, and is the same.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch

__all__ = ["NAMES", "find", "remember_shapes"]

NAMES = {
    "mode": "torch._subclasses.fake_tensor:FakeTensorMode",
    "tensor": "torch._subclasses.fake_tensor:FakeTensor",
    "in_kernel": "torch._subclasses.fake_tensor:in_kernel_invocation_manager",
    "proxy": "torch.fx.experimental.proxy_tensor:get_proxy_mode",
    "overload": "torch._ops:OpOverload",
    "dispatch": "dispatch",
    "shape_env": "shape_env",
    "symbols": "unbacked_symint_counter",
    "suppress": "suppress_guards",
    "node": "node",
    "expression": "expr",
    "fake_mode": "fake_mode",
    "constant": "constant",
    "real": "real_tensor",
    "storage": "_cdata",
}
"""What this needs of torch, which no release promises."""
_GONE = (AttributeError, ImportError, TypeError)
"""What shows that a release has another name for it, or takes other arguments."""

_PLAIN = (int, float, str, torch.dtype, torch.device, torch.layout, torch.memory_format)


class _UnknownError(Exception):
    """A question, or an answer, that is not remembered."""


@dataclass(frozen=True, kw_only=True)
class _Form:
    """One tensor of an answer."""

    shape: Sequence[Any]
    stride: Sequence[Any]
    offset: Any
    dtype: torch.dtype
    device: torch.device
    source: int | None
    """Which argument's storage it lies in; None has its own."""


@dataclass(frozen=True, kw_only=True)
class _Answer:
    forms: tuple[_Form, ...]
    kind: type | None
    """The row that the tensors are in; None is one tensor alone."""


@contextmanager
def remember_shapes() -> Iterator[None]:
    """Remember the shapes of answers while a model is traced."""
    try:
        owner = find("mode")
        compute = getattr(owner, NAMES["dispatch"])
    except _GONE:
        yield
        return
    answers: dict[Any, _Answer] = {}

    def dispatch(
        mode: Any, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        try:
            question = _question(mode, func, args, kwargs)
            symbols = _symbols(mode)
        except (_UnknownError, *_GONE):
            return compute(mode, func, types, args, kwargs)
        if (answer := answers.get(question)) is not None:
            with suppress(*_GONE):
                return _make(mode, answer, _tensors(args, kwargs))
        computed = compute(mode, func, types, args, kwargs)
        if symbols == _symbols(mode):
            with suppress(_UnknownError, *_GONE):
                answers[question] = _describe(computed, _tensors(args, kwargs))
        return computed

    setattr(owner, NAMES["dispatch"], dispatch)
    try:
        yield
    finally:
        setattr(owner, NAMES["dispatch"], compute)


@functools.cache
def _import(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def find(role: str) -> Any:
    """Return what torch has under one of :data:`NAMES`.

    Raises:
        AttributeError: This release calls it otherwise.
        ImportError: This release has it elsewhere.
    """
    return _import(NAMES[role])


def _symbols(mode: Any) -> int:
    """Return how many symbols that depend on values a trace has made."""
    return int(getattr(getattr(mode, NAMES["shape_env"]), NAMES["symbols"]))


def _question(mode: Any, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    if (
        getattr(mode, NAMES["shape_env"]) is None
        or torch.is_grad_enabled()
        or find("proxy")() is not None
        or not _is_pure(func)
    ):
        raise _UnknownError
    # An expression changes when the trace learns that two sizes are equal: another question then.
    return (id(mode), func, _key(mode, args), _key(mode, tuple(kwargs.items())))


@functools.cache
def _is_pure(func: Any) -> bool:
    """Say whether an operation's shapes follow from those of its arguments, and it changes none."""
    if not isinstance(func, find("overload")) or func.namespace not in ("aten", "prims"):
        return False
    valued = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
    asked = any(word in func._schema.name for word in ("lift", "item", "sym_", "scalar_dense"))
    changes = func._schema.is_mutable or torch.Tag.inplace_view in func.tags
    return not (asked or changes or valued & set(func.tags))


def _key(mode: Any, value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        _refuse_special(mode, value)
        sizes = (value.shape, value.stride(), (value.storage_offset(),))
        return (
            value.dtype,
            value.device,
            value.requires_grad,
            *(tuple([_expression(each) for each in row]) for row in sizes),
        )
    if isinstance(value, (list, tuple)):
        return tuple([_key(mode, each) for each in value])
    if isinstance(value, torch.SymInt):
        return (torch.SymInt, _expression(value))
    if value is None or isinstance(value, _PLAIN):
        return (type(value), value)
    raise _UnknownError


def _expression(size: Any) -> Any:
    if not isinstance(size, torch.SymInt):
        return size
    return getattr(getattr(size, NAMES["node"]), NAMES["expression"])


def _refuse_special(mode: Any, value: Any) -> None:
    """Refuse a tensor that is more than its sizes: one with values, of two numbers, sparse."""
    if (
        type(value) is not find("tensor")
        or getattr(value, NAMES["fake_mode"]) is not mode
        or getattr(value, NAMES["constant"]) is not None
        or getattr(value, NAMES["real"]) is not None
        or value.is_complex()
        or value.layout is not torch.strided
    ):
        raise _UnknownError


def _tensors(args: Iterable[Any], kwargs: Mapping[str, Any]) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    for value in (*args, *kwargs.values()):
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += _tensors(value, {})
    return found


def _describe(computed: Any, given: Sequence[torch.Tensor]) -> _Answer:
    if isinstance(computed, (list, tuple)):
        kind = list if isinstance(computed, list) else tuple
        return _Answer(forms=tuple(_form(each, given) for each in computed), kind=kind)
    return _Answer(forms=(_form(computed, given),), kind=None)


def _form(value: Any, given: Sequence[torch.Tensor]) -> _Form:
    if not isinstance(value, torch.Tensor) or any(value is each for each in given):
        raise _UnknownError
    _refuse_special(getattr(value, NAMES["fake_mode"]), value)
    if value.requires_grad:
        raise _UnknownError
    storage = _storage(value)
    sources = (n for n, each in enumerate(given) if _storage(each) == storage)
    return _Form(
        shape=value.shape,
        stride=value.stride(),
        offset=value.storage_offset(),
        dtype=value.dtype,
        device=value.device,
        source=next(sources, None),
    )


def _storage(value: torch.Tensor) -> Any:
    return getattr(value.untyped_storage(), NAMES["storage"])


def _make(mode: Any, answer: _Answer, given: Sequence[torch.Tensor]) -> Any:
    suppress_guards = getattr(getattr(mode, NAMES["shape_env"]), NAMES["suppress"])
    made = []
    for form in answer.forms:
        with find("in_kernel")(mode), suppress_guards():
            if form.source is None:
                bare = torch.empty_strided(form.shape, form.stride, dtype=form.dtype, device="meta")
            else:
                bare = torch.empty(0, dtype=form.dtype, device="meta")
                storage = given[form.source].untyped_storage()
                bare.set_(storage, form.offset, form.shape, form.stride)
        made.append(find("tensor")(mode, bare, form.device))
    return made[0] if answer.kind is None else answer.kind(made)
