"""Sends again what may succeed: through stamina, with the waits that the server asks for.

Knows nothing about requests, and counts no failures: that is the breaker's.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina

from proofbook_subjects.apis.client.errors import ApiError
from proofbook_subjects.apis.client.outside import Outside
from proofbook_subjects.apis.client.settings import Retries

__all__ = ["backoff", "with_retries"]

T = TypeVar("T")

_JITTER = 0.1
"""Of what the server asks to wait, added at random: not all should come back at once."""
_MOST_JITTER = 1.0


async def with_retries(
    attempt: Callable[[int], Awaitable[T]],
    retries: Retries,
    outside: Outside,
    *,
    time_left: Callable[[], float] = lambda: math.inf,
) -> T:
    """Return what ``attempt`` returns, called at most ``retries.max_retries`` + 1 times.

    Args:
        attempt: Sends once; is given its number, from 1.
        retries: How often, and how long to wait.
        outside: Where randomness and sleep come from.
        time_left: Seconds until the request is given up: a wait beyond them is not begun.

    Raises:
        ApiError: What the last attempt raised.
    """
    waits: list[float] = []

    def decide(error: Exception) -> bool | float:
        if not isinstance(error, ApiError) or not error.retryable:
            return False
        waits.append(backoff(error, len(waits), retries, outside))
        # stamina's own sleep cannot be injected, so that it is told to wait 0 s; ours is below
        return 0.0 if waits[-1] < time_left() else False

    try:
        return await attempt(1)  # most need no more, and are spared the cost of the machinery
    except ApiError as error:
        if not retries.max_retries or not stamina.is_active() or decide(error) is False:
            raise
    async for trial in stamina.retry_context(on=decide, attempts=retries.max_retries, timeout=None):
        await outside.sleep(waits[-1])
        with trial:
            return await attempt(trial.num + 1)
    raise AssertionError("stamina ends with a result or an error")


def backoff(error: ApiError, earlier: int, retries: Retries, outside: Outside) -> float:
    """Return the seconds to wait after ``error``, the ``earlier``-th plus one in a row.

    What the server asks for is never cut short; without it, the wait doubles up to
    ``retries.wait_max``, and half of it is random.
    """
    asked = error.retry_after
    if asked is not None:
        return asked + outside.random.uniform(0, min(_JITTER * asked, _MOST_JITTER))
    longest = min(retries.wait_max, retries.wait_initial * 2.0 ** min(earlier, 60))
    return longest * outside.random.uniform(0.5, 1.0)
