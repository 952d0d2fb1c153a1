"""Does what a process would have done at its end, where it is killed; started by ``guarding``.

Its standard input ends when its owner does, whatever ends that. The input is a list of words, each
ended by a NUL: ``+FOLDER`` and ``-FOLDER`` say what is to be removed and what is not any more,
``kPID`` names a process that leads a group to be killed. A single ``!`` calls off the killing.
Uses the standard library alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from proofbook.processes import tree
from proofbook.processes.leases import remove_unused
from proofbook.processes.signals import default_signals

__all__ = ["main"]

_COMMAND_SECONDS = 60.0


def main(command: Sequence[str]) -> None:
    """Wait for the end of the input, then kill, run the command and remove the folders."""
    if tree.SUPPORTED:
        tree.name_process("pb-guard")
    words = [os.fsdecode(word) for word in sys.stdin.buffer.read().split(b"\0")]
    if "!" not in words:
        for word in words:
            if word.startswith("k"):
                _kill_group(int(word[1:]))
    if command:
        _run(command)
    folders: dict[str, None] = {}
    for word in words:
        if word.startswith("+"):
            folders[word[1:]] = None
        elif word.startswith("-"):
            folders.pop(word[1:], None)
    # First those that nobody uses: one that is in use for long must not hold up the others.
    for folder in [folder for folder in folders if not remove_unused(folder)]:
        remove_unused(folder, wait=True)


def _kill_group(pid: int) -> None:
    if os.name != "posix":
        _run(["taskkill", "/F", "/T", "/PID", str(pid)])
        return
    # By the system call, as kill(1) cannot be trusted with a group: procps-ng 4.0.2, of Debian 12,
    # takes ``kill -KILL -123`` for ``kill -KILL -1``, which is every process.
    assert pid > 1, "killpg(2): group 0 is the caller's own"
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _run(command: Sequence[str]) -> None:
    subprocess.run(
        command, check=False, timeout=_COMMAND_SECONDS, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=default_signals if os.name == "posix" else None,
    )  # fmt: skip
