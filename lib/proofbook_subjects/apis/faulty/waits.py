"""The headers that tell a client how long to wait: filled in, and read back for the log."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping

__all__ = ["fill_dates", "wait_of"]

_PLACEHOLDER = re.compile(r"\{(date|epoch)([+-]\d+)\}")


def fill_dates(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers with ``{date+N}`` as an HTTP date and ``{epoch+N}`` as a Unix time."""

    def fill(match: re.Match[str]) -> str:
        when = int(time.time()) + int(match[2])
        return str(when) if match[1] == "epoch" else email.utils.formatdate(when, usegmt=True)

    return {name: _PLACEHOLDER.sub(fill, value) for name, value in headers.items()}


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that these headers tell a client to wait; None where they tell nothing."""
    by_name = {name.lower(): value for name, value in headers.items()}
    if (value := by_name.get("retry-after-ms")) is not None:
        return _number(value, 1000.0)
    if (value := by_name.get("retry-after")) is not None:
        return _number(value, 1.0) if _number(value, 1.0) is not None else _until(value)
    if match := re.search(r";\s*t=(\d+)", by_name.get("ratelimit", "")):
        return float(match[1])
    if (value := by_name.get("ratelimit-reset")) is not None:
        return _number(value, 1.0)
    return None


def _number(value: str, unit: float) -> float | None:
    try:
        return float(value) / unit
    except ValueError:
        return None


def _until(value: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(value).timestamp() - time.time()
    except ValueError:
        return None
