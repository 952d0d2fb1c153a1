"""A client waits as long as anything arrives, and notices a dead kernel at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from math import inf
from queue import Empty
from types import SimpleNamespace
from typing import Any

import pytest
import zmq
import zmq.asyncio
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.session import Session
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook
from waiting import HANG

from proofbook.runner import message_loop
from proofbook.runner.message_loop import MessageLoopClient, OutputLostError

REPLY = {"parent_header": {"msg_id": "1"}, "content": {"status": "ok"}, "msg_type": "execute_reply"}
IDLE = {
    "parent_header": {"msg_id": "1"},
    "msg_type": "status",
    "content": {"execution_state": "idle"},
}


def printed(text: str, parent: str = "1") -> dict[str, Any]:
    content = {"name": "stdout", "text": text}
    header = {"msg_type": "stream"}
    return {
        "parent_header": {"msg_id": parent},
        "header": header,
        "msg_type": "stream",
        "content": content,
    }


class Channel:
    """Yields messages; after the last one it is silent."""

    def __init__(self, *messages: dict[str, Any], before: float = 0.0) -> None:
        self._messages = list(messages)
        self._before = before

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:
        if not self._messages:
            await asyncio.sleep(timeout if timeout is not None else 3600)
            raise Empty
        await asyncio.sleep(self._before)
        return self._messages.pop(0)


def client(
    iopub: Channel,
    shell: Channel | None = None,
    alive: Callable[[], bool] = lambda: True,
    autosave: Callable[[], object] = lambda: None,
    **options: Any,
) -> MessageLoopClient:
    """Return a client of a kernel that sends what these channels hold."""
    notebook = new_notebook(cells=[new_code_cell("pass")])
    manager = SimpleNamespace(nb=notebook, autosave_cell=autosave)
    made = MessageLoopClient(manager, **options)

    async def is_alive() -> bool:
        return alive()

    made.kc = SimpleNamespace(
        iopub_channel=iopub,
        shell_channel=shell or Channel(REPLY),
        execute=lambda *args, **kwargs: "1",
        is_alive=is_alive,
    )
    return made


def execute(made: MessageLoopClient) -> Any:
    asyncio.run(made.async_execute_cell(made.nb.cells[0], 0))
    return made.nb.cells[0]


def test_a_runner_that_is_slow_does_not_take_the_kernel_for_silent() -> None:
    made = client(Channel(*[printed("x")] * 15, IDLE), iopub_timeout=1)
    process = made.process_message

    def slowly(*args: Any) -> Any:
        time.sleep(0.1)
        return process(*args)

    made.process_message = slowly
    assert len(execute(made).outputs) == 15


def test_a_flood_of_another_cell_is_no_silence() -> None:
    made = client(Channel(*[printed("x", "0")] * 6, IDLE, before=0.25), iopub_timeout=1)
    assert execute(made).outputs == []


def test_a_kernel_that_falls_silent_is_told() -> None:
    with pytest.raises(OutputLostError, match="IOPub"):
        execute(client(Channel(printed("x")), iopub_timeout=1))


def test_a_silent_kernel_is_passed_over_where_that_is_asked_for() -> None:
    made = client(Channel(printed("x")), iopub_timeout=1, raise_on_iopub_timeout=False)
    assert len(execute(made).outputs) == 1


def test_a_kernel_that_dies_with_its_last_output_is_not_waited_for() -> None:
    made = client(Channel(printed("x")), alive=lambda: False, iopub_timeout=3000)
    with pytest.raises(DeadKernelError):
        execute(made)


def test_a_death_is_noticed_while_a_cell_runs() -> None:
    made = client(Channel(), shell=Channel(), alive=lambda: False)
    with pytest.raises(DeadKernelError):
        execute(made)


def test_a_run_that_is_cancelled_ends_a_running_cell() -> None:
    made = client(Channel(), shell=Channel())
    made.is_cancelled = lambda: True  # type: ignore[method-assign]
    with pytest.raises(DeadKernelError):
        execute(made)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for longer than some milliseconds."""
    for name in ("_POLL_SECONDS", "_LOOK_SECONDS"):
        monkeypatch.setattr(message_loop, name, 0.004)
    monkeypatch.setattr(message_loop, "_PATIENCES", 0.02)


class Flood(Channel):
    """Yields one message without end, or so often before what follows."""

    def __init__(self, message: dict[str, Any], *then: dict[str, Any], times: float = inf) -> None:
        super().__init__(*then)
        self._message, self._left = message, times

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:
        if self._left <= 0:
            return await super().get_msg(timeout)
        self._left -= 1
        await asyncio.sleep(0.001)
        return self._message


