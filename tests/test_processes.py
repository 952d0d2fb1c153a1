from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from proofbook import processes

_KEEPER = """
import os, subprocess, sys
from proofbook import processes
processes.become_subreaper()
spared = subprocess.Popen(["sleep", "600"])
child = subprocess.Popen(["sh", "-c", "sleep 600 & sleep 600"])
lost = subprocess.Popen([sys.executable, "-c", '''
import os
os.setsid()
if os.fork():
    os._exit(0)
os.execvp("sleep", ["sleep", "600"])
'''])
lost.wait()
while len(processes.descendants(os.getpid())) < 5:
    pass
before = processes.descendants(os.getpid())
ended = processes.end_descendants(5, frozenset({spared.pid}))
print(sorted(before.values()).count(os.getpid()), child.pid in ended)
print(list(processes.descendants(os.getpid())) == [spared.pid])
processes.end_descendants(5)
print(processes.descendants(os.getpid()))
"""


def test_all_descendants_end_but_the_spared_ones():
    output = subprocess.run(
        [sys.executable, "-c", _KEEPER], capture_output=True, text=True, timeout=30, check=True
    ).stdout.splitlines()
    assert output == ["3 True", "True", "{}"]


def test_descendants_lists_parents_before_children():
    with subprocess.Popen(["sh", "-c", "sleep 600 & read x"], stdin=subprocess.PIPE) as shell:
        try:
            while len(found := processes.descendants(shell.pid)) < 1:
                pass
            tree = processes.descendants(os.getpid())
            assert list(tree).index(shell.pid) < list(tree).index(next(iter(found)))
            assert tree[shell.pid] == os.getpid()
        finally:
            for pid in found:
                os.kill(pid, 9)
            shell.kill()


def test_shared_pages_count_once_in_own_memory():
    pids = {os.getpid()}
    assert 1e6 < processes.own_memory(pids) <= processes.resident_memory(pids)
    assert processes.resident_memory({2**22 + 1}) == processes.own_memory({2**22 + 1}) == 0


def test_a_process_whose_parent_has_gone_ends_at_once():
    code = (
        "import os, signal; from proofbook import processes;"
        "processes.die_with_parent(signal.SIGKILL, os.getppid() + 1); print('still here')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30)
    assert (done.returncode, done.stdout) == (-9, b"")


def test_a_process_with_another_parent_than_expected_is_left_alone():
    with subprocess.Popen(["sh", "-c", "sleep 600 & read x"], stdin=subprocess.PIPE) as shell:
        while not (found := processes.descendants(shell.pid)):
            pass
        (sleeper,) = found
        processes._kill(sleeper, parent=1)
        assert sleeper in processes.descendants(shell.pid)
        processes._kill(sleeper, parent=shell.pid)
        while Path(f"/proc/{sleeper}/stat").read_text().split()[2] != "Z":
            pass
        shell.kill()
