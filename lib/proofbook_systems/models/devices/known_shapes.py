"""Ask torch only once in a trace which shape an operation answers shapes with.

A model has the same layer many times, and a layer the same product; with sizes that are symbols,
torch works each answer out again in Python. Within one trace the same question has the same answer,
and the guards that it needs are there already. What changes its arguments, depends on values, or
makes a new symbol is never remembered.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch

__all__ = ["remember_shapes"]

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
    from torch._subclasses.fake_tensor import FakeTensorMode

    compute, answers = FakeTensorMode.dispatch, dict[Any, _Answer]()

    def dispatch(
        mode: Any, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        try:
            question = _question(mode, func, args, kwargs)
        except _UnknownError:
            return compute(mode, func, types, args, kwargs)
        if (answer := answers.get(question)) is not None:
            return _make(mode, answer, _tensors(args, kwargs))
        symbols = mode.shape_env.unbacked_symint_counter
        computed = compute(mode, func, types, args, kwargs)
        if symbols == mode.shape_env.unbacked_symint_counter:
            with suppress(_UnknownError):
                answers[question] = _describe(computed, _tensors(args, kwargs))
        return computed

    FakeTensorMode.dispatch = dispatch  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        FakeTensorMode.dispatch = compute  # type: ignore[method-assign]


def _question(mode: Any, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    from torch.fx.experimental.proxy_tensor import get_proxy_mode

    if (
        mode.shape_env is None
        or torch.is_grad_enabled()
        or get_proxy_mode() is not None
        or not _is_pure(func)
    ):
        raise _UnknownError
    # An expression changes when the trace learns that two sizes are equal: another question then.
    return (id(mode), func, _key(mode, args), _key(mode, tuple(kwargs.items())))


@functools.cache
def _is_pure(func: Any) -> bool:
    """Say whether an operation's shapes follow from those of its arguments, and it changes none."""
    if not isinstance(func, torch._ops.OpOverload) or func.namespace not in ("aten", "prims"):
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
        return (torch.SymInt, value.node.expr)
    if value is None or isinstance(value, _PLAIN):
        return (type(value), value)
    raise _UnknownError


def _expression(size: Any) -> Any:
    return size.node.expr if isinstance(size, torch.SymInt) else size


def _refuse_special(mode: Any, value: Any) -> None:
    """Refuse a tensor that is more than its sizes: one with values, of two numbers, sparse."""
    from torch._subclasses.fake_tensor import FakeTensor

    if (
        type(value) is not FakeTensor
        or value.fake_mode is not mode
        or value.constant is not None
        or value.real_tensor is not None
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
    _refuse_special(value.fake_mode, value)  # type: ignore[attr-defined]
    if value.requires_grad:
        raise _UnknownError
    storage = value.untyped_storage()._cdata
    sources = (n for n, each in enumerate(given) if each.untyped_storage()._cdata == storage)
    return _Form(
        shape=value.shape,
        stride=value.stride(),
        offset=value.storage_offset(),
        dtype=value.dtype,
        device=value.device,
        source=next(sources, None),
    )


def _make(mode: Any, answer: _Answer, given: Sequence[torch.Tensor]) -> Any:
    from torch._subclasses.fake_tensor import FakeTensor, in_kernel_invocation_manager

    made = []
    for form in answer.forms:
        with in_kernel_invocation_manager(mode), mode.shape_env.suppress_guards():
            if form.source is None:
                bare = torch.empty_strided(form.shape, form.stride, dtype=form.dtype, device="meta")
            else:
                bare = torch.empty(0, dtype=form.dtype, device="meta")
                storage = given[form.source].untyped_storage()
                bare.set_(storage, form.offset, form.shape, form.stride)
        made.append(FakeTensor(mode, bare, form.device))
    return made[0] if answer.kind is None else answer.kind(made)
