"""``python litellm_calls.py URL CALLS``: seconds of each call of litellm, as JSON.

Runs in an environment that has litellm, and imports nothing of ours. Some calls go before those
that count: litellm loads parts of itself with the first.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

__all__ = ["main"]

_WARM = 10


async def _measure(url: str, calls: int) -> list[float]:
    import litellm

    taken = []
    for number in range(_WARM + calls):
        began = time.perf_counter()
        await litellm.acompletion(
            model="openai/quick",
            messages=[{"role": "user", "content": "hello"}],
            api_base=url,
            api_key="sk-test-key",
            num_retries=0,
        )
        if number >= _WARM:
            taken.append(time.perf_counter() - began)
    return taken


def main(url: str, calls: str) -> int:
    """Ask ``calls`` times, print what each took, and return 0."""
    print(json.dumps(asyncio.run(_measure(url, int(calls)))))  # noqa: T201 - this is how it answers
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
