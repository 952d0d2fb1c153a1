"""What must be done even if this process is killed: told to a guard, a small process of its own.

A guard sees that its owner has ended by the end of its standard input. Works on every system.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = [
    "dismiss",
    "guarded",
    "keep_folder",
    "kill_at_the_end",
    "remove_at_the_end",
    "start_guard",
]

_START = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from proofbook.processes.guard import main; main(sys.argv[1:])"
)
_LIBRARY = str(Path(__file__).resolve().parents[2])
_SECONDS = 65.0
"""A guard gives its command 60 seconds."""


def start_guard(command: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """Start a guard that runs ``command`` at this process's end."""
    # Its folder is the root's if it has no command: it must not keep another one in use.
    return subprocess.Popen(
        # Without site-packages it starts in a third of the time.
        [sys.executable, "-I", "-S", "-c", _START, _LIBRARY, *command],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, bufsize=0, cwd=None if command else os.sep,
    )  # fmt: skip


def kill_at_the_end(guard: subprocess.Popen[bytes], pid: int) -> None:
    """Have a guard kill the process group that ``pid`` leads, unless it is dismissed before."""
    _write(guard, f"k{pid}")


def dismiss(guard: subprocess.Popen[bytes]) -> None:
    """Have a guard kill nothing, and wait for its end."""
    with contextlib.suppress(OSError, ValueError):  # it was killed, or dismissed before
        _write(guard, "!")
    _close(guard)


def _write(guard: subprocess.Popen[bytes], word: str) -> None:
    assert guard.stdin is not None
    guard.stdin.write(os.fsencode(word) + b"\0")


def _close(guard: subprocess.Popen[bytes]) -> None:
    assert guard.stdin is not None
    guard.stdin.close()
    try:
        guard.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()


@contextlib.contextmanager
def guarded(command: Sequence[str]) -> Iterator[None]:
    """Run ``command`` when the block ends, in whatever way, the death of this process included."""
    guard = start_guard(command)
    try:
        yield
    finally:
        _close(guard)


class _FolderGuard:
    """This process's guard of folders: started with the first one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folders: set[str] = set()
        self._guard: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def add(self, folder: str) -> None:
        with self._lock:
            if self._owner != os.getpid():
                # After a fork the guard and the folders are the parent's.
                self._owner, self._guard, self._folders = os.getpid(), None, set()
            self._folders.add(folder)
            self._tell(f"+{folder}")

    def discard(self, folder: str) -> None:
        with self._lock:
            if self._owner == os.getpid() and folder in self._folders:
                self._folders.remove(folder)
                self._tell(f"-{folder}")

    def _tell(self, word: str) -> None:
        if self._guard is not None:
            with contextlib.suppress(OSError):
                _write(self._guard, word)
                return
            self._guard.wait()  # it was killed
        self._guard = start_guard()
        for folder in self._folders:
            _write(self._guard, f"+{folder}")


_folders = _FolderGuard()


def remove_at_the_end(folder: Path) -> None:
    """Have a folder removed when this process has ended and nobody holds a lease on it."""
    _folders.add(str(folder))


def keep_folder(folder: Path) -> None:
    """Have nothing done about a folder any more."""
    _folders.discard(str(folder))
