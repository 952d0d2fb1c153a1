"""The owner's side: start a program under a supervisor, ask after it, signal it, end it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from proofbook.errors import SubjectError
from proofbook.processes.termination import Ending, describe_exit, remove_folders

__all__ = ["Supervised", "supervise"]

_START_SECONDS = 30.0
_SPARE_SECONDS = 30.0
"""What the supervisor may need beyond the grace that the program has."""


class Supervised:
    """A program that runs, or has run. Leaving its context, or losing it, ends it."""

    def __init__(
        self, process: subprocess.Popen[str], name: str, log: Path, folders: Sequence[str]
    ) -> None:
        self.name = name
        """What messages call it."""
        self.log = log
        """The file with all that it has printed."""
        self.pid = 0
        """Process id of the program; 0 where it could not be started."""
        self._process, self._folders = process, folders
        self._told = threading.Condition()
        self._problem: str | None = None
        self._exit: tuple[int | None] | None = None
        self._ending: Ending | None = None
        # Neither of the two keeps this object from being collected, which ends the program.
        self._finalizer = weakref.finalize(self, _let_go, process)
        threading.Thread(target=_listen, args=(weakref.ref(self), process), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def supervisor(self) -> int:
        """Process id of the supervisor."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the program has not ended yet."""
        with self._told:
            return self._exit is None

    @property
    def exit_code(self) -> int | None:
        """Minus the signal's number where a signal ended it; None while it runs or if unknown."""
        with self._told:
            return self._exit[0] if self._exit else None

    @property
    def state(self) -> str:
        """Whether it runs or how it ended, in words."""
        return "is running" if self.running else describe_exit(self.exit_code)

    def wait(self, timeout: float) -> bool:
        """Wait until the program has ended by itself; return whether it has."""
        with self._told:
            return self._told.wait_for(lambda: self._exit is not None, timeout)

    def send_signal(self, signum: int) -> None:
        """Send a signal to the program alone, if it still runs."""
        self._command({"op": "signal", "signal": int(signum)})

    def stop(self, grace: float = 10.0, *, keep_folders: bool = False) -> Ending:
        """End the program with all that descends from it, and return how that went.

        Args:
            grace: Seconds between being asked to end and being killed.
            keep_folders: Leave its temporary folders for another start.
        """
        self._command({"op": "stop", "grace": grace, "keep": keep_folders})
        with self._told:
            told = self._told.wait_for(lambda: self._ending is not None, grace + _SPARE_SECONDS)
        if not told:
            self._take_over()
        with contextlib.suppress(OSError):
            self._finalizer()
        assert self._ending is not None
        return self._ending

    def tail(self, lines: int = 100) -> str:
        """Return the last lines of what it printed; undecodable bytes are replaced."""
        with contextlib.suppress(FileNotFoundError), self.log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1000 * lines))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
        return ""

    def wait_started(self) -> None:
        """Wait until the program has been started.

        Raises:
            SubjectError: It could not be.
        """
        with self._told:
            self._told.wait_for(lambda: self.pid or self._ending, _START_SECONDS)
        if not self.pid:
            problem = self._problem or "its supervisor did not start it"
            self.stop()
            raise SubjectError(f"{self.name} cannot be started: {problem}")

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take in what the supervisor tells."""
        with self._told:
            self._note(message)
            self._told.notify_all()

    def hear_nothing_more(self) -> None:
        """Take over from a supervisor that has ended without a last word."""
        with self._told:
            lost = self._ending is None
        if lost:
            self._take_over()

    def _note(self, message: Mapping[str, Any]) -> None:
        match message["event"]:
            case "started":
                self.pid = message["pid"]
            case "failed":
                self._problem, self._exit = message["problem"], (None,)
            case "exited":
                self._exit = (message["code"],)
            case "ended":
                how, code, left = message["ending"]
                self._ending = Ending(how, code, tuple(left))
                self._exit = self._exit or (code,)

    def _command(self, command: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # one that has ended needs no command
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()

    def _take_over(self) -> None:
        """Do what is left to do where the supervisor has been killed or does not answer."""
        self._process.kill()
        if self.pid and hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        left = remove_folders(self._folders)
        with self._told:
            if self._ending is None:
                code = self._exit[0] if self._exit else None
                self._ending = Ending("killed", code, tuple(left))
                self._exit = self._exit or (None,)
            self._told.notify_all()


def supervise(
    command: Sequence[str | Path],
    *,
    log: Path,
    name: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    folders: Sequence[Path] = (),
) -> Supervised:
    """Start a command and return it once it has a process.

    Args:
        command: Program and arguments; nothing goes through a shell.
        log: File that its output is appended to.
        name: What messages call it.
        cwd: Where it runs; by default here.
        env: Its whole environment; by default this process's.
        folders: What is removed when it has ended, in whatever way.

    Raises:
        SubjectError: It cannot be started.
    """
    removed = [str(folder.resolve()) for folder in folders]
    order = {
        "command": [str(word) for word in command],
        "log": str(log.resolve()),
        "cwd": str(cwd or Path.cwd()),
        "env": dict(os.environ if env is None else env),
        "folders": removed,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "proofbook.processes.supervisor"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
        start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # said by wait_started
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
    supervised = Supervised(process, name, log, removed)
    supervised.wait_started()
    return supervised


def _listen(owner: weakref.ref[Supervised], process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if (supervised := owner()) is None:
            return
        supervised.hear(json.loads(line))
        del supervised
    if supervised := owner():
        supervised.hear_nothing_more()


def _let_go(process: subprocess.Popen[str]) -> None:
    """Close the supervisor's input, which ends the program, and wait for the supervisor."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_SPARE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
