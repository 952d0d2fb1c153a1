"""A command that goes on in a child: it ends as the child does, unless that was ended for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from waiting import HANG, wait_for

PROGRAM = """
import os, signal, sys, time
from proofbook.processes.monitored import go_on_monitored

def cut_off(code):
    print("cut off with", code, flush=True)
    return 42

go_on_monitored(cut_off)
"""
WAIT = """
def stop(*_):
    os.write(1, b"told\\n")  # print may have been interrupted in the middle
    sys.exit(7)
signal.signal(signal.SIGTERM, stop)
print(os.getpid(), flush=True)
time.sleep(600)
"""


@contextmanager
def started(rest: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM + rest], stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        yield process
        process.kill()


@pytest.mark.parametrize(
    ("rest", "code", "said"),
    [
        ("print('done')", 0, "done\n"),
        ("sys.exit(1)", 1, ""),
        ("sys.exit(130)", 130, ""),
        ("raise ValueError", 1, ""),
        ("os._exit(1)", 42, "cut off with 1\n"),
        ("os._exit(0)", 42, "cut off with 0\n"),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM, ""),
    ],
)
def test_it_ends_as_its_child_does_unless_that_was_ended_for_it(
    rest: str, code: int, said: str
) -> None:
    with started(rest) as process:
        assert process.communicate(timeout=HANG)[0] == said
    assert process.returncode == code


def test_what_is_sent_to_it_reaches_its_child() -> None:
    with started(WAIT) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) != process.pid
        process.terminate()
        assert process.communicate(timeout=HANG)[0] == "told\n"
    assert process.returncode == 7


def test_what_is_typed_at_its_terminal_reaches_its_child_once() -> None:
    rest = (
        "count = []\nsignal.signal(signal.SIGINT, lambda *_: count.append(1))\n"
        "print('ready', flush=True)\n"
        "while not count: time.sleep(0.05)\n"
        "time.sleep(0.5)\nprint(len(count), flush=True)"
    )
    pid, terminal = os.forkpty()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", PROGRAM + rest])
    with os.fdopen(terminal, "r+b", buffering=0) as both:
        assert both.readline().strip() == b"ready"
        both.write(b"\x03")
        told = both.readline().replace(b"^C", b"").strip()
    os.waitpid(pid, 0)
    assert told == b"1"


def test_its_child_ends_where_it_is_killed() -> None:
    with started(WAIT) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        process.kill()
        wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
