"""Own a program where there are no wardens: macOS and Windows.

What descends from the program is ended as far as the system can name it: its process group on
macOS, its tree by ``taskkill`` on Windows. A guard does so where the owner is killed.
"""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from proofbook.processes.guarding import dismiss, kill_at_the_end, start_guard
from proofbook.processes.signals import default_signals
from proofbook.processes.termination import How, exit_words

__all__ = ["PortableProcess", "end_tree"]

_FORCED_SECONDS = 5.0
_PAUSE = 0.01


class PortableProcess:
    """A child of this process in a session of its own, with the methods of an owned one."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], cwd: Path, output: IO[bytes] | None
    ) -> None:
        self._process = subprocess.Popen(
            command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output,
            stderr=None if output is None else subprocess.STDOUT, start_new_session=True,
            preexec_fn=default_signals if os.name == "posix" else None,
        )  # fmt: skip
        self.pid = self._process.pid
        self.how: How = "exited"
        self.left_behind: tuple[str, ...] = ()
        self._guard = start_guard()
        kill_at_the_end(self._guard, self.pid)

    @property
    def returncode(self) -> int | None:
        """The exit code, once it is known."""
        return self._process.returncode

    @property
    def reason(self) -> str | None:
        """How it ended, in words, once it has."""
        return None if self.returncode is None else exit_words(self.returncode)

    def poll(self) -> int | None:
        """Return the exit code, or None while the program runs."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code as soon as there is one.

        Raises:
            subprocess.TimeoutExpired: There is none after ``timeout`` seconds.
        """
        return self._process.wait(timeout)

    def send_signal(self, signum: int, *, alone: bool = False) -> None:
        """Send a signal to the program alone, or to its group where there are groups."""
        if alone or not hasattr(os, "killpg"):
            self._process.send_signal(signum)
        elif self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signum)

    def end(self, grace: float) -> None:
        """End the program and what descends from it; returns when that is done."""
        self.how, _ = end_tree(self._process, grace)

    def wait_gone(self, timeout: float) -> tuple[str, ...]:
        """Return the program if it has not ended after ``timeout`` seconds."""
        try:
            self.wait(timeout)
        except subprocess.TimeoutExpired:
            return (f"process {self.pid}",)
        return ()

    def close(self) -> None:
        """End the program if it still runs, and dismiss the guard."""
        if self.poll() is None:
            self.end(0)
        dismiss(self._guard)


def end_tree(
    root: subprocess.Popen[Any],
    grace: float,
    *,
    system: str = "",
    run: Callable[[Sequence[str]], object] | None = None,
) -> tuple[How, int | None]:
    """End a child and what descends from it, and return how, with its exit code.

    Args:
        root: A child that leads a session of its own.
        grace: Seconds that it has between being asked and being forced.
        system: As ``platform.system()`` names it.
        run: Runs ``taskkill``.
    """
    system = system or platform.system()
    how: How = "exited"
    if system == "Windows" and root.poll() is None:
        (run or _run)(["taskkill", "/F", "/T", "/PID", str(root.pid)])
        how = "terminated"
    elif system != "Windows":
        if root.poll() is None:
            how = "terminated" if _ended_when_asked(root, grace) else "killed"
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(root.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        root.wait(_FORCED_SECONDS)
    return how, root.returncode


def _ended_when_asked(root: subprocess.Popen[Any], grace: float) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(root.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while root.poll() is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _run(command: Sequence[str]) -> object:
    return subprocess.run(
        command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
