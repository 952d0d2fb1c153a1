"""Time and weigh kernels through jupyter_client's own interface, whoever starts them.

Knows nothing about how a given manager starts its kernels.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from proofbook.errors import SubjectError
from proofbook_bench.memory import tree_memory

__all__ = ["time_first_cell", "weigh_kernels"]

_READY_SECONDS = 120.0
_CELL_SECONDS = 300.0
_T = TypeVar("_T")


def time_first_cell(manager: Any, env: Mapping[str, str], source: str = "1 + 1") -> float:
    """Return the seconds from starting a kernel to the reply of its first cell.

    Args:
        manager: An unstarted ``AsyncKernelManager``; its kernel is ended afterwards, untimed.
        env: The kernel's environment.
        source: The cell.

    Raises:
        SubjectError: The cell raised.
        RuntimeError: The kernel did not start.
    """
    return _apart(_time_first_cell(manager, env, source))


def weigh_kernels(
    managers: Sequence[Any], env: Mapping[str, str], source: str, also: Iterable[int] = ()
) -> float:
    """Return the memory of kernels that have all run ``source``, in MB (PSS).

    Args:
        managers: Unstarted ``AsyncKernelManager`` objects; their kernels are held at once, and
            ended afterwards.
        env: The kernels' environment.
        source: The cell that each runs.
        also: Processes that count too, with all that descends from them.

    Raises:
        SubjectError: The cell raised, or this system does not tell proportional memory.
        RuntimeError: A kernel did not start.
    """
    return _apart(_weigh_kernels(managers, env, source, tuple(also)))


def _apart(work: Coroutine[Any, Any, _T]) -> _T:
    # In a notebook this thread has an event loop that is running already.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def _time_first_cell(manager: Any, env: Mapping[str, str], source: str) -> float:
    started = time.perf_counter()
    client = await _start(manager, env)
    try:
        await _run(client, source)
        return time.perf_counter() - started
    finally:
        await _end(manager, client)


async def _weigh_kernels(
    managers: Sequence[Any], env: Mapping[str, str], source: str, also: tuple[int, ...]
) -> float:
    clients: list[tuple[Any, Any]] = []
    try:
        for manager in managers:
            client = await _start(manager, env)
            clients.append((manager, client))
            await _run(client, source)
        pids = {manager.provisioner.pid for manager in managers}
        return tree_memory({*pids, *also}) / 1e6
    finally:
        for manager, client in clients:
            await _end(manager, client)


async def _start(manager: Any, env: Mapping[str, str]) -> Any:
    await manager.start_kernel(env=dict(env))
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=_READY_SECONDS)
    except BaseException:
        await _end(manager, client)
        raise
    return client


async def _run(client: Any, source: str) -> None:
    reply = await client.execute(source, reply=True, timeout=_CELL_SECONDS)
    content = reply["content"]
    if content["status"] != "ok":
        raise SubjectError(
            f"the cell {source!r} ended with {content['ename']}: {content['evalue']}"
        )


async def _end(manager: Any, client: Any) -> None:
    client.stop_channels()
    await manager.shutdown_kernel(now=True)
