"""A supervised program ends with its owner, and nothing of it is left."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from proofbook.errors import SubjectError
from proofbook.processes import Supervised, supervise
from proofbook.processes.termination import describe_exit, end_tree, remove_folders

TREE = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", '''
import os, time
os.setsid()
print("escaped", os.getpid(), flush=True)
time.sleep(600)
'''])
print("ready", os.getpid(), child.pid, flush=True)
time.sleep(600)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(600)
"""


def wait_for(happened: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def start(tmp_path: Path, code: str, *folders: Path) -> Supervised:
    return supervise(
        [sys.executable, "-c", code], log=tmp_path / "log", name="the program", folders=folders
    )


def pids_in(log: Path) -> set[int]:
    return {int(word) for word in log.read_text().split() if word.isdigit()}


def alive(pids: set[int]) -> set[int]:
    return {
        pid
        for pid in pids
        if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    }


def test_stopping_ends_even_what_has_left_the_session(tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    (folder / "inside").mkdir(parents=True)
    with start(tmp_path, TREE, folder) as program:
        wait_for(lambda: len(pids_in(program.log)) == 2 and "escaped" in program.tail())
        pids = pids_in(program.log) | {program.supervisor}
        ending = program.stop()
    assert (ending.how, ending.code, ending.left) == ("terminated", -signal.SIGTERM, ())
    assert not alive(pids)
    assert not folder.exists()


def test_a_program_that_does_not_end_when_asked_is_killed(tmp_path: Path) -> None:
    program = start(tmp_path, STUBBORN)
    wait_for(lambda: "ready" in program.tail())
    ending = program.stop(grace=0.1)
    assert (ending.how, ending.code) == ("killed", -signal.SIGKILL)


def test_its_own_end_is_told_with_its_code(tmp_path: Path) -> None:
    with start(tmp_path, "print('last words'); raise SystemExit(3)") as program:
        assert program.wait(20)
        assert (program.running, program.exit_code, program.state) == (
            False, 3, "exited with code 3")  # fmt: skip
        assert program.tail() == "last words"
        assert program.stop().how == "exited"
        assert program.stop().code == 3


def test_a_child_that_outlives_the_program_is_ended_with_it(tmp_path: Path) -> None:
    code = (
        "import subprocess; child = subprocess.Popen(['sleep', '600'], start_new_session=True);"
        "print(child.pid, flush=True)"
    )
    with start(tmp_path, code) as program:
        assert program.wait(20)
        assert program.exit_code == 0
        assert len(pids_in(program.log)) == 1
        assert not alive(pids_in(program.log))


def test_a_signal_reaches_the_program(tmp_path: Path) -> None:
    with start(tmp_path, "import time; print('ready', flush=True); time.sleep(600)") as program:
        wait_for(lambda: "ready" in program.tail())
        program.send_signal(signal.SIGUSR1)
        assert program.wait(20)
        assert program.state == "was killed by SIGUSR1"


def test_what_cannot_be_started_is_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    with pytest.raises(SubjectError, match=r"^the server cannot be started: Permission denied$"):
        supervise([tmp_path], log=tmp_path / "log", name="the server", folders=[folder])
    assert not folder.exists()


def test_a_lost_program_is_ended(tmp_path: Path) -> None:
    program = start(tmp_path, TREE)
    wait_for(lambda: len(pids_in(tmp_path / "log")) == 2)
    pids, supervisor = pids_in(tmp_path / "log"), program.supervisor
    del program
    gc.collect()
    wait_for(lambda: not alive(pids | {supervisor}))


OWNER = f"""
import sys, time
from pathlib import Path
from proofbook.processes import supervise
folder = Path(sys.argv[1])
program = supervise([sys.executable, "-c", {TREE!r}], log=folder / "log", name="it",
                    folders=[folder / "temporary"])
print(program.supervisor, flush=True)
time.sleep(600)
"""


def owned(tmp_path: Path) -> tuple[subprocess.Popen[str], int, set[int]]:
    """Start an owner; return it, its supervisor's pid, and those of the program."""
    (tmp_path / "temporary").mkdir()
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    supervisor = int(owner.stdout.readline())
    wait_for(lambda: len(pids_in(tmp_path / "log")) == 2)
    return owner, supervisor, pids_in(tmp_path / "log")


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_owner_that_is_killed_takes_all_with_it(tmp_path: Path, signum: int) -> None:
    owner, supervisor, pids = owned(tmp_path)
    owner.send_signal(signum)
    owner.wait(20)
    wait_for(lambda: not alive(pids | {supervisor}))
    assert not (tmp_path / "temporary").exists()


def test_a_supervisor_that_is_killed_is_taken_over_from(tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    code = "import time; print('ready', flush=True); time.sleep(600)"
    program = start(tmp_path, code, folder)
    wait_for(lambda: "ready" in program.tail())
    os.kill(program.supervisor, signal.SIGKILL)
    wait_for(lambda: not program.running)
    wait_for(lambda: not alive({program.pid}))
    assert program.stop() == ("killed", None, ())
    assert program.state == "ended in a way that is not known"
    assert not folder.exists()


def test_windows_ends_the_tree_with_taskkill() -> None:
    commands: list[object] = []
    root = SimpleNamespace(pid=7, poll=lambda: None, wait=lambda _: 1, returncode=1)
    how, code = end_tree(root, 5, system="Windows", run=commands.append)  # type: ignore[arg-type]
    assert (how, code, commands) == ("terminated", 1, [["taskkill", "/F", "/T", "/PID", "7"]])


def test_macos_ends_the_group() -> None:
    root = subprocess.Popen(
        ["sh", "-c", "sleep 600 & echo $!; sleep 600"], start_new_session=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert root.stdout is not None
    child = int(root.stdout.readline())
    assert end_tree(root, 5, system="Darwin") == ("terminated", -signal.SIGTERM)
    wait_for(lambda: not alive({child, root.pid}))


def test_a_folder_that_cannot_be_removed_is_named(tmp_path: Path) -> None:
    present = tmp_path / "file"
    present.touch()  # rmtree refuses a file
    assert remove_folders([str(present), str(tmp_path / "none")]) == [str(present)]


def test_an_exit_is_put_in_words() -> None:
    assert describe_exit(-11) == "was killed by SIGSEGV"
    assert describe_exit(-200) == "was killed by signal 200"
