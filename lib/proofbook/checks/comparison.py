"""Whether two values are the same, number by number and at any depth, and how a value reads.

Stricter than ``==``: ``True`` is not 1, NaN is nothing, nor is what equals everything, and a whole
number is never rounded. Knows nothing about expectations.
"""

from __future__ import annotations

import ast
import dataclasses
import math
import reprlib
from collections.abc import Mapping, Set
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

__all__ = ["array_of", "exact", "is_array", "same", "same_labels", "words_of"]

_LONGEST = 200
_BUILT_IN = (int, float, complex, str, bytes, bool, type(None))
_ANYTHING = object()


def same(left: Any, right: Any) -> bool:
    """Say whether two values are equal, with all that is in them."""
    left, right = _plain(left), _plain(right)
    if _is_table(left) or _is_table(right):
        return _same_tables(left, right)
    if is_array(left) or is_array(right):
        return _same_arrays(left, right)
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    if isinstance(left, list | tuple):
        return _same_items(left, right)
    if isinstance(left, Mapping):
        return _same_mappings(left, right)
    if isinstance(left, Set):
        return _same_sets(left, right)
    equal = not _equals_all(left) and not _equals_all(right) and bool(left == right)
    alike = type(left) is type(right)
    return equal and (not alike or _same_mappings(_fields(left), _fields(right)))


def is_array(value: Any) -> bool:
    """Say whether a value is an array or a tensor of one dimension or more."""
    shape = getattr(value, "shape", None)
    return hasattr(value, "dtype") and isinstance(shape, tuple) and shape != ()


def array_of(value: Any) -> Any:
    """Return an array, a tensor or nested lists as a numpy array.

    Raises:
        TypeError: There is no such array; its rows have different lengths, perhaps, or some of its
            elements are masked.
    """
    import numpy as np

    if isinstance(value, np.ma.MaskedArray) and np.ma.getmaskarray(value).any():
        raise TypeError("masked elements have no value; compare compressed() or filled()")
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        # numpy has no bfloat16; every one of its values is a float32.
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
    try:
        return np.asarray(value)
    except ValueError as error:
        raise TypeError(f"not an array: {error}") from error


def exact(value: Any) -> Any:
    """Return a number that compares without rounding: a Fraction, an infinity or NaN.

    Raises:
        TypeError: It is no number; a text, a flag and None are none.
    """
    number = _plain(value)
    if isinstance(number, bool | str | bytes) or number is None:
        raise TypeError(f"expected a number, found {number!r}")
    if isinstance(number, int):
        return Fraction(number)
    if hasattr(number, "as_integer_ratio"):  # a float, a Decimal, a Fraction
        return Fraction(number) if math.isfinite(number) else float(number)
    wide = float(number)
    return Fraction(wide) if math.isfinite(wide) else wide


def same_labels(left: Any, right: Any) -> bool:
    """Say whether the rows of two pandas objects have the same names; a plain array has none."""
    one, other = (getattr(each, "axes", None) for each in (left, right))
    if not isinstance(one, list) or not isinstance(other, list):
        return True
    return len(one) == len(other) and all(map(same, one, other))


def words_of(value: object) -> str:
    """Return a value as a reader would write it; a text is quoted where it could be a number."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if not isinstance(value, str):
        try:
            text = repr(value)
        except Exception as error:  # noqa: BLE001 - a value's own code may raise anything
            return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"
        return text if len(text) <= _LONGEST else reprlib.repr(value)
    return repr(value) if value != value.strip() or _is_literal(value) else value


def _equals_all(value: Any) -> bool:
    """Say whether a value equals whatever it is held against, as ``mock.ANY`` does."""
    return type(value) not in _BUILT_IN and bool(value == _ANYTHING)


def _fields(value: Any) -> dict[str, Any]:
    """Return what a record of named fields is compared by: each may equal everything, or be NaN."""
    kind = type(value)
    if dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind) if field.compare]
    elif hasattr(kind, "__attrs_attrs__"):
        names = [field.name for field in kind.__attrs_attrs__ if field.eq]
    elif kind is SimpleNamespace:
        names = list(vars(value))
    else:
        names = list(getattr(kind, "__pydantic_fields__", ()))
    return {name: getattr(value, name) for name in names}


def _plain(value: Any) -> Any:
    """Return a numpy or torch scalar as Python's own."""
    is_scalar = getattr(value, "shape", None) == () and hasattr(value, "item")
    return value.item() if is_scalar else value


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text.lower() in ("", "nan", "inf", "-inf", "true", "false", "none", "null")
    return True


def _same_arrays(left: Any, right: Any) -> bool:
    """Compare two arrays, or one with nested lists."""
    if not all(is_array(each) or isinstance(each, list | tuple) for each in (left, right)):
        return False
    one, other = array_of(left), array_of(right)
    kinds = {one.dtype.kind, other.dtype.kind}
    if one.shape != other.shape or not same_labels(left, right):
        return False
    if "b" in kinds and kinds != {"b"}:
        return False
    if "O" in kinds or (kinds & {"i", "u"} and kinds & {"f", "c"}):
        # Python compares whole numbers with floats exactly; numpy rounds them first.
        return _same_items(one.tolist(), other.tolist())
    return bool((one == other).all())


def _is_table(value: Any) -> bool:
    """Say whether a value is a table as pandas has it: columns of different kinds, and labels."""
    return isinstance(getattr(value, "axes", None), list) and hasattr(value, "columns")


def _same_tables(left: Any, right: Any) -> bool:
    if not _is_table(left) or not _is_table(right) or not same_labels(left, right):
        return False
    return all(
        same(one[1], other[1]) for one, other in zip(left.items(), right.items(), strict=True)
    )


def _same_items(left: Any, right: Any) -> bool:
    if not isinstance(right, list | tuple) or isinstance(left, list) is not isinstance(right, list):
        return False
    return len(left) == len(right) and all(map(same, left, right))


def _same_mappings(left: Mapping[Any, Any], right: Any) -> bool:
    if not isinstance(right, Mapping) or not _same_sets(left.keys(), right.keys()):
        return False
    return all(same(value, right[key]) for key, value in left.items())


def _same_sets(left: Set[Any], right: Any) -> bool:
    if not isinstance(right, Set) or len(left) != len(right):
        return False
    known = {each: each for each in right}
    return all(each in known and same(each, known[each]) for each in left)
