"""How long a server asks to wait: ``retry-after-ms``, ``Retry-After``, and a spent rate limit.

``Retry-After`` is a number of seconds, whole by RFC 9110 and a fraction in practice, or a date.
A date is measured against the server's own ``Date``: its clock may differ from ours. What is
negative or no number was not said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from proofbook_subjects.apis.client.rate_limits import spent_for

__all__ = ["asked_wait", "parse_http_date"]


def asked_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds to wait, at least 0; None where the server does not say.

    Args:
        headers: Of the answer, with keys in any case (``httpx.Headers``).
        now: Seconds since 1970, for a date without a ``Date`` beside it.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    said = headers.get("retry-after")
    seconds = _number(said)
    if seconds is None and said is not None:
        seconds = _until(said, parse_http_date(headers.get("date", "")) or now)
    return spent_for(headers, now) if seconds is None else seconds


def parse_http_date(text: str) -> float | None:
    """Return seconds since 1970; None where ``text`` is no date."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _until(text: str, now: float) -> float | None:
    moment = parse_http_date(text)
    return None if moment is None else max(0.0, moment - now)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
