"""Work out the same sum of symbols only once in a trace.

For each tensor with a size that may change, torch asks a hundred times whether it is contiguous:
ten thousand sums and comparisons in a small BERT, of which three in a hundred are distinct.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["remember_sums"]

_OPERATIONS = (
    "add", "sub", "mul", "mod", "int_floordiv", "sym_min", "sym_max",
    "and", "or", "eq", "ne", "gt", "lt", "le", "ge",
)  # fmt: skip
"""What torch calls its operations on symbols."""


@contextmanager
def remember_sums() -> Iterator[None]:
    """Remember what operations on symbols came to while a model is traced."""
    from torch.fx.experimental.sym_node import SymNode

    names = [f"_{name}" for each in _OPERATIONS for name in (each, f"{each}_")]
    before = {name: vars(SymNode)[name] for name in names if name in vars(SymNode)}
    for name, compute in before.items():
        setattr(SymNode, name, _remembered(compute))
    try:
        yield
    finally:
        for name, compute in before.items():
            setattr(SymNode, name, compute)


def _remembered(compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    from torch.fx.experimental.proxy_tensor import get_proxy_mode

    results: dict[Any, Any] = {}

    def operation(one: Any, other: Any) -> Any:
        # What is traced itself becomes a node of the graph, each time.
        if one.fx_node or other.fx_node or get_proxy_mode() is not None:
            return compute(one, other)
        trace = one.shape_env  # two symbols that turn out to be equal change what a sum is
        key = (id(trace), trace._replacements_version_counter, one._expr, one.pytype, one._hint,
               other._expr, other.pytype, other._hint)  # fmt: skip
        if key not in results:
            results[key] = compute(one, other)
        return results[key]

    return operation
