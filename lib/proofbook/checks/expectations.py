"""What a check can ask for: small values that say whether an actual value fits, and in words.

Any plain value is an expectation too: it asks for equality. Knows nothing about records.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Expectation",
    "at_least",
    "at_most",
    "between",
    "contains",
    "empty",
    "equals",
    "expectation_of",
    "matches",
    "one_of",
    "within",
    "without",
]


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """A predicate and its words, such as ``30 ± 0.5``."""

    words: str
    accepts: Callable[[Any], bool]


def expectation_of(value: object) -> Expectation:
    """Return ``value`` if it is an expectation already, otherwise one that asks for equality."""
    return value if isinstance(value, Expectation) else equals(value)


def equals(value: Any) -> Expectation:
    """Ask for ``value`` itself; ``True`` is not equal to 1 here, and NaN equals nothing."""

    def accepts(actual: Any) -> bool:
        left, right = _scalar(actual), _scalar(value)
        if isinstance(left, bool) is not isinstance(right, bool):
            return False
        return bool(left == right)

    return Expectation(words=_words(value), accepts=accepts)


def within(target: float, tolerance: float) -> Expectation:
    """Ask for a number at most ``tolerance`` away from ``target``; NaN is never within."""
    if tolerance < 0:
        raise ValueError(f"tolerance must not be negative: {tolerance}")
    return Expectation(
        words=f"{target:g} ± {tolerance:g}", accepts=lambda x: abs(_number(x) - target) <= tolerance
    )


def at_least(bound: float) -> Expectation:
    """Ask for a number not below ``bound``."""
    return Expectation(words=f"≥ {bound:g}", accepts=lambda x: _number(x) >= bound)


def at_most(bound: float) -> Expectation:
    """Ask for a number not above ``bound``."""
    return Expectation(words=f"≤ {bound:g}", accepts=lambda x: _number(x) <= bound)


def between(low: float, high: float) -> Expectation:
    """Ask for a number from ``low`` to ``high``, both included."""
    if low > high:
        raise ValueError(f"between({low:g}, {high:g}) accepts nothing: the bounds are swapped")
    return Expectation(words=f"{low:g} to {high:g}", accepts=lambda x: low <= _number(x) <= high)


def one_of(values: Iterable[Any]) -> Expectation:
    """Ask for one of ``values``."""
    if isinstance(values, str):
        raise ValueError(f"one_of() needs a list of values and got the text {values!r}")
    allowed = list(values)
    if not allowed:
        raise ValueError("one_of() of nothing accepts nothing")
    words = "one of " + ", ".join(_words(v) for v in allowed)
    return Expectation(words=words, accepts=lambda x: x in allowed)


def empty() -> Expectation:
    """Ask for a text or collection that holds nothing."""
    return Expectation(words="none", accepts=lambda x: len(_collection(x)) == 0)


def contains(part: Any) -> Expectation:
    """Ask for a text or collection that holds ``part``."""
    _refuse_empty(part)
    return Expectation(words=f"contains {_words(part)}", accepts=lambda x: part in _collection(x))


def without(part: Any) -> Expectation:
    """Ask for a text or collection that does not hold ``part``."""
    return Expectation(
        words=f"without {_words(part)}", accepts=lambda x: part not in _collection(x)
    )


def matches(pattern: str) -> Expectation:
    """Ask for a text in which the regular expression is found."""
    expression = re.compile(pattern)
    return Expectation(
        words=f"matches /{pattern}/", accepts=lambda x: expression.search(x) is not None
    )


def _refuse_empty(part: Any) -> None:
    if isinstance(part, str) and not part:
        raise ValueError("contains('') accepts every text")


def _scalar(value: Any) -> Any:
    """Return a numpy or torch scalar as Python's own."""
    is_scalar = getattr(value, "shape", None) == () and hasattr(value, "item")
    return value.item() if is_scalar else value


def _words(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) and value else repr(value)


def _number(value: Any) -> float:
    """Return ``value`` as a float; NaN stays NaN, which fits no bound."""
    if isinstance(value, bool | str | bytes) or value is None:
        raise TypeError(f"expected a number, found {value!r}")
    number = float(value)
    return number if not math.isnan(number) else math.nan


def _collection(value: Any) -> Collection[Any]:
    if not isinstance(value, Collection):
        raise TypeError(f"expected a text or a collection, found {value!r}")
    return value