@pytest.mark.usefixtures("hasty")
def test_a_flood_of_other_cells_alone_has_an_end_and_the_cell_is_named() -> None:
    made = client(Flood(printed("x", "0")), iopub_timeout=1)
    made.nb.cells[0].source = "train(seed=7)"
    with pytest.raises(OutputLostError, match=r"train\(seed=7\)"):
        execute(made)


@pytest.mark.usefixtures("hasty")
def test_a_cell_that_goes_on_printing_is_heard_to_its_end() -> None:
    made = client(Flood(printed("x"), IDLE, times=40), iopub_timeout=1)
    assert len(execute(made).outputs) == 40


@pytest.mark.usefixtures("hasty")
def test_what_has_run_is_saved_while_a_cell_runs() -> None:
    saved: list[int] = []
    made = client(
        Channel(), Channel(), alive=lambda: len(saved) < 3, autosave=lambda: saved.append(1)
    )
    with pytest.raises(DeadKernelError):
        execute(made)
    assert len(saved) >= 3


@pytest.mark.usefixtures("hasty")
def test_a_reply_that_does_not_come_in_time_has_what_stands_for_it() -> None:
    made, asked = client(Channel(), Channel()), list[Any]()

    async def handle(timeout: float, cell: Any) -> dict[str, Any] | None:
        asked.append((timeout, cell))
        return {"content": {"status": "aborted"}} if len(asked) == 2 else None

    made._async_handle_timeout = handle
    reply = asyncio.run(made._reply("7", cell := object(), 0.01))
    assert reply == {"content": {"status": "aborted"}, "parent_header": {"msg_id": "7"}}
    assert asked == [(0.01, cell)] * 2


def test_replies_to_others_without_end_do_not_hold_up_a_time_limit() -> None:
    other = {**REPLY, "parent_header": {"msg_id": "2"}}
    shell = Channel(*[other] * 100_000, before=0.001)
    made = client(Channel(IDLE), shell)
    with pytest.raises(Empty):
        asyncio.run(made._next_reply("1", time.monotonic() + 0.05))


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(("is_alive", "error"), [(True, OutputLostError), (False, DeadKernelError)])
def test_output_that_is_not_waited_for_is_not_listened_to(
    monkeypatch: pytest.MonkeyPatch, is_alive: bool, error: type[Exception]
) -> None:
    monkeypatch.setattr(message_loop, "_QUIET_AFTER_DEATH_SECONDS", 0.004)
    made = client(Channel(), alive=lambda: is_alive)

    async def drain() -> bool:
        outputs = asyncio.ensure_future(asyncio.sleep(HANG))
        with pytest.raises(error):
            await made._drain(outputs, made.nb.cells[0])
        await asyncio.wait({outputs}, timeout=0)
        return outputs.cancelled()

    assert asyncio.run(drain())


@pytest.mark.usefixtures("hasty")
def test_a_reply_is_handed_on_once_all_output_has_come() -> None:
    made = client(Channel())

    async def wait() -> tuple[Any, bool]:
        outputs = asyncio.ensure_future(asyncio.sleep(0.01))
        watch = asyncio.ensure_future(asyncio.sleep(HANG))
        reply = await made._async_poll_for_reply("1", made.nb.cells[0], None, outputs, watch)
        await asyncio.wait({watch})
        return reply, outputs.done() and watch.cancelled()

    made.record_timing = False
    assert asyncio.run(wait()) == (REPLY, True)


def test_what_a_widget_sends_hides_no_reply() -> None:
    """A send takes the sign that a reply came; a socket that waits for the next one hears none."""
    session, answered = Session(key=b""), list[int]()

    class WidgetChannel(AsyncZMQSocketChannel):
        """Answers a widget just when the kernel replies to the cell."""

        async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:
            waiting = asyncio.ensure_future(super().get_msg(timeout))
            if not answered:
                answered.append(1)
                await asyncio.sleep(0.05)
                session.send(peer, "execute_reply", REPLY["content"], parent={"msg_id": "1"})
                time.sleep(0.05)  # it is there, and the loop had no turn to see it
                self.send(session.msg("comm_msg", {}))
            return await waiting

    with zmq.asyncio.Context() as context, context.socket(zmq.PAIR) as own:
        peer = zmq.Context(context).socket(zmq.PAIR)
        peer.linger = 0
        own.bind("inproc://shell")
        peer.connect("inproc://shell")

        async def reply() -> dict[str, Any]:
            made = client(Channel(), shell=WidgetChannel(own, session))
            return await asyncio.wait_for(made._reply("1", None, 3600), HANG)

        try:
            assert asyncio.run(reply())["content"] == {"status": "ok"}
        finally:
            peer.close()
