"""The process that kernels are forked from: ``python -m proofbook.kernels.forkserver``.

It imports a list of modules once and then only waits for requests on a Unix socket. It keeps to
one thread and runs no event loop, no tensor operation and no CUDA; where an import broke that
rule, it refuses to fork. What a warden needs it forks, and what a killed warden leaves it ends.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proofbook.kernels.environment import differing
from proofbook.kernels.fork_safety import unfit_process, unfit_request
from proofbook.kernels.forked_kernel import INLINE_BACKEND, be_early, prepare, run_kernel
from proofbook.kernels.idleness import Idleness
from proofbook.kernels.imports import BASICS, import_all, stale_file
from proofbook.kernels.lifeline import stop_watching, watch_while_importing
from proofbook.kernels.runtime_dir import listen
from proofbook.kernels.thread_pools import APPLIED, QUIET, thread_names
from proofbook.processes import tree
from proofbook.processes.ipc import Channel, LaunchRequest, peer_uid
from proofbook.processes.subreaper import Spare, Subreaper
from proofbook.processes.usage import proportional_memory
from proofbook.processes.warden import Recipe

__all__ = ["Forkserver", "main"]

_REQUEST_SECONDS = 5.0
_SPARE_SECONDS = 0.3
"""How long after a kernel was started the next is forked in advance: until then it has the CPUs."""


class Forkserver:
    """Serves requests until it is told to stop, is idle for too long, or its owner is gone."""

    def __init__(
        self, listener: socket.socket, *, lifeline: int | None, idle: float | None
    ) -> None:
        self._listener, self._lifeline = listener, lifeline
        self._idle_limit = idle
        self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._stopping = False
        self._spare: Spare | None = None
        self._spare_due: float | None = time.monotonic()
        self._served = 0

    def serve(self, preload: Sequence[str], environment: dict[str, str]) -> None:
        """Import, then answer requests; returns when nothing that was forked is left."""
        self._preload = list(preload)
        self._imported = import_all(preload, environment)
        prepare(self._imported.kernel_modules)
        if self._lifeline is not None:
            stop_watching(self._lifeline)
        recipe = Recipe(run_kernel, be_early, "forkserver")
        self._subreaper = Subreaper(recipe, self._close_in_warden)
        # The handlers do nothing: what matters is the byte in the pipe, which wakes the poll. A
        # SIGCHLD that is ignored would not write it, and would reap the wardens unseen (wait(2)).
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        gc.collect()
        self._idleness = Idleness(self._idle_limit)  # imports are no idle time
        # Objects that a collection in a kernel looks at are written to, and their pages copied
        # (gc.freeze's documentation, bpo-31558).
        gc.freeze()
        try:
            sys.stdout.flush()
            sys.stderr.flush()
            while not self._stopping:
                self._step()
        finally:
            self._listener.close()
            self._subreaper.end()

    def _on_terminate(self, *_: object) -> None:
        self._stopping = True

    def _close_in_warden(self) -> None:
        gc.disable()
        self._listener.close()
        for fd in (*self._wake, self._lifeline):
            if fd is not None:
                os.close(fd)

    def _step(self) -> None:
        poller = select.poll()
        for fd in (self._listener.fileno(), self._wake[0], self._lifeline):
            if fd is not None:
                poller.register(fd, select.POLLIN)
        ready = dict(poller.poll(self._patience()))
        self._idleness.note(self._kernels())
        if self._wake[0] in ready:
            self._tend()
        if self._lifeline in ready:
            self._stopping = True
        elif self._listener.fileno() in ready:
            self._accept()
        self._keep_time(time.monotonic())

    def _tend(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake[0], 4096)
        self._subreaper.tend()
        if self._spare and self._spare.pid not in self._subreaper.wardens:
            self._spare.channel.close()
            self._spare = None

    def _keep_time(self, now: float) -> None:
        if self._idleness.ends_in(self._kernels()) == 0:
            self._stopping = True
        if self._spare_due is not None and now >= self._spare_due:
            self._spare_due = None
            if not self._stopping and self._spare is None and unfit_process() is None:
                # Where it cannot be had now, the next request tries again.
                with contextlib.suppress(OSError):
                    self._spare = self._subreaper.fork_spare()

    def _kernels(self) -> int:
        return len(self._subreaper.wardens) - (self._spare is not None)

    def _patience(self) -> float | None:
        """Return the milliseconds until there is something to do, or None."""
        spare = None if self._spare_due is None else max(0.0, self._spare_due - time.monotonic())
        waits = [
            wait for wait in (spare, self._idleness.ends_in(self._kernels())) if wait is not None
        ]
        return min(waits) * 1000 if waits else None

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        channel = Channel(connection)
        connection.settimeout(_REQUEST_SECONDS)
        try:
            if peer_uid(connection) == os.getuid():
                self._answer(channel)
        except (OSError, ValueError, TypeError) as error:
            print(f"a request could not be served: {error}", file=sys.stderr)  # noqa: T201 - its log
        finally:
            channel.close()

    def _answer(self, channel: Channel) -> None:
        message = channel.receive()
        operation = message.get("op") if message else None
        if message and operation == "launch":
            self._launch(channel, LaunchRequest.from_message(message))
        elif operation == "describe":
            channel.send(self._description(message["env"] if message else {}))
        elif operation == "stop":
            self._stopping = True
            channel.send({"event": "stopping"})

    def _launch(self, channel: Channel, request: LaunchRequest) -> None:
        reason = unfit_process() or unfit_request(request, self._imported)
        if reason is not None:
            channel.send({"event": "refused", "reason": reason})
            return
        spare = self._spare or self._subreaper.fork_spare()
        self._spare, self._spare_due = None, time.monotonic() + _SPARE_SECONDS
        self._subreaper.launch(spare, channel, request, channel.take_fds())
        self._served += 1

    def _description(self, env: dict[str, str]) -> dict[str, Any]:
        stale = stale_file(self._imported)
        problem = unfit_process() or (f"{stale} changed since it was imported" if stale else None)
        return {
            "event": "described",
            "pid": os.getpid(),
            "python": sys.executable,
            "preload": self._preload,
            "seconds": self._imported.seconds,
            "warnings": [*self._imported.warnings, *([problem] if problem else [])],
            "threads": thread_names(),
            "pss": proportional_memory([os.getpid()]),
            "kernels": self._kernels(),
            "served": self._served,
            "idle": self._idle_limit,
            "differing": differing(self._imported.environment, env),
            "usable": problem is None,
        }


def _prepare_environment() -> dict[str, str]:
    original = dict(os.environ)
    for name in APPLIED:
        os.environ.pop(name, None)
    os.environ.update(QUIET)
    os.environ["MPLBACKEND"] = INLINE_BACKEND
    os.environ.pop("JPY_PARENT_PID", None)
    return original


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proofbook.kernels.forkserver")
    parser.add_argument("--socket", type=Path, required=True, help="where to listen")
    parser.add_argument("--preload", action="append", default=[], metavar="MODULE[:ATTRIBUTE]")
    parser.add_argument("--bare", action="store_true", help=f"do not add {', '.join(BASICS)}")
    parser.add_argument("--idle", type=float, help="end after so many seconds without a kernel")
    parser.add_argument("--lifeline", type=int, help="end when this descriptor reads end of file")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a forkserver until it ends; its standard error is its log."""
    options = _parse(argv)
    if sys.path[0] in ("", str(Path.cwd())):
        del sys.path[0]  # the folder this was started in is no place to import from
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listener = listen(options.socket)
    try:
        if options.lifeline is not None:
            os.set_inheritable(options.lifeline, False)
            watch_while_importing(options.lifeline, lambda: options.socket.unlink(missing_ok=True))
        environment = _prepare_environment()
        tree.name_process("pb-forkserver")
        forkserver = Forkserver(listener, lifeline=options.lifeline, idle=options.idle)
        preload = options.preload if options.bare else [*BASICS, *options.preload]
        forkserver.serve(preload, environment)
    finally:
        with contextlib.suppress(OSError):  # its folder may have gone with the owner
            options.socket.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
