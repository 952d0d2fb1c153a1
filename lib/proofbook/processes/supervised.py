"""Start a program that ends with this process; ask after it, signal it, end it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

from proofbook.errors import KernelError, SubjectError
from proofbook.processes import tree
from proofbook.processes.termination import Ending, How

__all__ = ["Supervised", "supervise"]

_GONE_SECONDS = 60.0
"""For a warden to end what was killed, and to tell of it. What is not gone by then is told as left:
it is far from what any busy machine needs."""
_DESERTED_GRACE = 1.0
"""Seconds that a program has to end in where its owner has ended."""


class _Process(Protocol):
    """A program under a warden, or a child where there are no wardens."""

    pid: int
    how: How
    left_behind: tuple[str, ...]

    @property
    def reason(self) -> str | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, signum: int, *, alone: bool = False) -> None: ...
    def end(self, grace: float) -> None: ...
    def wait_gone(self, timeout: float) -> tuple[str, ...]: ...
    def close(self) -> None: ...


class Supervised:
    """A program that runs, or has run. Leaving its context, or losing it, ends it."""

    def __init__(self, process: _Process, name: str, log: Path | None) -> None:
        self.name = name
        """What messages call it."""
        self.log = log or Path(os.devnull)
        """The file with all that it has printed."""
        self.pid = process.pid
        """Process id of the program."""
        self._process = process
        self._ending: Ending | None = None
        self._stopping = threading.Lock()
        self._finalizer = weakref.finalize(self, _let_go, process, os.getpid())

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
    def running(self) -> bool:
        """Whether the program has not ended yet."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Minus the signal's number where a signal ended it; None while it runs."""
        return self._process.poll()

    @property
    def state(self) -> str:
        """Whether it runs or how it ended, in words."""
        return "is running" if self.running else str(self._process.reason)

    @property
    def left_behind(self) -> tuple[str, ...]:
        """What it had started and left running when it ended by itself or when it was asked to.

        By pid and name; where it was started with ``linger``. They have been ended since.
        """
        self._process.poll()  # which takes in what is told of its end
        return self._process.left_behind

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the program has ended by itself; return whether it has."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def send_signal(self, signum: int, *, group: bool = False) -> None:
        """Send a signal, if it still runs, to the program alone or to its process group.

        A terminal's Ctrl-C goes to the whole group, so that it reaches the program that a shell or
        a launcher started (termios(3), VINTR).
        """
        self._process.send_signal(signum, alone=not group)

    def stop(self, grace: float = 10.0) -> Ending:
        """End the program with all that descends from it, and return how that went.

        Args:
            grace: Seconds between being asked to end and being killed.
        """
        with self._stopping:
            if self._ending is None:
                self._process.end(grace)
                self.wait(grace + _GONE_SECONDS)
                left = self._process.wait_gone(_GONE_SECONDS)
                self._ending = Ending(self._process.how, self._process.poll(), left)
                self._finalizer()
            return self._ending

    def tail(self, lines: int = 100) -> str:
        """Return the last lines of what it printed; undecodable bytes are replaced."""
        with contextlib.suppress(FileNotFoundError), self.log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1000 * lines))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
        return ""


def supervise(
    command: Sequence[str | Path],
    *,
    log: Path | None,
    name: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    folders: Sequence[Path] = (),
    linger: float = 0.0,
) -> Supervised:
    """Start a command and return it once it has a process.

    Args:
        command: Program and arguments; nothing goes through a shell.
        log: File that its output is appended to; with None it goes where this process's goes.
        name: What messages call it.
        cwd: Where it runs; by default here.
        env: Its whole environment; by default this process's.
        folders: Temporary folders that it may use. They are not removed before it and all that it
            started have ended, even if this process is killed.
        linger: Seconds in which what it has started may end after it before that counts as left
            behind; 0 ends it at once and does not ask.

    Raises:
        SubjectError: It cannot be started.
    """
    words = [str(word) for word in command]
    variables = dict(os.environ if env is None else env)
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with contextlib.nullcontext(None) if log is None else log.open("ab") as output:
            process = _start(words, variables, cwd or Path.cwd(), output, folders, linger)
    except OSError as error:
        problem = os.strerror(error.errno) if error.errno else str(error)
        raise SubjectError(f"{name} cannot be started: {problem}") from error
    except KernelError as error:
        raise SubjectError(f"{name} cannot be started: {error}") from error
    return Supervised(process, name, log)


def _start(
    command: list[str], env: dict[str, str], cwd: Path, output: IO[bytes] | None,
    folders: Sequence[Path], linger: float,
) -> _Process:  # fmt: skip
    if not tree.SUPPORTED:
        from proofbook.processes.portable import PortableProcess

        return PortableProcess(command, env, cwd, output)
    from proofbook.processes.owned import make_request, spawn

    request = make_request(
        command, env=env, cwd=cwd, folders=[str(folder) for folder in folders],
        grace=_DESERTED_GRACE, linger=linger,
    )  # fmt: skip
    return spawn(request, (1, 2) if output is None else (output.fileno(),) * 2)


def _let_go(process: _Process, owner: int) -> None:
    if os.getpid() != owner:  # a fork of the owner, which ends: the program goes on
        return
    process.end(_DESERTED_GRACE)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_DESERTED_GRACE + _GONE_SECONDS)
    process.wait_gone(_GONE_SECONDS)
    process.close()
