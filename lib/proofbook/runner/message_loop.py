"""Wait for a kernel's replies and outputs: notice its death at once, and be patient with a flood.

nbclient's client with another way of waiting. Knows nothing about what a cell's end means.
"""

from __future__ import annotations

import asyncio
from math import inf
from queue import Empty
from time import monotonic
from typing import Any

from nbclient.client import timestamp
from nbclient.exceptions import CellExecutionComplete, CellTimeoutError, DeadKernelError
from nbclient.util import ensure_async
from papermill.clientwrap import PapermillNotebookClient

__all__ = ["MessageLoopClient", "OutputLostError"]

_POLL_SECONDS = 0.1
_LOOK_SECONDS = 0.5
_QUIET_AFTER_DEATH_SECONDS = 1.0
_PATIENCES = 10
"""Threads of other cells may print for ever: so many patiences without this cell's are enough."""


class OutputLostError(CellTimeoutError):
    """The kernel has replied, and what says that all output of the cell was sent never came."""


class MessageLoopClient(PapermillNotebookClient):  # type: ignore[misc]
    """Executes cells; what is saved while one runs never keeps it from seeing the kernel die."""

    _received = 0
    _received_of_cell = 0

    def is_cancelled(self) -> bool:
        """Say whether a running cell is given up, as if its kernel had died; asked often."""
        return False

    async def _async_poll_kernel_alive(self) -> None:
        """Watch the kernel while a cell runs; nbclient looks once a second, this ten times."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            self.nb_man.autosave_cell()
            if self.is_cancelled() or not await ensure_async(self.kc.is_alive()):
                assert self.task_poll_for_reply is not None
                self.task_poll_for_reply.cancel()
                return

    async def _async_poll_output_msg(self, parent_msg_id: str, cell: Any, cell_index: int) -> None:
        """Process all output of a cell; all that arrives shows that the kernel still sends."""
        while True:
            message = await ensure_async(self.kc.iopub_channel.get_msg(timeout=None))
            self._received += 1
            if message["parent_header"].get("msg_id") == parent_msg_id:
                self._received_of_cell += 1
                try:
                    self.process_message(message, cell, cell_index)
                except CellExecutionComplete:
                    return

    async def _async_poll_for_reply(
        self,
        msg_id: str,
        cell: Any,
        timeout: float | None,
        task_poll_output_msg: asyncio.Future[Any],
        task_poll_kernel_alive: asyncio.Future[Any],
    ) -> dict[str, Any]:
        """Wait for the reply to a cell, and then for its output."""
        try:
            reply = await self._reply(msg_id, cell, timeout)
        finally:
            task_poll_kernel_alive.cancel()
        if self.record_timing:
            cell["metadata"]["execution"]["shell.execute_reply"] = timestamp(reply)
        await self._drain(task_poll_output_msg, cell)
        return reply

    async def _reply(self, msg_id: str, cell: Any, timeout: float | None) -> dict[str, Any]:
        """Return the reply to a cell, or what stands for it after an interrupt.

        Raises:
            CellTimeoutError: There was none in time, and the client does not interrupt.
            DeadKernelError: The kernel is dead.
        """
        while True:
            deadline = None if timeout is None else monotonic() + timeout
            try:
                return await self._next_reply(msg_id, deadline)
            except Empty:
                await self._async_check_alive()
                assert timeout is not None
                substitute = await self._async_handle_timeout(timeout, cell)
                if substitute is not None:
                    return {**substitute, "parent_header": {"msg_id": msg_id}}

    async def _next_reply(self, msg_id: str, deadline: float | None) -> dict[str, Any]:
        """Return the reply; look for it now and then, whatever the socket says.

        What nbclient sends for a widget takes the sign that a reply has come from the same socket.

        Raises:
            Empty: There was none until the deadline.
        """
        while True:
            left = inf if deadline is None else max(0.0, deadline - monotonic())
            try:
                reply: dict[str, Any] = await ensure_async(
                    self.kc.shell_channel.get_msg(timeout=min(left, _LOOK_SECONDS))
                )
            except Empty:
                if left <= _LOOK_SECONDS:
                    raise
                continue
            if reply["parent_header"].get("msg_id") == msg_id:
                return reply
            if left == 0.0:
                raise Empty  # however many replies to others are still to come

    async def _drain(self, outputs: asyncio.Future[Any], cell: Any) -> None:
        """Wait for the end of a cell's output, as long as anything arrives.

        The time is counted in steps in which the kernel could have been heard. A runner that was
        busy, or stopped, does not take itself for a silent kernel.
        """
        quiet = waited = 0.0
        received, of_cell = self._received, self._received_of_cell
        while not (await asyncio.wait({outputs}, timeout=_POLL_SECONDS))[0]:
            quiet = quiet + _POLL_SECONDS if received == self._received else 0.0
            waited = waited + _POLL_SECONDS if of_cell == self._received_of_cell else 0.0
            received, of_cell = self._received, self._received_of_cell
            if quiet >= _QUIET_AFTER_DEATH_SECONDS and not await ensure_async(self.kc.is_alive()):
                outputs.cancel()
                raise DeadKernelError("Kernel died before all its output was received")
            if quiet >= self.iopub_timeout or waited >= _PATIENCES * self.iopub_timeout:
                outputs.cancel()
                self._lose_output(cell)
                return
        outputs.result()

    def _lose_output(self, cell: Any) -> None:
        message = "Timeout waiting for IOPub output"
        if self.raise_on_iopub_timeout:
            error = OutputLostError.error_from_timeout_and_cell(message, self.iopub_timeout, cell)
            raise error from None
        self.log.warning(message)
