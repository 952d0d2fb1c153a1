"""Ask for rows again: one after the other, at another speed, all at once, many times.

Each is judged as any row is; what is different from the first time, :mod:`comparison` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from proofbook_systems.ttsserver.matrix import Row
from proofbook_systems.ttsserver.rows import RowOptions, RowResult, run_row
from proofbook_systems.ttsserver.server import SpeechServer
from proofbook_systems.ttsserver.voices import Voices

__all__ = ["bring_back", "find_growth", "find_silence", "run_again", "run_together"]

_WARM_UP = 3
"""Requests after which a server has what it needs."""


def run_again(
    server: SpeechServer,
    row: Row,
    voices: Voices,
    options: RowOptions,
    *,
    times: int = 1,
    speed: float | None = None,
) -> list[RowResult]:
    """Run a row some more times, one after the other, and return the results.

    Args:
        server: Where it ran before.
        row: Which it is.
        voices: The same as before.
        options: The same as before.
        times: How often.
        speed: 1 is the usual one; None is as before.
    """
    speed = options.speed if speed is None else speed
    again = replace(options, speed=speed)
    results = []
    for number in range(1, times + 1):
        folder = options.audio_folder / f"again-{speed}-{number}"
        results.append(run_row(server, row, voices, replace(again, audio_folder=folder)))
        bring_back(server, voices, row.name)
    return results


def run_together(
    server: SpeechServer, rows: Sequence[Row], voices: Voices, options: RowOptions
) -> list[RowResult]:
    """Run rows all at once, and return their results in the order of the rows."""
    at_once = replace(options, audio_folder=options.audio_folder / "together")
    with ThreadPoolExecutor(len(rows)) as pool:
        running = [pool.submit(run_row, server, row, voices, at_once) for row in rows]
        results = [each.result() for each in running]
    bring_back(server, voices, "requests at once")
    return results


def find_silence(server: SpeechServer, row: Row, voices: Voices, options: RowOptions) -> str:
    """Run a row that has passed once more, and return how it fails now; empty where it passes."""
    (result,) = run_again(server, row, voices, options)
    return "" if result.passed else result.verdict


def bring_back(server: SpeechServer, voices: Voices, why: str) -> None:
    """Start a server again that has ended or does not answer, so that what follows is not to blame.

    Raises:
        SubjectError: It does not come back.
    """
    if fault := server.exited() or server.find_fault():
        server.restart(f"after {why}: {fault}")
        voices.create(server.client)


def find_growth(memory: Sequence[int], limit: float) -> str:
    """Return how a server's memory grows with each request; empty where it settles.

    Args:
        memory: Bytes after each of a number of equal requests.
        limit: Bytes that one request may add, on the average after the first few.
    """
    warm = memory[_WARM_UP:]
    steps = len(warm) - 1
    assert steps > 0, f"{_WARM_UP + 2} requests are needed at least"
    half = max(1, len(warm) // 2)
    # What comes and goes is no leak: the least of each half tells what stays.
    first, second = min(warm[:half]), min(warm[half:])
    grown = (second - first) / half
    if grown <= limit:
        return ""
    return (
        f"each request adds {grown / 1e6:.1f} MB: {first / 1e6:.0f} MB after {_WARM_UP} requests, "
        f"{memory[-1] / 1e6:.0f} MB after {len(memory)}"
    )
