"""Which connection is closed, and when: by a clock of the test's own, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from proofbook.review.connections import limit_connections


class Timer:
    def __init__(self, moment: float, call: Callable[[], object]) -> None:
        self.moment, self.call, self.cancelled = moment, call, False

    def cancel(self) -> None:
        self.cancelled = True

    def when(self) -> float:
        return self.moment


class Loop:
    """A loop whose time stands still until the test moves it."""

    def __init__(self) -> None:
        self.now, self.timers = 0.0, list[Timer]()

    def call_later(self, seconds: float, call: Callable[[], object]) -> Timer:
        self.timers.append(Timer(self.now + seconds, call))
        return self.timers[-1]

    def move(self, seconds: float) -> None:
        self.now += seconds
        for timer in [each for each in self.timers if each.moment <= self.now]:
            self.timers.remove(timer)
            if not timer.cancelled:
                timer.call()

    @property
    def waiting(self) -> int:
        return sum(not each.cancelled for each in self.timers)


class Pipe(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.aborted = 0

    def abort(self) -> None:
        self.aborted += 1

    def close(self) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def resume_reading(self) -> None:
        pass


class Desk:
    """Connections that may wait ten seconds, and of which three may be open."""

    def __init__(self) -> None:
        config = uvicorn.Config(_no_app, lifespan="off", interface="asgi3", log_config=None)
        config.load()
        self.kind: Any = limit_connections(config, 3, 10.0).http
        self.config, self.state, self.loop = config, ServerState(), Loop()

    def open(self) -> tuple[Any, Pipe]:
        connection, pipe = self.kind(self.config, self.state, {}, _loop=self.loop), Pipe()
        connection.connection_made(pipe)
        return connection, pipe


async def _no_app(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("nothing is asked")


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_connection_that_asks_nothing_is_closed_in_time(desk: Desk) -> None:
    _, pipe = desk.open()
    desk.loop.move(9.9)
    assert pipe.aborted == 0
    desk.loop.move(0.2)
    assert pipe.aborted == 1


def test_what_is_being_answered_is_waited_for(desk: Desk) -> None:
    connection, pipe = desk.open()
    connection.cycle = SimpleNamespace(response_complete=False)
    desk.loop.move(11)
    assert pipe.aborted == 0
    connection.cycle.response_complete = True
    connection.give_up()
    assert pipe.aborted == 1


def test_each_request_has_its_own_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.kind.__mro__[2], "on_response_complete", lambda self: None)
    connection, pipe = desk.open()
    desk.loop.move(9)
    connection.on_response_complete()
    assert desk.loop.waiting == 1
    desk.loop.move(9)
    assert pipe.aborted == 0
    desk.loop.move(2)
    assert pipe.aborted == 1


def test_the_server_is_told_of_all_that_happens_to_a_connection(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    kind = desk.kind.__mro__[2]
    monkeypatch.setattr(kind, "on_response_complete", lambda self: told.append("answered"))
    monkeypatch.setattr(kind, "connection_lost", lambda self, error: told.append(error))
    connection, pipe = desk.open()
    assert connection.transport is pipe
    error = ConnectionResetError("by peer")
    connection.on_response_complete()
    connection.connection_lost(error)
    assert told == ["answered", error]


def test_a_connection_that_is_gone_is_not_closed_again(desk: Desk) -> None:
    connection, pipe = desk.open()
    connection.cycle = None
    connection.connection_lost(None)
    assert (desk.loop.waiting, len(desk.state.connections)) == (0, 0)
    desk.loop.move(11)
    assert pipe.aborted == 0


def test_the_one_that_has_waited_longest_makes_room(desk: Desk) -> None:
    pipes = []
    for _ in range(3):
        pipes.append(desk.open()[1])
        desk.loop.move(1)
    assert [pipe.aborted for pipe in pipes] == [0, 0, 0]
    pipes.append(desk.open()[1])
    assert [pipe.aborted for pipe in pipes] == [1, 0, 0, 0]
    assert len(desk.state.connections) == 3
    pipes.append(desk.open()[1])
    assert [pipe.aborted for pipe in pipes] == [1, 1, 0, 0, 0]


def test_none_that_is_answered_makes_room(desk: Desk) -> None:
    opened = [desk.open() for _ in range(3)]
    for connection, _ in opened[:2]:
        connection.cycle = SimpleNamespace(response_complete=False)
    desk.open()
    assert [pipe.aborted for _, pipe in opened] == [0, 0, 1]
    desk.state.connections = {each for each, _ in opened[:2]} | {object()}  # type: ignore[arg-type]
    desk.open()
    assert [pipe.aborted for _, pipe in opened] == [0, 0, 1]
