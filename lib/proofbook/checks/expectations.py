"""What a check can ask for: small values that say whether an actual value fits, and in words.

Any plain value is an expectation too: it asks for equality. Knows nothing about records.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from proofbook.checks.comparison import (
    array_of,
    exact,
    is_array,
    same,
    same_labels,
    words_of,
)
from proofbook.checks.kinds import other_kind

__all__ = [
    "Expectation",
    "at_least",
    "at_most",
    "between",
    "close_to",
    "contains",
    "empty",
    "equals",
    "expectation_of",
    "matches",
    "one_of",
    "within",
    "without",
]

_ANYTHING = ("", "\x00", "a", "A 1", "\n\n", "ä€", "x" * 50, "-.5e3/_")
"""Texts that have nothing in common: a pattern that is found in each is found in all."""


def _no_explanation(value: object) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """A predicate and its words, such as ``30 ± 0.5``."""

    words: str
    accepts: Callable[[Any], bool]
    explain: Callable[[Any], str] = _no_explanation
    """Why a value is not accepted that reads as the words do; empty where that is plain."""


def expectation_of(value: object) -> Expectation:
    """Return ``value`` if it is an expectation already, otherwise one that asks for equality."""
    return value if isinstance(value, Expectation) else equals(value)


def equals(value: Any) -> Expectation:
    """Ask for ``value`` itself, at any depth: ``True`` is not 1 here, and NaN equals nothing.

    Arrays and tensors are equal where shape and all elements are; see :func:`close_to`.

    Raises:
        ValueError: ``value`` is an array without elements, which would compare nothing.
    """
    if is_array(value) and 0 in value.shape:
        raise ValueError("equals() of an array without elements compares nothing; ask for empty()")
    return Expectation(
        words=words_of(value),
        accepts=lambda x: same(x, value),
        explain=lambda x: other_kind(x, value),
    )


def close_to(target: Any, *, atol: float = 0.0, rtol: float = 0.0) -> Expectation:
    """Ask for an array or tensor of the shape of ``target``, each element close to its own.

    Args:
        target: An array, a tensor, or nested lists of numbers.
        atol: How far away an element may be.
        rtol: How far away it may be beside that, as a share of the target's element.

    Raises:
        ValueError: The tolerances allow nothing but equality, or anything; ``target`` is empty or
            holds what is not finite.
    """
    import numpy as np

    wanted = array_of(target).astype(np.float64)
    if not (0 <= atol < math.inf and 0 <= rtol < math.inf and atol + rtol > 0):
        raise ValueError(f"close_to() needs a finite tolerance: atol={atol}, rtol={rtol}")
    if wanted.size == 0 or not np.isfinite(wanted).all():
        raise ValueError("close_to() needs a target of finite numbers")

    def accepts(actual: Any) -> bool:
        found = array_of(actual)
        if found.dtype.kind not in "iuf":
            raise TypeError(f"expected numbers, found an array of {found.dtype}")
        if found.shape != wanted.shape or not same_labels(actual, target):
            return False
        return bool((np.abs(found - wanted) <= atol + rtol * np.abs(wanted)).all())

    share = f" ± {rtol:g} of each" if rtol else ""
    spread = f" ± {atol:g}" if atol else ""
    return Expectation(words=f"{_shape_words(target, wanted)}{spread}{share}", accepts=accepts)


def within(target: float, tolerance: float) -> Expectation:
    """Ask for a number at most ``tolerance`` away from ``target``; NaN is never within."""
    if not 0 <= tolerance < math.inf:
        raise ValueError(f"tolerance must be finite and not negative: {tolerance}")
    middle, spread = exact(target), exact(tolerance)
    if not isinstance(middle, Fraction):
        raise ValueError(f"nothing is near {target}")
    return Expectation(
        words=f"{words_of(target)} ± {words_of(tolerance)}",
        accepts=lambda x: bool(middle - spread <= exact(x) <= middle + spread),
    )


def at_least(bound: float) -> Expectation:
    """Ask for a number not below ``bound``."""
    least = _bound(bound, -math.inf)
    return Expectation(words=f"≥ {words_of(bound)}", accepts=lambda x: bool(exact(x) >= least))


def at_most(bound: float) -> Expectation:
    """Ask for a number not above ``bound``."""
    most = _bound(bound, math.inf)
    return Expectation(words=f"≤ {words_of(bound)}", accepts=lambda x: bool(exact(x) <= most))


def between(low: float, high: float) -> Expectation:
    """Ask for a number from ``low`` to ``high``, both included."""
    least, most = exact(low), exact(high)
    if not least <= most:
        raise ValueError(
            f"between({words_of(low)}, {words_of(high)}) accepts nothing: the bounds are swapped"
        )
    if least == -math.inf and most == math.inf:
        raise ValueError("between(-inf, inf) accepts every number")
    return Expectation(
        words=f"{words_of(low)} to {words_of(high)}",
        accepts=lambda x: bool(least <= exact(x) <= most),
    )


def one_of(values: Iterable[Any]) -> Expectation:
    """Ask for one of ``values``."""
    if isinstance(values, str):
        raise ValueError(f"one_of() needs a list of values and got the text {values!r}")
    allowed = list(values)
    if not allowed:
        raise ValueError("one_of() of nothing accepts nothing")
    words = "one of " + ", ".join(words_of(v) for v in allowed)
    return Expectation(words=words, accepts=lambda x: any(same(x, each) for each in allowed))


def empty() -> Expectation:
    """Ask for a text or collection that holds nothing."""
    return Expectation(words="none", accepts=lambda x: len(_collection(x)) == 0)


def contains(part: Any) -> Expectation:
    """Ask for a text or collection that holds ``part``."""
    _refuse_empty("contains", part, "every")
    return Expectation(words=f"contains {words_of(part)}", accepts=lambda x: _holds(x, part))


def without(part: Any) -> Expectation:
    """Ask for a text or collection that does not hold ``part``."""
    _refuse_empty("without", part, "no")
    return Expectation(words=f"without {words_of(part)}", accepts=lambda x: not _holds(x, part))


def matches(pattern: str) -> Expectation:
    """Ask for a text in which the regular expression is found."""
    expression = re.compile(pattern)
    if all(expression.search(text) for text in _ANYTHING):
        raise ValueError(f"matches({pattern!r}) accepts every text")
    return Expectation(
        words=f"matches /{pattern}/", accepts=lambda x: expression.search(x) is not None
    )


def _bound(bound: float, limitless: float) -> Any:
    """Return a bound exactly.

    Raises:
        ValueError: Every number fits it, or none does.
    """
    number = exact(bound)
    if math.isnan(number) or number == limitless:
        which = "every" if number == limitless else "no"
        raise ValueError(f"a bound of {bound} accepts {which} number")
    return number


def _refuse_empty(what: str, part: Any, which: str) -> None:
    if isinstance(part, str | bytes) and not part:
        raise ValueError(f"{what}({part!r}) accepts {which} text")


def _holds(value: Any, part: Any) -> bool:
    if isinstance(value, str | bytes | bytearray):
        return part in value
    if is_array(value):
        value = array_of(value).ravel().tolist()
    return any(same(each, part) for each in _collection(value))


def _collection(value: Any) -> Collection[Any]:
    if not isinstance(value, Collection):
        raise TypeError(f"expected a text or a collection, found {value!r}")
    return value


def _shape_words(target: Any, wanted: Any) -> str:
    return words_of(target) if wanted.size <= 8 else f"array of shape {wanted.shape}"
