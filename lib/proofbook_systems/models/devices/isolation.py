"""Run a function in a forked child, within limits: what crashes, hangs or grows harms no other.

Compilers of models do all three. The child is of the caller's process group, and dies with it.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from proofbook.processes import tree
from proofbook.processes.usage import cpu_seconds, resident_memory

__all__ = ["Limits", "Told", "run_forked"]

_TICK = 0.1
_PATIENCE = 8.0

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one run may take."""

    seconds: float
    """Of computing; a busy machine is no failure."""
    gigabytes: float

    @property
    def waiting(self) -> float:
        """Seconds until a child that computes little has hung."""
        return _PATIENCE * self.seconds


@dataclass(kw_only=True)
class Told:
    """What a child told, and how it ended."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    ending: str = ""
    """Why it did not end by itself; empty where it did."""
    peak: int = 0
    """Its largest resident memory, in bytes."""
    processor_seconds: float = 0.0


def run_forked(run: Callable[[Tell], None], limits: Limits) -> Told:
    """Run a function in a child, and return what it told until it ended or was ended."""
    reader, writer = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _run_child(run, writer, parent)
    os.close(writer)
    told = Told()
    try:
        _follow(pid, reader, limits, told)
    finally:
        os.close(reader)
        os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
    told.processor_seconds = usage.ru_utime + usage.ru_stime
    told.ending = told.ending or _ending(status, told)
    return told


def _run_child(run: Callable[[Tell], None], pipe: int, parent: int) -> NoReturn:
    try:
        tree.die_with_parent(signal.SIGKILL, parent)
        gc.disable()  # a collection walks, and copies, all that was there before the fork

        def tell(line: dict[str, Any]) -> None:
            data = json.dumps(line).encode() + b"\n"
            while data:
                data = data[os.write(pipe, data) :]

        run(tell)
        tell({"done": True})
    finally:
        os._exit(0)  # the interpreter's own end would run what the parents have registered


def _follow(pid: int, pipe: int, limits: Limits, told: Told) -> None:
    started, part = time.monotonic(), b""
    while True:
        ready, _, _ = select.select([pipe], [], [], _TICK)
        told.peak = max(told.peak, resident_memory({pid}))
        if ready:
            data = os.read(pipe, 1 << 16)
            *whole, part = (part + data).split(b"\n")
            told.lines += [json.loads(line) for line in whole]
            if not data or (told.lines and "done" in told.lines[-1]):
                return
        if cpu_seconds({pid}) > limits.seconds or time.monotonic() - started > limits.waiting:
            told.ending = f"time limit of {limits.seconds:g} s"
        elif told.peak > limits.gigabytes * 1e9:
            told.ending = f"memory limit of {limits.gigabytes:g} GB"
        if told.ending:
            return


def _ending(status: int, told: Told) -> str:
    if told.lines and "done" in told.lines[-1]:
        return ""
    if os.WIFSIGNALED(status):
        return f"ended by signal {signal.Signals(os.WTERMSIG(status)).name}"
    return f"ended with code {os.waitstatus_to_exitcode(status)} before it was done"
