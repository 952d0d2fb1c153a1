"""A command is run to its end, or ended with all that it has started."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waiting import HANG, growing

from proofbook.errors import SubjectError
from proofbook.processes import guarded, run, supervise


def test_a_command_that_ends_is_told_in_full(tmp_path: Path) -> None:
    code = (
        "import os, sys; print(os.getcwd(), os.environ['X']); print('!', file=sys.stderr); exit(3)"
    )
    ended = run([sys.executable, "-c", code], timeout=HANG, cwd=tmp_path, env={"X": "y"})
    assert (ended.code, ended.words) == (3, "exited with code 3")
    assert sorted(ended.output.splitlines()) == sorted([f"{tmp_path} y", "!"])
    assert 0 < ended.seconds < HANG


def test_a_log_is_appended_to(tmp_path: Path) -> None:
    for _ in range(2):
        run(["echo", "line"], timeout=HANG, log=tmp_path / "log")
    assert (tmp_path / "log").read_text() == "line\nline\n"


def test_a_command_that_takes_too_long_is_ended_with_its_children(
    tmp_path: Path, alive: Any, pids_in: Any, wait_for: Callable[..., None]
) -> None:
    code = "setsid sleep 600 & echo $!; sleep 600"
    for bound in growing(1):
        log = tmp_path / f"log-{bound:g}"
        ended = run(["sh", "-c", code], timeout=bound, log=log)
        assert (ended.code, ended.words) == (None, f"took longer than {bound:g} s and was ended")
        if pids_in(log):
            break
    assert len(pids_in(log)) == 1
    wait_for(lambda: not alive(pids_in(log)))


def test_what_cannot_be_run_is_named() -> None:
    with pytest.raises(SubjectError, match=r"^no-such-command cannot be started: No such file"):
        run(["no-such-command"], timeout=1)


GUARDED = """
import sys, time
from proofbook.processes import guarded
with guarded(["touch", sys.argv[1]]):
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing ends the guard")
def test_a_guarded_command_runs_even_if_its_owner_is_killed_with_all_it_started(
    tmp_path: Path, wait_for: Callable[..., None]
) -> None:
    """A job's kernel is: the container that it has started must go all the same."""
    command = [sys.executable, "-c", GUARDED, str(tmp_path / "done")]
    with supervise(command, log=tmp_path / "log", name="it") as program:
        wait_for(lambda: "ready" in program.tail())
        assert program.stop(0).how == "killed"
    wait_for((tmp_path / "done").exists)


def test_a_guarded_command_runs_at_the_end_of_the_block(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), guarded(["touch", str(tmp_path / "done")]):
        assert not (tmp_path / "done").exists()
        raise ZeroDivisionError
    assert (tmp_path / "done").exists()
