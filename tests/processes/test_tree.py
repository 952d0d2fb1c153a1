from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from waiting import HANG

from proofbook.processes import tree

_SUBREAPER = """
import os, subprocess, sys
from proofbook.processes import tree
tree.become_subreaper()
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
while len(tree.descendants(os.getpid())) < 5:
    pass
before = tree.descendants(os.getpid())
ended = tree.end_descendants(60, frozenset({spared.pid}))
print(sorted(before.values()).count(os.getpid()), child.pid in ended)
print(list(tree.descendants(os.getpid())) == [spared.pid])
tree.end_descendants(60)
print(tree.descendants(os.getpid()))
"""


def test_all_descendants_end_but_the_spared_ones():
    output = subprocess.run(
        [sys.executable, "-c", _SUBREAPER], capture_output=True, text=True, timeout=HANG, check=True
    ).stdout.splitlines()
    assert output == ["3 True", "True", "{}"]


def test_descendants_lists_parents_before_children():
    with subprocess.Popen(["sh", "-c", "sleep 600 & read x"], stdin=subprocess.PIPE) as shell:
        try:
            while not (children := tree.descendants(shell.pid)):
                pass
            below = tree.descendants(os.getpid())
            assert list(below).index(shell.pid) < list(below).index(next(iter(children)))
            assert below[shell.pid] == os.getpid()
        finally:
            for pid in children:
                os.kill(pid, 9)
            shell.kill()


def test_a_process_whose_parent_has_gone_ends_at_once():
    code = (
        "import os, signal; from proofbook.processes import tree;"
        "tree.die_with_parent(signal.SIGKILL, os.getppid() + 1); print('still here')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=HANG)
    assert (done.returncode, done.stdout) == (-9, b"")


def test_a_process_with_another_parent_than_expected_is_left_alone():
    with subprocess.Popen(["sh", "-c", "sleep 600 & read x"], stdin=subprocess.PIPE) as shell:
        while not (children := tree.descendants(shell.pid)):
            pass
        (sleeper,) = children
        tree._kill(sleeper, parent=1)
        assert sleeper in tree.descendants(shell.pid)
        tree._kill(sleeper, parent=shell.pid)
        while Path(f"/proc/{sleeper}/stat").read_text().split()[2] != "Z":
            pass
        shell.kill()
