"""A supervised program ends with its owner, and nothing of it is left."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from waiting import HANG

from proofbook.errors import SubjectError
from proofbook.processes import Supervised, exit_words, supervise, tree
from proofbook.processes.portable import end_tree

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
READY = "import time; print('ready', flush=True); time.sleep(600)"

Wait = Callable[..., None]


def start(tmp_path: Path, code: str) -> Supervised:
    return supervise([sys.executable, "-c", code], log=tmp_path / "log", name="the program")


@pytest.fixture(params=["warden", "portable"])
def anywhere(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both owners: the warden of Linux, and what other systems have."""
    if request.param == "portable":
        monkeypatch.setattr(tree, "SUPPORTED", False)


@pytest.fixture
def grown(wait_for: Wait, pids_in: Any) -> Callable[[Path], set[int]]:
    """Return a function that waits until the log has both processes of TREE."""

    def wait(log: Path) -> set[int]:
        wait_for(lambda: log.exists() and {"escaped", "ready"} <= set(log.read_text().split()))
        pids: set[int] = pids_in(log)
        return pids

    return wait


def test_stopping_ends_even_what_has_left_the_session(
    tmp_path: Path, grown: Any, alive: Any
) -> None:
    with start(tmp_path, TREE) as program:
        pids = grown(program.log)
        keepers = {parent.pid for parent in psutil.Process(program.pid).parents()[:2]}
        ending = program.stop(HANG)
    assert (ending.how, ending.code, ending.left) == ("terminated", -signal.SIGTERM, ())
    assert len(pids) == 2
    assert not alive(pids | keepers)


def test_a_program_that_does_not_end_when_asked_is_killed(
    anywhere: None, tmp_path: Path, wait_for: Wait
) -> None:
    program = start(tmp_path, STUBBORN)
    wait_for(lambda: "ready" in program.tail())
    ending = program.stop(grace=0.1)
    assert (ending.how, ending.code) == ("killed", -signal.SIGKILL)
    assert program.stop() == ending


def test_its_own_end_is_told_with_its_code(anywhere: None, tmp_path: Path) -> None:
    with start(tmp_path, "print('last words'); raise SystemExit(3)") as program:
        assert program.wait(HANG)
        assert (program.running, program.exit_code, program.state) == (
            False, 3, "exited with code 3")  # fmt: skip
        assert program.tail() == "last words"
        assert program.stop().how == "exited"
        assert program.stop().code == 3


def test_a_child_that_outlives_the_program_is_ended_with_it(
    tmp_path: Path, alive: Any, pids_in: Any, wait_for: Wait
) -> None:
    code = (
        "import subprocess; child = subprocess.Popen(['sleep', '600'], start_new_session=True);"
        "print(child.pid, flush=True)"
    )
    with start(tmp_path, code) as program:
        assert program.wait(HANG)
        assert program.exit_code == 0
        assert len(pids_in(program.log)) == 1
        wait_for(lambda: not alive(pids_in(program.log)))


def test_a_signal_reaches_the_program(anywhere: None, tmp_path: Path, wait_for: Wait) -> None:
    with start(tmp_path, READY) as program:
        wait_for(lambda: "ready" in program.tail())
        program.send_signal(signal.SIGUSR1)
        assert program.wait(HANG)
        assert program.state == "was killed by SIGUSR1"


def test_a_signal_reaches_the_program_alone(tmp_path: Path, grown: Any, alive: Any) -> None:
    code = TREE.replace("import os, subprocess", "import signal, os, subprocess", 1).replace(
        "os.setsid()\n", ""
    )
    handler = "lambda *_: os.write(1, b'told')"
    code = f"import os, signal; signal.signal(signal.SIGINT, {handler})\n{code}"
    with start(tmp_path, code) as program:
        pids = grown(program.log)
        program.send_signal(signal.SIGINT)
        program.send_signal(signal.SIGKILL)
        assert program.wait(HANG)
    assert "KeyboardInterrupt" not in program.tail()
    assert len(pids) == 2


def test_what_cannot_be_started_is_one_line(anywhere: None, tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match=r"^the server cannot be started: Permission denied$"):
        supervise([tmp_path], log=tmp_path / "log", name="the server")


def test_without_a_log_it_prints_where_its_owner_does(tmp_path: Path) -> None:
    code = (
        "from proofbook.processes import supervise\n"
        "with supervise(['echo', 'heard'], log=None, name='it') as it: it.wait()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=HANG
    )
    assert (done.returncode, done.stdout) == (0, "heard\n")


