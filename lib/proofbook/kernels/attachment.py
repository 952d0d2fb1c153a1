"""Have a forkserver fork a kernel: it is held like any other program that a warden watches."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from proofbook.errors import ForkserverError, KernelError
from proofbook.kernels.status import connect
from proofbook.processes.ipc import Channel, LaunchRequest
from proofbook.processes.owned import OwnedProcess, first_answer

__all__ = ["attach", "ended"]


def attach(
    path: Path, request: LaunchRequest, streams: tuple[int, ...], *, timeout: float = 120
) -> OwnedProcess:
    """Have the forkserver at socket ``path`` fork a kernel that writes to ``streams``.

    Waits while the forkserver is still importing, at most ``timeout`` seconds.

    Raises:
        ForkserverError: It is not there, not ours, or cannot serve this request; its text is the
            reason alone.
        OSError: What was asked for is impossible, such as a working folder that does not exist.
    """
    channel = connect(path, timeout)
    try:
        return OwnedProcess(channel, _answer(channel, path, request, streams))
    except BaseException:
        channel.close()
        raise


def _answer(channel: Channel, path: Path, request: LaunchRequest, streams: tuple[int, ...]) -> int:
    try:
        channel.send(request.message(), streams)
    except OSError as error:
        raise ForkserverError(f"no forkserver answers at {path}: {error}") from error
    try:
        return first_answer(channel)
    except (TimeoutError, json.JSONDecodeError) as error:
        raise ForkserverError(f"the forkserver did not answer in time: {error}") from error
    except KernelError as error:
        raise ForkserverError(str(error)) from error


async def ended(process: OwnedProcess) -> int:
    """Return the exit code as soon as there is one; costs nothing while waiting."""
    while (code := process.poll()) is None:
        await _readable(process.fileno())
    return code


async def _readable(fd: int) -> None:
    # A duplicate, as a loop knows one reader per descriptor and there may be several waiting.
    loop, own = asyncio.get_running_loop(), os.dup(fd)
    ready = asyncio.Event()
    try:
        loop.add_reader(own, ready.set)
        await ready.wait()
    finally:
        loop.remove_reader(own)
        os.close(own)
