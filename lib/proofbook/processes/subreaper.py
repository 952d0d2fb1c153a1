"""Forks wardens, and ends what one of them leaves behind if it is killed itself.

A forkserver keeps its wardens so. Run as a program it keeps the one of a command, which is asked
for over an inherited socket.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from proofbook.processes import tree
from proofbook.processes.child_setup import exec_command, silence
from proofbook.processes.ipc import Channel, LaunchRequest
from proofbook.processes.warden import Recipe, Warden

__all__ = ["Spare", "Subreaper", "main"]


class Spare(NamedTuple):
    """A warden with a forked process that waits to be told what to become."""

    pid: int
    channel: Channel


class Subreaper:
    """The parent of wardens; makes this process the one that orphans of theirs come to."""

    def __init__(self, recipe: Recipe, close_in_warden: Callable[[], None] = lambda: None) -> None:
        self._recipe, self._close_in_warden = recipe, close_in_warden
        self.wardens: set[int] = set()
        tree.become_subreaper()
        self._spared = frozenset(tree.descendants(os.getpid()))

    def fork_spare(self) -> Spare:
        """Fork a warden, which forks a process; closing the channel ends both.

        Raises:
            OSError: The system has no process left.
        """
        parent = os.getpid()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        # Until the warden has handlers of its own, a signal to it has to wait: the parent's
        # handlers would run in it. A blocked signal stays pending in the child alone (fork(2)).
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        try:
            pid = os.fork()
            if pid == 0:
                ours.close()
                self._be_warden(parent, Channel(theirs))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self.wardens.add(pid)
        return Spare(pid, Channel(ours))

    def _be_warden(self, parent: int, handover: Channel) -> NoReturn:
        code = 1
        try:
            os.setsid()
            tree.name_process("pb-warden")
            self._close_in_warden()
            silence()
            # SIGTERM and not SIGKILL: the warden has to end its program first.
            tree.die_with_parent(signal.SIGTERM, parent)
            tree.become_subreaper()
            Warden(handover, self._recipe).run()
            code = 0
        finally:
            os._exit(code)  # the parent's exit handlers and buffers are not this process's

    def launch(
        self, spare: Spare, client: Channel, request: LaunchRequest, streams: list[int]
    ) -> None:
        """Have a spare become the requested program, and let go of all that concerns it.

        Raises:
            OSError: The spare has died; the client's channel is closed all the same.
        """
        try:
            spare.channel.send(request.message(), (client.fileno(), *streams))
        finally:
            spare.channel.close()
            client.close()
            for fd in streams:
                os.close(fd)

    def tend(self) -> None:
        """Reap wardens that have ended; end whatever a killed one has left."""
        ended = tree.reap()
        orphaned = any(status or pid not in self.wardens for pid, status in ended.items())
        self.wardens -= ended.keys()
        if orphaned:
            ended = tree.end_descendants(5, self._spared | self.wardens)
            self.wardens -= ended.keys()

    def end(self, within: float = 5.0) -> None:
        """End all wardens with all that is theirs."""
        deadline = time.monotonic() + within
        for pid in self.wardens:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        while self.wardens and time.monotonic() < deadline:
            self.tend()
            time.sleep(0.002)
        tree.end_descendants(within, self._spared)


def main() -> int:
    """Start the command that is asked for over the inherited socket, and keep it."""
    fd = int(sys.argv[1])
    client = Channel(socket.socket(fileno=fd))
    client.socket.set_inheritable(False)
    message = client.receive()
    if message is None:
        return 0
    tree.name_process("pb-subreaper")
    request, streams = LaunchRequest.from_message(message), client.take_fds()

    def close_in_warden() -> None:
        client.close()
        for stream in streams:
            os.close(stream)

    recipe = Recipe(lambda asked, _: exec_command(asked), silence, "subreaper")
    subreaper = Subreaper(recipe, close_in_warden)
    subreaper.launch(subreaper.fork_spare(), client, request, streams)
    while subreaper.wardens:
        # waitid(2) with WNOWAIT: what has ended stays to be reaped by tend, which looks at all.
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        subreaper.tend()
    return 0
