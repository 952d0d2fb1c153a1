"""Real kernels and what is asked of them, for the tests of this folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import psutil

from proofbook.kernels.ownership import OwnedForkserver
from proofbook.kernels.session import WarmKernelClient, WarmKernelManager

HANG = 300.0
"""Seconds after which something is taken to hang; some programs find this module alone."""

TREE = """
import os, subprocess, sys
child = subprocess.Popen(["sleep", "600"])
lost = subprocess.Popen(
    [sys.executable, "-c", "import os; os.setsid(); os.fork() and os._exit(0);"
     "print(os.getpid(), flush=True); os.execvp('sleep', ['sleep', '600'])"],
    stdout=subprocess.PIPE, text=True)
print(os.getpid(), child.pid, int(lost.stdout.readline()))
"""
"""A cell that leaves a child and an orphaned grandchild in a session of its own."""


UNTIL_ASKED = """
import os, select, socket
for fd in map(int, os.listdir("/proc/self/fd")):
    try:
        sock = socket.socket(fileno=os.dup(fd))
    except OSError:
        continue
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        select.select([sock], [], [])
    sock.close()
"""
"""A module whose import by a forkserver lasts until someone has asked the forkserver something."""


@dataclass
class Reply:
    """What a cell led to."""

    status: str
    text: str = ""
    error: str = ""
    displays: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Kernel:
    """A started kernel and its client."""

    manager: WarmKernelManager
    client: WarmKernelClient

    async def run(
        self, code: str, timeout: float = 100, begun: asyncio.Event | None = None
    ) -> Reply:
        """Execute a cell and gather its outputs; ``begun`` is set when it has printed."""
        reply = Reply("")

        def gather(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                reply.text += content["text"]
                if begun is not None:
                    begun.set()
            elif message["msg_type"] in ("display_data", "execute_result"):
                reply.displays.append(content["data"])

        answer = await self.client.execute_interactive(code, output_hook=gather, timeout=timeout)
        reply.status = answer["content"]["status"]
        reply.error = answer["content"].get("ename", "")
        return reply


@contextlib.asynccontextmanager
async def open_kernel(
    forkserver: OwnedForkserver | None, *, refused: bool = False, **kwargs: Any
) -> AsyncIterator[Kernel]:
    """Start a kernel from a forkserver, or an ordinary one for None, and end it."""
    # With pytest's own variable, ipykernel does not forward descriptors 1 and 2.
    inherited = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    env = {**inherited, **kwargs.pop("env", {})}
    env.setdefault("PROOFBOOK_FORKSERVER", str(forkserver.socket) if forkserver else "off")
    manager = WarmKernelManager()
    await manager.start_kernel(env=env, **kwargs)
    if forkserver is not None:
        assert manager.kernel_kind == ("ordinary" if refused else "warm")
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=100)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        await manager.shutdown_kernel()


def run_cell(forkserver: OwnedForkserver | None, code: str, **kwargs: Any) -> Reply:
    """Execute one cell in a kernel of its own."""

    async def run() -> Reply:
        async with open_kernel(forkserver, **kwargs) as kernel:
            return await kernel.run(code)

    return asyncio.run(run())


def alive(pids: list[int]) -> list[int]:
    """Return those of the processes that still run."""
    running = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                running.append(pid)
    return running


def wait_gone(pids: list[int], within: float = HANG) -> list[int]:
    """Wait until the processes are gone; return those that are not after ``within`` seconds."""
    deadline = time.monotonic() + within
    while (left := alive(pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def wait_for(condition: Callable[[], Any], within: float = HANG) -> Any:
    """Return the first true value of ``condition``; fail after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return value
