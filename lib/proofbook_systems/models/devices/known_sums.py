"""Work out the same sum of symbols only once in a trace.

For each tensor with a size that may change, torch asks a hundred times whether it is contiguous:
ten thousand sums and comparisons in a small BERT, of which three in a hundred are distinct. Where a
release of torch has renamed what is needed of its own, each is worked out again.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["NAMES", "remember_sums"]

Operation = Callable[[Any, Any], Any]

NAMES = {
    "symbol": "torch.fx.experimental.sym_node:SymNode",
    "proxy": "torch.fx.experimental.proxy_tensor:get_proxy_mode",
    "graph": "fx_node",
    "trace": "shape_env",
    "replaced": "_replacements_version_counter",
    "expression": "_expr",
    "kind": "pytype",
    "hint": "_hint",
}
"""What this needs of torch, which no release promises."""

_OPERATIONS = (
    "add", "sub", "mul", "mod", "int_floordiv", "sym_min", "sym_max",
    "and", "or", "eq", "ne", "gt", "lt", "le", "ge",
)  # fmt: skip
"""What torch calls its operations on symbols."""


@contextmanager
def remember_sums() -> Iterator[None]:
    """Remember what operations on symbols came to while a model is traced."""
    try:
        owner, get_proxy_mode = (_import(NAMES[role]) for role in ("symbol", "proxy"))
    except (AttributeError, ImportError):
        yield
        return
    names = [f"_{name}" for each in _OPERATIONS for name in (each, f"{each}_")]
    before = {name: vars(owner)[name] for name in names if name in vars(owner)}
    for name, compute in before.items():
        setattr(owner, name, _remembered(compute, get_proxy_mode))
    try:
        yield
    finally:
        for name, compute in before.items():
            setattr(owner, name, compute)


def _import(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def _remembered(compute: Operation, get_proxy_mode: Callable[[], Any]) -> Operation:
    results: dict[Any, Any] = {}

    def operation(one: Any, other: Any) -> Any:
        try:
            key = None if get_proxy_mode() is not None else _key(one, other)
        except AttributeError:
            key = None
        if key is None:
            return compute(one, other)
        if key not in results:
            results[key] = compute(one, other)
        return results[key]

    return operation


def _key(one: Any, other: Any) -> Any:
    """Return what an operation on two symbols depends on; None where it is asked each time."""
    graph, kind, expression, hint, trace = _roles()
    # What is traced itself becomes a node of the graph, each time.
    if getattr(one, graph) or getattr(other, graph):
        return None
    env = getattr(one, trace)  # two symbols that turn out to be equal change what a sum is
    return (
        id(env),
        getattr(env, NAMES["replaced"]),
        *(getattr(each, name) for each in (one, other) for name in (expression, kind, hint)),
    )


def _roles() -> list[str]:
    return [NAMES[role] for role in ("graph", "kind", "expression", "hint", "trace")]
