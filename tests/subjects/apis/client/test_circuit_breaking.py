"""The circuit breaker: closed, open, half-open; one request counts once."""

from __future__ import annotations

import asyncio

import pytest

from proofbook_subjects.apis.client import Breaker
from proofbook_subjects.apis.client.breaker import Circuit
from proofbook_subjects.apis.client.errors import (
    CircuitOpenError,
    MalformedAnswerError,
    RateLimitedError,
    ServerError,
    UnreachableError,
)

FAILURE = UnreachableError("nobody")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock, failures: int = 2) -> Circuit:
    circuit = Circuit(Breaker(failures=failures, recovery=30), clock, "host:1")
    for _ in range(failures):
        circuit.judge(FAILURE, probe=circuit.admit())
    return circuit


def test_failures_in_a_row_open_it_and_the_message_says_until_when() -> None:
    clock = Clock()
    circuit = opened(clock)
    clock.now = 10.0
    assert circuit.state == "open"
    with pytest.raises(CircuitOpenError, match=r"host:1 failed 2 times .* in 20\.0 s") as error:
        circuit.admit()
    assert error.value.retry_after == 20.0


def test_after_the_recovery_one_probe_goes_and_decides() -> None:
    clock = Clock()
    circuit = opened(clock)
    clock.now = 30.0
    assert circuit.state == "half-open"
    assert circuit.admit()
    with pytest.raises(CircuitOpenError):
        circuit.admit()
    circuit.judge(FAILURE, probe=True)
    assert circuit.state == "open"
    clock.now = 60.0
    assert circuit.admit()
    circuit.succeeded()
    assert circuit.state == "closed"
    assert not circuit.admit()


def test_a_cancelled_probe_leaves_room_for_another() -> None:
    clock = Clock()
    circuit = opened(clock)
    clock.now = 30.0
    circuit.judge(asyncio.CancelledError(), probe=circuit.admit())
    assert circuit.admit()


def test_a_host_that_answers_is_no_failure() -> None:
    circuit = Circuit(Breaker(failures=2), Clock(), "host")
    limited = RateLimitedError("no", status=429)
    for error in (FAILURE, limited, FAILURE, MalformedAnswerError("no"), FAILURE):
        circuit.judge(error, probe=circuit.admit())
    assert circuit.state == "closed"
    circuit.judge(ServerError("no", status=500), probe=False)
    assert circuit.state == "open"


def test_who_was_under_way_when_it_opened_does_not_put_the_recovery_off() -> None:
    clock = Clock()
    circuit = opened(clock)
    clock.now = 20.0
    circuit.judge(FAILURE, probe=False)
    clock.now = 30.0
    assert circuit.state == "half-open"


def test_without_a_number_of_failures_it_never_opens() -> None:
    circuit = Circuit(Breaker(failures=0), Clock(), "host")
    for _ in range(50):
        circuit.judge(FAILURE, probe=circuit.admit())
    assert circuit.state == "closed"
