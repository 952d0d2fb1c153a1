"""A kernel as the runner uses it: started warm where possible, without fixed waits anywhere.

:class:`WarmKernelManager` needs no installed kernelspec, opens no network port, and leaves no
file behind. It works wherever nbclient takes an ``AsyncKernelManager``.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
from queue import Empty
from typing import Any, Literal

import zmq.asyncio
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.client import KernelClient
from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpec
from jupyter_client.manager import AsyncKernelManager
from traitlets import Type, Unicode
from zmq.constants import SocketOption

from proofbook.kernels.attachment import ended
from proofbook.kernels.launcher import NO_HISTORY_FILE
from proofbook.kernels.runtime_dir import private_folder
from proofbook.processes import TemporaryFolder
from proofbook.processes.owned import OwnedProcess

__all__ = ["KERNEL_NAME", "WarmKernelClient", "WarmKernelManager", "kernel_spec"]

KERNEL_NAME = "proofbook"

_ASK_SECONDS = 1.0
_AFTER_WELCOME_SECONDS = 0.05
_RECONNECT_MILLISECONDS = 5
"""The client connects before the kernel listens; ZeroMQ's default is to try again after 100."""


def kernel_spec() -> KernelSpec:
    """Return the kernelspec of this interpreter, whether or not it is installed anywhere."""
    return KernelSpec(
        argv=[
            sys.executable,
            "-m",
            "proofbook.kernels.launcher",
            "-f",
            "{connection_file}",
            NO_HISTORY_FILE,
        ],
        name=KERNEL_NAME,
        display_name="Proofbook (warm)",
        language="python",
        interrupt_mode="signal",
        metadata={"kernel_provisioner": {"provisioner_name": "proofbook-provisioner"}},
    )


class WarmKernelClient(AsyncKernelClient):  # type: ignore[misc]  # jupyter_client is untyped here
    """A client that is ready as soon as the kernel is."""

    def start_channels(self, *args: Any, **kwargs: Any) -> None:
        """Connect; without a heartbeat, as the warden reports the kernel's end."""
        kwargs.setdefault("hb", False)
        super().start_channels(*args, **kwargs)

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until a request was answered and what the kernel publishes is seen to arrive.

        Raises:
            RuntimeError: The kernel died, or was not ready in time, as jupyter_client has it.
        """
        ready, gone = asyncio.ensure_future(self._answered()), asyncio.ensure_future(self._ended())
        try:
            done, _ = await asyncio.wait(
                {ready, gone}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            ready.cancel()
            gone.cancel()
            await asyncio.gather(ready, gone, return_exceptions=True)
        if ready in done:
            ready.result()
        elif gone in done:
            raise RuntimeError(f"Kernel died before replying to kernel_info: {gone.result()}")
        else:
            raise RuntimeError(f"Kernel didn't respond in {timeout:g} seconds")

    async def _ended(self) -> str:
        if not isinstance(self.parent, WarmKernelManager):
            await asyncio.Event().wait()  # whoever started it has to notice
        await self.parent._async_wait()
        return f"it {self.parent.exit_reason or 'ended in an unknown way'}"

    async def _answered(self) -> None:
        # Each time twice as patient: where a kernel needs longer than that to answer, the answer
        # to an earlier question would be thrown away for ever.
        for patience in (_ASK_SECONDS * 2**times for times in itertools.count()):
            asked = self.kernel_info()
            with contextlib.suppress(TimeoutError, Empty):
                reply = await self._recv_reply(asked, timeout=patience)
                await self._see_idle(asked, patience)
                self._handle_kernel_info_reply(reply)
                return

    async def _see_idle(self, asked: str, patience: float) -> None:
        # Where the kernel's greeting comes after its answer, the outputs in between were sent
        # before we were connected: then they are not waited for, and it is asked again.
        while True:
            message = await self.get_iopub_msg(timeout=patience)
            if message["msg_type"] == "iopub_welcome":
                patience = _AFTER_WELCOME_SECONDS
            state = message["content"].get("execution_state")
            if state == "idle" and message["parent_header"].get("msg_id") == asked:
                return


class WarmKernelManager(AsyncKernelManager):  # type: ignore[misc]  # jupyter_client is untyped here
    """Starts one kernel over private sockets; ``kernel_kind`` and ``exit_reason`` tell of it."""

    client_factory = Type(klass=KernelClient, default_value=WarmKernelClient)
    kernel_name = Unicode(KERNEL_NAME)
    transport = Unicode("ipc")
    _folder: TemporaryFolder | None = None

    @property
    def kernel_spec(self) -> Any:
        """This interpreter's kernelspec for any Python kernel, otherwise the installed one."""
        if self.kernel_name in (KERNEL_NAME, NATIVE_KERNEL_NAME):
            return kernel_spec()
        return super().kernel_spec

    @property
    def ipykernel(self) -> bool:
        """Whether nbclient has to add its option against a history file; ours is there."""
        return False

    @property
    def runtime_folder(self) -> str | None:
        """The folder of this kernel's connection file and sockets while it runs."""
        return str(self._folder.path) if self._folder else None

    @property
    def kernel_kind(self) -> Literal["warm", "ordinary"] | None:
        """How the kernel was started."""
        return getattr(self.provisioner, "kind", None)

    @property
    def exit_reason(self) -> str | None:
        """How the kernel ended, in words, once it has."""
        return getattr(self.provisioner, "exit_reason", None)

    def _context_default(self) -> zmq.asyncio.Context:
        self._created_context = True
        context = zmq.asyncio.Context()
        context.setsockopt(SocketOption.RECONNECT_IVL, _RECONNECT_MILLISECONDS)
        return context

    def client(self, **kwargs: Any) -> WarmKernelClient:
        """Return a client of the kernel; it shares this object's ZeroMQ context."""
        client: WarmKernelClient = super().client(**{"context": self.context, **kwargs})
        return client

    async def _async_pre_start_kernel(self, **kwargs: Any) -> Any:
        if self._folder is None and self.transport == "ipc":
            self._folder = private_folder()
            self.connection_file = str(self._folder.path / "k.json")
            self.ip = str(self._folder.path / "z")
        return await super()._async_pre_start_kernel(**kwargs)

    async def start_kernel(self, **kwargs: Any) -> None:
        """Start the kernel, without the pause in which jupyter_client's own tests look at it."""
        await AsyncKernelManager._async_start_kernel.__wrapped__(self, **kwargs)

    async def _async_launch_kernel(self, kernel_cmd: list[str], **kwargs: Any) -> None:
        try:
            await super()._async_launch_kernel(kernel_cmd, **kwargs)
        except BaseException:
            self._remove_folder()
            raise

    async def _async_wait(self, pollinterval: float = 0.1) -> None:
        process = getattr(self.provisioner, "process", None)
        if isinstance(process, OwnedProcess):
            await ended(process)
            await self._async_is_alive()
        else:
            await super()._async_wait(pollinterval)

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        if self._control_socket is not None and not self.has_kernel:
            # What was not sent will never be read: closing need not wait for it.
            self._control_socket.linger = 0
        if self._created_context and not restart:
            self.context.destroy(linger=0)
        await super()._async_cleanup_resources(restart=restart)
        if not restart:
            self._remove_folder()

    def _remove_folder(self) -> None:
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    pre_start_kernel = _async_pre_start_kernel
    cleanup_resources = _async_cleanup_resources
