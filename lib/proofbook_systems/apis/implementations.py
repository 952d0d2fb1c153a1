"""REAL or MOCK: whether a server of another hand answered, or a protocol double.

A double says so in every answer, so that one behind a URL is not taken for the service.
"""

from __future__ import annotations

from typing import Literal

import httpx

from proofbook.errors import SubjectError

__all__ = ["DOUBLE_HEADER", "Implementation", "find_implementation"]

Implementation = Literal["REAL", "MOCK", "INCOMPLETE"]

DOUBLE_HEADER = "X-Proofbook-Double"
_SECONDS = 10.0


def find_implementation(url: str, claimed: str = "") -> Implementation:
    """Return what answers at ``url``: a double where it, or whoever started it, says so.

    Raises:
        SubjectError: Nothing answers; the message is one line.
    """
    try:
        answer = httpx.get(url, timeout=_SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        raise SubjectError(f"{url} cannot be reached: {error or type(error).__name__}") from error
    return "MOCK" if DOUBLE_HEADER in answer.headers or claimed == "MOCK" else "REAL"
