"""Kill one process of a command's tree at a random moment, and see what is left of it all.

Knows nothing about what the command does.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from proofbook.processes.signals import default_signals
from proofbook_bench.commands import find_command
from proofbook_bench.leftovers import processes_with, remaining

__all__ = ["Killed", "end_undisturbed", "kill_at_random"]

_MARK = "PROOFBOOK_BENCH"
_END_SECONDS = 60.0


class Killed(NamedTuple):
    """One killed process, and what outlived it."""

    victim: str
    """What was killed: the last words of its command line."""
    moment: float
    """Seconds after the clock was started; of a command that had ended before, its end."""
    processes: tuple[str, ...]
    """Those that were left; with the command itself where it did not end."""
    ports: tuple[int, ...]
    """Those that something of the tree listened on, and something still does."""
    folders: tuple[str, ...]
    """Temporary folders; not the small file of ports that Jupyter leaves where it is killed."""

    @property
    def left(self) -> str:
        """What was left, in words; empty for nothing."""
        left = [*self.processes, *(f"port {port}" for port in self.ports), *self.folders]
        return f"{self.victim} at {self.moment:.1f} s left {', '.join(left)}" if left else ""


def kill_at_random(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    latest: float,
    patience: float,
    seed: int,
    after: str = "",
    by_kind: bool = False,
) -> Killed:
    """Start a command, SIGKILL one process of its tree, and return what is left afterwards.

    Args:
        command: A command's name, looked up next to this interpreter; its arguments.
        env: Its environment; its temporary folder is a new one.
        cwd: Where it runs.
        latest: Seconds until the latest moment of the kill.
        patience: Seconds that the rest may take to vanish once the command has ended.
        seed: Chooses moment and victim.
        after: Part of a process's name; the clock starts when there is such a one in the tree.
        by_kind: Choose a name among those of the tree first, so that a kind of which there are many
            is killed no more often than others. The victim is then told by its name.
    """
    chance = random.Random(seed)
    with _started([find_command(command[0]), *command[1:]], env, cwd) as (process, temporary):
        mark = str(temporary)
        _await(after, process, mark)
        moment, began = chance.uniform(0, latest), time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment)
            moment = time.monotonic() - began
        ports = _listening(_tree(mark))
        kill = _kill_one_of_a_kind if by_kind else _kill_one
        victim = kill(_tree(mark), chance)
        left, folders = _left_of(process, temporary, patience)
        taken = tuple(sorted(ports & _listening(psutil.process_iter())))
        return Killed(victim, moment, left, taken, folders)


def end_undisturbed(
    command: Sequence[str], *, env: Mapping[str, str], cwd: Path, patience: float
) -> tuple[int | None, Killed]:
    """Run a command to its end; return its exit code, None where it hangs, and what is left.

    The arguments are those of :func:`kill_at_random`.
    """
    with _started([find_command(command[0]), *command[1:]], env, cwd) as (process, temporary):
        left, folders = _left_of(process, temporary, patience)
        return process.poll(), Killed("nothing", 0.0, left, (), folders)


@contextlib.contextmanager
def _started(
    command: Sequence[str], env: Mapping[str, str], cwd: Path
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    temporary = Path(tempfile.mkdtemp(dir=cwd, prefix="tmp-")).resolve()
    marked = {**env, _MARK: str(temporary), "TMPDIR": str(temporary)}
    # Without an owner: that would end what the command leaves, and leaving nothing is the claim.
    process = subprocess.Popen(
        command, cwd=cwd, env=marked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=default_signals if os.name == "posix" else None,
    )  # fmt: skip
    try:
        yield process, temporary
    finally:
        for survivor in _tree(str(temporary)):
            with contextlib.suppress(psutil.Error):
                survivor.kill()
        process.wait()
        shutil.rmtree(temporary, ignore_errors=True)


def _left_of(
    process: subprocess.Popen[bytes], temporary: Path, patience: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Wait for a command's end; return the processes and the folders that then are left."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
    left = remaining(lambda: processes_with(_MARK, str(temporary)), patience)
    return tuple(left), tuple(remaining(lambda: _folders_in(temporary), patience))


def _await(name: str, process: subprocess.Popen[bytes], mark: str) -> None:
    while name and process.poll() is None and not any(name in _name(p) for p in _tree(mark)):
        time.sleep(0.05)


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""


def _folders_in(temporary: Path) -> list[str]:
    return sorted(path.name for path in temporary.iterdir() if path.is_dir())


def _tree(mark: str) -> list[psutil.Process]:
    """Return the living processes with the mark in their environment, whoever their parent is."""
    marked = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(_MARK) == mark:
                marked.append(process)
    return marked


def _listening(processes: Iterator[psutil.Process] | Sequence[psutil.Process]) -> set[int]:
    ports = set()
    for process in processes:
        with contextlib.suppress(psutil.Error):
            connections = process.net_connections("tcp")
            ports |= {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}
    return ports


def _kill_one_of_a_kind(tree: list[psutil.Process], chance: random.Random) -> str:
    kinds: dict[str, list[psutil.Process]] = {}
    for process in tree:
        kinds.setdefault(_name(process), []).append(process)
    kinds.pop("", None)
    if not kinds:
        return "nothing"
    kind = chance.choice(sorted(kinds))
    killed = _kill_one(kinds[kind], chance)
    return "nothing" if killed == "nothing" else kind


def _kill_one(tree: list[psutil.Process], chance: random.Random) -> str:
    if not tree:
        return "nothing"
    victim = chance.choice(sorted(tree, key=lambda process: process.pid))
    with contextlib.suppress(psutil.Error):
        words = [Path(word).name for word in victim.cmdline()[:4]]
        victim.send_signal(signal.SIGKILL)
        return " ".join(words)
    return "nothing"