@pytest.mark.exhaustive
def test_a_lost_program_is_ended(
    anywhere: None, tmp_path: Path, wait_for: Wait, alive: Any
) -> None:
    programs = [start(tmp_path, READY)]
    wait_for(lambda: "ready" in programs[0].tail())
    pid = programs.pop().pid
    gc.collect()
    wait_for(lambda: not alive([pid]))


OWNER = f"""
import sys, time
from pathlib import Path
from proofbook.processes import supervise, tree
tree.SUPPORTED = tree.SUPPORTED and sys.argv[2] == "warden"
program = supervise([sys.executable, "-c", {TREE!r}], log=Path(sys.argv[1], "log"), name="it")
print(program.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_owner_that_is_killed_takes_all_with_it(
    tmp_path: Path, signum: int, grown: Any, wait_for: Wait, alive: Any
) -> None:
    command = [sys.executable, "-c", OWNER, str(tmp_path), "warden"]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert owner.stdout is not None
    owner.stdout.readline()  # before that, Python may lose a KeyboardInterrupt in an import
    pids = grown(tmp_path / "log")
    family = {child.pid for child in psutil.Process(owner.pid).children(recursive=True)}
    assert pids < family
    owner.send_signal(signum)
    owner.communicate(timeout=HANG)
    wait_for(lambda: not alive(family))


def test_a_killed_owner_takes_the_programs_group_with_it_where_there_are_no_wardens(
    tmp_path: Path, grown: Any, wait_for: Wait, alive: Any
) -> None:
    command = [sys.executable, "-c", OWNER, str(tmp_path), "portable"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        pids = grown(tmp_path / "log")
        owner.kill()
    wait_for(lambda: not alive([pid]))
    for escaped in alive(pids):  # it has a session of its own, which only a warden sees through
        os.kill(escaped, signal.SIGKILL)


@pytest.mark.parametrize(
    ("which", "state"),
    [(0, "was killed, as its warden was killed"), (1, "was killed, as its subreaper ended")],
    ids=["warden", "subreaper"],
)
def test_whichever_of_its_keepers_is_killed_nothing_is_left(
    which: int, state: str, tmp_path: Path, grown: Any, wait_for: Wait, alive: Any
) -> None:
    program = start(tmp_path, TREE)
    pids = grown(program.log)
    os.kill(psutil.Process(program.pid).parents()[which].pid, signal.SIGKILL)
    assert program.wait(HANG)
    assert program.state == state
    assert program.stop().left == ()
    wait_for(lambda: not alive(pids))


def test_windows_ends_the_tree_with_taskkill() -> None:
    commands: list[object] = []
    root = SimpleNamespace(pid=7, poll=lambda: None, wait=lambda _: 1, returncode=1)
    how, code = end_tree(root, 5, system="Windows", run=commands.append)  # type: ignore[arg-type]
    assert (how, code, commands) == ("terminated", 1, [["taskkill", "/F", "/T", "/PID", "7"]])


def test_macos_ends_the_group(wait_for: Wait, alive: Any) -> None:
    root = subprocess.Popen(
        ["sh", "-c", "sleep 600 & echo $!; sleep 600"], start_new_session=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert root.stdout is not None
    child = int(root.stdout.readline())
    assert end_tree(root, 60, system="Darwin") == ("terminated", -signal.SIGTERM)
    wait_for(lambda: not alive({child, root.pid}))


def test_an_exit_is_put_in_words() -> None:
    assert exit_words(3) == "exited with code 3"
    assert exit_words(-11) == "was killed by SIGSEGV"
    assert exit_words(-200) == "was killed by signal 200"
    assert exit_words(None) == "ended in an unknown way"


LEAVES = "import subprocess; print(subprocess.Popen(['sleep', '%s'], start_new_session=True).pid)"


@pytest.mark.parametrize(("sleeps", "linger", "left"), [("3000", 0.3, True), ("0.05", HANG, False)])
def test_what_a_program_leaves_running_is_told_and_ended(
    tmp_path: Path, wait_for: Wait, sleeps: str, linger: float, left: bool
) -> None:
    log = tmp_path / "log"
    code = LEAVES % sleeps
    with supervise([sys.executable, "-c", code], log=log, name="it", linger=linger) as program:
        assert program.wait(HANG)
        child = int(log.read_text())
        assert program.left_behind == ((f"{child} sleep",) if left else ())
        assert program.exit_code == 0
    wait_for(lambda: not psutil.pid_exists(child))


def test_without_being_asked_nothing_is_told(tmp_path: Path) -> None:
    with supervise(
        [sys.executable, "-c", LEAVES % 300], log=tmp_path / "log", name="it"
    ) as program:
        assert program.wait(HANG)
        assert program.left_behind == ()
