"""Send many requests at once, in one of two ways, and keep what became of each.

A *closed* round has N clients, each of which asks again as soon as it is answered: how much can be
served. An *open* round has requests arrive at a rate, whether or not earlier ones are answered, as
people do: how long they wait.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

from proofbook_systems.apis.load.samples import Sample

__all__ = ["Ask", "Round", "run_closed", "run_open"]

Ask = Callable[[int, float], Sample]
"""Send the request of a number that was due at a time, wait for its end, and return it."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """What one level of load has shown."""

    closed: bool
    """Whether each client waits for its answer before it asks again."""
    level: float
    """Clients, or requests a second."""
    samples: Sequence[Sample]
    seconds: float
    """From the first request to the last end."""
    sent: int
    """How many requests were to be made."""

    @property
    def name(self) -> str:
        """``8 clients`` or ``4/s``."""
        if not self.closed:
            return f"{self.level:g}/s"
        return "1 client" if self.level == 1 else f"{self.level:g} clients"

    @property
    def answered(self) -> list[Sample]:
        """Those that have an answer."""
        return [sample for sample in self.samples if not sample.fault]

    @property
    def faults(self) -> list[str]:
        """Why the others have none, each reason once, the most frequent first, with its count."""
        reasons = [sample.fault for sample in self.samples if sample.fault]
        counts = {reason: reasons.count(reason) for reason in reasons}
        ordered = sorted(counts.items(), key=lambda item: -item[1])
        return [f"{count} times: {reason}" for reason, count in ordered]

    @property
    def error_share(self) -> float:
        """Share of the requests that have no answer."""
        return 1 - len(self.answered) / self.sent


def run_closed(ask: Ask, *, clients: int, requests: int, first: int = 0) -> Round:
    """Have ``clients`` ask again and again, ``requests`` times in all.

    Args:
        ask: Sends one request.
        clients: How many ask at the same time.
        requests: How many requests all of them make together.
        first: Number of the first request.
    """
    numbers, lock = iter(range(first, first + requests)), Lock()

    def take() -> Iterator[int]:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            yield number

    def be_client(_: int) -> list[Sample]:
        return [ask(number, time.monotonic()) for number in take()]

    started = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        samples = list(itertools.chain.from_iterable(pool.map(be_client, range(clients))))
    return Round(
        closed=True, level=clients, samples=samples, sent=requests,
        seconds=time.monotonic() - started,
    )  # fmt: skip


def run_open(ask: Ask, *, rate: float, requests: int, seed: int, first: int = 0) -> Round:
    """Have ``requests`` arrive at ``rate`` a second, as a Poisson process, and wait for all.

    Args:
        ask: Sends one request.
        rate: Requests a second.
        requests: How many arrive.
        seed: Of the gaps between them.
        first: Number of the first request.
    """
    generator = random.Random(seed)
    gaps = [0.0, *[generator.expovariate(rate) for _ in range(requests - 1)]]
    started = time.monotonic()
    with ThreadPoolExecutor(requests) as pool:
        futures = []
        for number, offset in enumerate(itertools.accumulate(gaps), first):
            due = started + offset
            time.sleep(max(0.0, due - time.monotonic()))
            futures.append(pool.submit(ask, number, due))
        samples = [future.result() for future in futures]
    return Round(
        closed=False, level=rate, samples=samples, sent=requests,
        seconds=time.monotonic() - started,
    )  # fmt: skip
