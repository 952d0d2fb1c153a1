"""Whether the owner of a kernel still runs is seen through a process that nobody has waited for."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from proofbook.processes.warden import _runs


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_that_was_not_waited_for_does_not_run() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 20
    while _runs(str(ended.pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert psutil.Process(ended.pid).status() == psutil.STATUS_ZOMBIE
    assert not _runs(str(ended.pid))
    ended.wait()
    assert _runs(str(os.getpid()))
    assert not _runs("")
