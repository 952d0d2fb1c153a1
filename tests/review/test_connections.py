"""Connections that say nothing keep nobody away from the desk: real sockets, a real server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from served import Served as Desk
from waiting import HANG, wait_for

from proofbook.review.connections import limit_connections
from proofbook.runs.folder import RunFolder

WHOLE = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
HALF = b"POST / HTTP/1.1\r\nhost: a\r\nx-slow: "
PATIENCE = 1.0
OK = b"HTTP/1.1 204 No Content"


class Served:
    """A small app behind the connections of the review server."""

    def __init__(self, most: int, patience: float) -> None:
        self.release, self.asked = threading.Event(), 0
        config = uvicorn.Config(
            self.answer, log_level="error", interface="asgi3", lifespan="off",
            limit_concurrency=2 * most, timeout_keep_alive=60,
        )  # fmt: skip
        self.server = uvicorn.Server(limit_connections(config, most, patience))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.thread = threading.Thread(target=self.server.run, args=([self.listener],))
        self.thread.start()

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        while scope["path"] == "/slow" and not self.release.is_set():
            await asyncio.sleep(0.01)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def connect(self, data: bytes = b"") -> socket.socket:
        made = socket.create_connection(self.address, timeout=HANG)
        made.sendall(data)
        return made

    def open_connections(self) -> int:
        return len(self.server.server_state.connections)


@contextlib.contextmanager
def serving(most: int = 20, patience: float = HANG) -> Iterator[Served]:
    served = Served(most, patience)
    try:
        yield served
    finally:
        served.release.set()
        served.server.should_exit = served.server.force_exit = True
        served.thread.join()
        served.listener.close()


def answer(made: socket.socket) -> bytes:
    with contextlib.suppress(ConnectionError):
        return made.recv(1000).partition(b"\r\n")[0]
    return b""


@pytest.mark.parametrize("half", [b"", b"G", HALF, WHOLE[:-2]])
def test_hundreds_that_say_nothing_keep_nobody_out(half: bytes) -> None:
    with serving(most=20) as served, contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(served.connect(half))
        with served.connect(WHOLE) as made:
            assert answer(made) == OK
        assert served.open_connections() <= 20
        assert served.asked == 1


@pytest.mark.exhaustive
@pytest.mark.parametrize("half", [b"", HALF])
def test_one_on_which_no_request_comes_is_closed(half: bytes) -> None:
    with serving(patience=PATIENCE) as served:
        with served.connect(half) as first:
            assert answer(first) == b""
        with served.connect(WHOLE) as later:
            assert answer(later) == OK
            later.sendall(half)  # a second request that does not come
            assert answer(later) == b""
        wait_for(lambda: served.open_connections() == 0)


def test_what_takes_long_to_answer_is_not_cut_off() -> None:
    with serving(most=3, patience=PATIENCE) as served, contextlib.ExitStack() as stack:
        slow = stack.enter_context(served.connect(WHOLE.replace(b"/", b"/slow", 1)))
        wait_for(lambda: served.asked == 1)
        for _ in range(5):
            stack.enter_context(served.connect())
        with served.connect(WHOLE) as quick:
            assert answer(quick) == OK
        idle = stack.enter_context(served.connect())
        assert answer(idle) == b""  # patience has ended for it, and not for the slow one
        served.release.set()
        assert answer(slow) == OK


def test_a_connection_is_used_again_and_again() -> None:
    with serving(most=3) as served, served.connect() as made:
        for number in range(1, 6):
            made.sendall(WHOLE)
            assert answer(made) == OK
            assert served.asked == number


@pytest.mark.slow
def test_the_desk_is_open_whoever_else_is_connected(
    run: RunFolder, serve: Callable[..., Desk]
) -> None:
    desk = serve(run)
    with contextlib.ExitStack() as stack:
        for number in range(300):
            made = socket.create_connection(("127.0.0.1", desk.port), timeout=HANG)
            stack.enter_context(made)
            made.sendall((b"", HALF)[number % 2])
        cookie = {"Cookie": f"proofbook-token-{desk.port}={desk.token}"}
        asked = urllib.request.Request(desk.base, headers=cookie)
        with urllib.request.urlopen(asked, timeout=HANG) as page:
            assert page.status == 200
