"""Commands are timed, and one that fails has no time."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest
from waiting import growing, wait_for

from proofbook.errors import SubjectError
from proofbook_bench.commands import clean_environment, find_command, run_command, run_commands

PYTHON = sys.executable


def test_a_command_takes_as_long_as_it_runs(tmp_path: Path):
    taken = run_command(
        [PYTHON, "-c", "import time; time.sleep(0.3)"], env=os.environ, cwd=tmp_path
    )
    assert 0.3 <= taken < 30


def test_a_failing_command_raises_with_the_end_of_its_output(tmp_path: Path):
    script = (
        "import sys; print('x' * 5000, flush=True); print('disk on fire', file=sys.stderr);"
        "sys.exit(4)"
    )
    with pytest.raises(
        SubjectError, match=r"exited with code 4, expected 0; .*disk on fire"
    ) as caught:
        run_command([PYTHON, "-c", script], env=os.environ, cwd=tmp_path)
    assert len(str(caught.value)) < 1200
    assert "\n" not in str(caught.value)


def test_a_silent_failure_says_that_nothing_was_printed(tmp_path: Path):
    with pytest.raises(SubjectError, match="it printed nothing"):
        run_command([PYTHON, "-c", "raise SystemExit(1)"], env=os.environ, cwd=tmp_path)


def test_a_command_may_have_to_fail(tmp_path: Path):
    run_command([PYTHON, "-c", "raise SystemExit(2)"], env=os.environ, cwd=tmp_path, expected=2)
    with pytest.raises(SubjectError, match="exited with code 0, expected 2"):
        run_command([PYTHON, "-c", ""], env=os.environ, cwd=tmp_path, expected=2)


def test_a_command_that_takes_too_long_is_killed_with_its_children(tmp_path: Path):
    script = (
        "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', "
        "'import time; time.sleep(60)']); open('child', 'w').write(str(child.pid)); time.sleep(60)"
    )
    noted = tmp_path / "child"
    for bound in growing(2):
        with pytest.raises(SubjectError, match=f"not done after {bound:g} s"):
            run_command([PYTHON, "-c", script], env=os.environ, cwd=tmp_path, timeout=bound)
        if noted.exists() and noted.read_text():
            break
    child = int(noted.read_text())
    wait_for(lambda: not lives(child))


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_what_it_prints_is_kept_on_request(tmp_path: Path):
    log = tmp_path / "log"
    run_command([PYTHON, "-c", "print('hello')"], env=os.environ, cwd=tmp_path, log=log)
    assert log.read_text() == "hello\n"


def test_commands_one_after_the_other_take_their_sum(tmp_path: Path):
    sleep = [PYTHON, "-c", "import time; time.sleep(0.1)"]
    assert run_commands([sleep, sleep], env=os.environ, cwd=tmp_path) >= 0.2
    with pytest.raises(SubjectError):
        run_commands([sleep, [PYTHON, "-c", "1 / 0"]], env=os.environ, cwd=tmp_path)


def test_commands_come_from_this_environment():
    assert Path(find_command("papermill")).parent == Path(sys.executable).parent
    with pytest.raises(SubjectError, match="no command 'no-such-command' next to"):
        find_command("no-such-command")


def test_the_environment_is_without_the_surrounding_run():
    given = {
        "PROOFBOOK_FORKSERVER": "/s",
        "PROOFBOOK_JOB_FOLDER": "/j",
        "PROOFBOOK_CACHE": "/c",
        "JPY_PARENT_PID": "1",
        "OMP_NUM_THREADS": "1",
        "PATH": "/bin",
    }
    cleaned = clean_environment(given, PROOFBOOK_PROJECT="/p")
    assert cleaned == {"PROOFBOOK_CACHE": "/c", "PATH": "/bin", "PROOFBOOK_PROJECT": "/p"}
