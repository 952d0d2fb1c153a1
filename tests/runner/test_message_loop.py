"""A client waits as long as anything arrives, and notices a dead kernel at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from queue import Empty
from types import SimpleNamespace
from typing import Any

import pytest
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook

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
