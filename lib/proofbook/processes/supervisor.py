"""The process that owns a program: ``python -m proofbook.processes.supervisor``.

It reads one order as a line of JSON on its standard input, then commands, until that input ends:
by the owner's will or by its death. It answers in lines of JSON. It uses the standard library
alone, so that it is there at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from proofbook.processes import tree
from proofbook.processes.termination import Ending, end_tree, remove_folders

__all__ = ["Supervisor", "main"]

_PAUSE = 0.02
_Message = dict[str, Any]
_DESERTED: _Message = {"op": "stop", "grace": 1.0, "keep": False}


class Supervisor:
    """Starts the program that an order describes, and stays until nothing of it is left."""

    def __init__(self, order: _Message, say: Callable[[_Message], None]) -> None:
        self._order, self._say = order, say
        self._commands: queue.Queue[_Message] = queue.Queue()

    def run(self) -> None:
        """Start the program, follow it, obey, and end it."""
        if tree.SUPPORTED:
            tree.become_subreaper()
        try:
            child = self._start()
        except OSError as error:
            self._say({"event": "failed", "problem": error.strerror or str(error)})
            self._leave(None, ("exited", None))
            return
        self._say({"event": "started", "pid": child.pid})
        signal.signal(signal.SIGTERM, lambda *_: self._commands.put(_DESERTED))
        threading.Thread(target=self._listen, daemon=True).start()
        self._follow(child)

    def _start(self) -> subprocess.Popen[bytes]:
        supervisor = os.getpid()

        def prepare() -> None:
            tree.die_with_parent(signal.SIGTERM, supervisor)

        log = Path(self._order["log"])
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            return subprocess.Popen(
                self._order["command"],
                cwd=self._order["cwd"],
                env=self._order["env"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=prepare if tree.SUPPORTED else None,
            )

    def _listen(self) -> None:
        for line in sys.stdin:
            self._commands.put(json.loads(line))
        self._commands.put(_DESERTED)

    def _follow(self, child: subprocess.Popen[bytes]) -> None:
        """Obey until told to stop; tell when the program ends before that."""
        told = False
        while True:
            with contextlib.suppress(queue.Empty):
                command = self._commands.get(timeout=_PAUSE)
                if command["op"] == "stop":
                    self._order["folders"] = [] if command["keep"] else self._order["folders"]
                    return self._leave(child, end_tree(child, command["grace"]))
                self._pass_on(child, int(command["signal"]))
            if not told and child.poll() is not None:
                told = True
                _, code = end_tree(child, 0)
                self._say({"event": "exited", "code": code})

    def _pass_on(self, child: subprocess.Popen[bytes], signum: int) -> None:
        if child.poll() is None:
            child.send_signal(signum)

    def _leave(self, child: subprocess.Popen[bytes] | None, ended: tuple[Any, int | None]) -> None:
        left = remove_folders(self._order["folders"])
        if child is not None and tree.SUPPORTED:
            left += [f"process {pid}" for pid in tree.descendants(os.getpid())]
        self._say({"event": "ended", "ending": Ending(*ended, tuple(left))})


def _say(message: _Message) -> None:
    with contextlib.suppress(OSError):  # an owner that has died hears nothing
        print(json.dumps(message), flush=True)  # noqa: T201 - this is how it answers


def main() -> int:
    """Serve one order; returns when nothing is left of the program."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order = sys.stdin.readline()
    if order:
        Supervisor(json.loads(order), _say).run()
    # The thread that reads the input may still wait for a line, and would hold up an ordinary end.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
