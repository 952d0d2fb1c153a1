"""The benchmark of API calls: real and small, and red where a side is slow or greedy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from proofbook.errors import SubjectError
from proofbook_bench import api_calls
from proofbook_bench.api_calls import ApiCalls, Scheduled, bar_here, best_schedule, start_api_calls

FEW = {"rounds": 1, "calls": 3, "requests": 4, "limit": 2, "seconds": 0.05, "first_event": 0.0}
LOOSE = {"bar": 1e3, "first_event_bar": 1e3, "schedule_bar": 1e3}


class Canned:
    """Sides that take what they are told to."""

    def __init__(
        self, client: float = 1.0, first: float = 1.0, control: float = 1.0, **schedule: Any
    ) -> None:
        self._client, self._first, self._control = client, first, control
        self._schedule = {"seconds": 1.0, "ideal": 1.0, "peak": 2, "calls": 4, **schedule}

    def client_seconds(self, calls: int, *, cpu: bool) -> float:
        return self._client

    def httpx_seconds(self, calls: int, *, cpu: bool) -> float:
        return 1.0

    def client_first_event(self, calls: int, after: float) -> float:
        return self._first

    def socket_first_event(self, calls: int, after: float) -> float:
        return 1.0

    def schedule(self, *_: Any, stream: bool = False) -> Scheduled:
        return Scheduled(**self._schedule)

    def schedule_httpx(self, *_: Any, stream: bool = False) -> Scheduled:
        return Scheduled(**{**self._schedule, "seconds": self._control})

    def httpx_first_event(self, calls: int, after: float) -> float:
        return self._control

    def litellm_seconds(self, calls: int) -> tuple[float, ...]:
        return (20.0,) * calls


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("sides", "red"),
    [
        (Canned(client=1.09, first=1.19, seconds=1.04), []),
        (Canned(client=1.2), ["overhead"]),
        (Canned(first=1.3), ["first-event"]),
        (Canned(seconds=1.1), ["chats-in-time", "streams-in-time"]),
        (Canned(first=1.5, seconds=1.3, control=1.25), []),
        (
            Canned(first=1.6, seconds=1.4, control=1.25),
            ["first-event", "chats-in-time", "streams-in-time"],
        ),
        (Canned(peak=3), ["chats-peak", "streams-peak"]),
        (Canned(calls=5), ["chats-all", "streams-all"]),
    ],
)
def test_each_bar_is_held(run_cells: Callable[..., Any], sides: Canned, red: list[str]) -> None:
    after = {"imports": lambda names: names.update(start_api_calls=lambda: sides)}
    found = run_cells("benchmarks/api_calls", after=after, litellm_calls=2, **FEW)
    assert found.red == red


@pytest.mark.exhaustive
@pytest.mark.slow
def test_it_measures_what_is_there(run_cells: Callable[..., Any]) -> None:
    found = run_cells("benchmarks/api_calls", **FEW, **LOOSE)
    assert found.red == []
    assert found.checks["litellm"].status == "skipped"
    assert [each.peak for each in found.names["filled"]["chats"]] == [2]


def test_the_server_counts_calls_and_how_many_at_once() -> None:
    api = start_api_calls()
    found = api.schedule(6, 3, 0.05, stream=True)
    assert (found.calls, found.peak) == (6, 3)
    assert found.ratio >= 1
    assert api.client_first_event(1, 0.0) > 0
    slower = replace(found, seconds=2 * found.seconds)
    assert best_schedule([slower, found]) is found


def test_a_busy_machine_is_not_the_clients_fault() -> None:
    assert bar_here(1.05, 1.0) == bar_here(1.05, 1.05) == 1.05
    assert bar_here(1.05, 2.0) == 2.1


def test_a_litellm_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_calls, "make_environment", lambda *_: "python")
    failed = SimpleNamespace(returncode=1, stderr="Traceback\nImportError: no litellm\n", stdout="")
    monkeypatch.setattr(api_calls.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(SubjectError, match="ImportError: no litellm"):
        ApiCalls(url="http://x/v1").litellm_seconds(1)
