"""What a server says of its rate limits, in each form that is in use.

==================================================  =============================================
``RateLimit: "name";r=0;t=30``                      the IETF draft since 08 (``RateLimit-Policy``:
                                                    ``"name";q=100;w=60``, whose window stands in
                                                    for a missing ``t``)
``RateLimit: limit=10, remaining=0, reset=30``      drafts before
``RateLimit-Remaining``, ``RateLimit-Reset``        drafts before that, in seconds
``X-RateLimit-Remaining``, ``X-RateLimit-Reset``    seconds, or seconds since 1970
``x-ratelimit-remaining-requests``, ``-tokens``     OpenAI, Groq: ``1s``, ``6m0s``, ``250ms``
``anthropic-ratelimit-requests-remaining``, …       Anthropic: a date of RFC 3339
==================================================  =============================================
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

__all__ = ["spent_for"]

_ITEM = re.compile(r'"(?P<name>[^"]*)"(?P<parameters>(?:\s*;\s*[a-z]+=[^;,]+)*)')
_PARAMETER = re.compile(r"([a-z]+)\s*=\s*(-?[0-9.]+)")
_PART = re.compile(r"([0-9.]+)(ms|s|m|h|d)")
_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_EPOCH = 1e8
"""A reset beyond so many seconds (three years) is a moment, and not a duration."""


def spent_for(headers: Mapping[str, str], now: float) -> float | None:
    """Return for how many seconds a limit is spent; None where none is, or nothing is said."""
    lower = {name.lower(): value for name, value in headers.items() if "ratelimit" in name.lower()}
    if not lower:
        return None
    waits = [reset for left, reset in _limits(lower, now) if left <= 0 and reset is not None]
    return max(waits, default=None)


def _limits(headers: Mapping[str, str], now: float) -> Iterator[tuple[float, float | None]]:
    yield from _ietf(headers.get("ratelimit", ""), headers.get("ratelimit-policy", ""))
    for name, value in headers.items():
        if "remaining" in name:
            left = _duration(value)
            reset = headers.get(name.replace("remaining", "reset"))
            if left is not None and reset is not None:
                yield left, _seconds(reset, now)


def _ietf(limit: str, policy: str) -> Iterator[tuple[float, float | None]]:
    windows = {item["name"]: _parameters(item["parameters"]).get("w") for item in _items(policy)}
    items = list(_items(limit))
    for item in items:
        found = _parameters(item["parameters"])
        if "r" in found:
            yield found["r"], found.get("t", windows.get(item["name"]))
    old = {} if items else _parameters(limit)
    if "remaining" in old:
        yield old["remaining"], old.get("reset")


def _items(text: str) -> Iterator[re.Match[str]]:
    return _ITEM.finditer(text)


def _parameters(text: str) -> dict[str, float]:
    pairs = ((name, _duration(value)) for name, value in _PARAMETER.findall(text))
    return {name: value for name, value in pairs if value is not None}


def _seconds(text: str, now: float) -> float | None:
    plain = _duration(text)
    if plain is None:
        try:
            plain = datetime.fromisoformat(text).timestamp()
        except ValueError:
            return None
    return max(0.0, plain - now) if plain > _EPOCH else max(0.0, plain)


def _duration(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        parts = _PART.findall(text)
        whole = "".join(number + unit for number, unit in parts) == text.strip()
        return (
            sum(float(number) * _UNIT[unit] for number, unit in parts) if whole and parts else None
        )
