from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from live_kernels import HANG, UNTIL_ASKED, run_cell, wait_for, wait_gone

from proofbook.errors import ForkserverError, ForkserverLateError
from proofbook.kernels import ownership, shared_forkserver
from proofbook.kernels.ownership import start_forkserver
from proofbook.kernels.status import ask

pytestmark = pytest.mark.slow


def test_a_forkserver_describes_itself(own_forkserver):
    status = own_forkserver.describe()
    assert status.pid == own_forkserver.pid
    assert status.python == sys.executable
    assert status.threads == ["pb-forkserver"]
    assert status.seconds["ipykernel.kernelapp"] > 0
    assert status.pss > 1e6
    assert (status.kernels, status.served, status.warnings) == (0, 0, [])
    assert status.differing == []


def test_nobody_else_can_reach_the_socket(own_forkserver):
    assert own_forkserver.socket.stat().st_mode & 0o777 == 0o600
    assert own_forkserver.socket.parent.stat().st_mode & 0o777 == 0o700


def test_nonsense_on_the_socket_harms_nobody(own_forkserver):
    import socket

    for line in (b"nonsense\n", b'{"op": "launch"}\n', b'{"op": "unknown"}\n', b""):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(own_forkserver.socket))
            client.sendall(line)
            client.shutdown(socket.SHUT_WR)
            assert client.recv(100) == b""
    with pytest.raises(ForkserverError, match="ended"):
        ask(own_forkserver.socket, "unknown", 5)
    assert own_forkserver.describe().usable


def test_leaving_the_context_ends_the_forkserver_and_removes_its_folder():
    with start_forkserver([], bare=True) as started:
        started.wait_ready()
    assert wait_gone([started.pid]) == []
    assert not started.socket.parent.exists()
    started.close()


def test_a_forkserver_that_ends_while_importing_is_told(tmp_path, monkeypatch):
    (tmp_path / "pb_ends.py").write_text("import os; os.write(2, b'bye'); os._exit(5)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with (
        start_forkserver(["pb_ends"], bare=True) as started,
        pytest.raises(ForkserverError, match=r"code 5: .*bye"),
    ):
        started.wait_ready()


def test_waiting_for_a_slow_forkserver_ends_in_time(tmp_path, monkeypatch):
    (tmp_path / "pb_sleeps.py").write_text("import time; time.sleep(600)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with start_forkserver(["pb_sleeps"], bare=True) as started:
        for timeout in (0.0, 1.0):
            with pytest.raises(ForkserverError, match=f"in {timeout:g} s"):
                started.wait_ready(timeout)
    assert started._process.returncode == 0, "it ended when its owner let go, and was not killed"


_OWNER = """
import sys, time
from proofbook.kernels.ownership import start_forkserver
started = start_forkserver(sys.argv[2:], bare=True)
if sys.argv[1] == "ready":
    started.wait_ready()
while not started.socket.exists():
    pass
print(started.pid, started.socket, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("moment", ["ready", "importing"])
def test_a_forkserver_ends_with_its_killed_owner(moment, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "pb_sleeps.py").write_text("import time; time.sleep(600)")
    preload = ["pb_sleeps"] if moment == "importing" else []
    with subprocess.Popen(
        [sys.executable, "-c", _OWNER, moment, *preload],
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        pid, socket = owner.stdout.readline().split()
        owner.kill()
    assert wait_gone([int(pid)]) == []
    wait_for(lambda: not Path(socket).parent.exists())


def test_a_forkserver_holds_no_pipe_of_its_caller():
    code = (
        "from proofbook.kernels.ownership import start_forkserver; import os, time\n"
        "started = start_forkserver([], bare=True); started.wait_ready()\n"
        "print(started.pid, flush=True); os.close(1); os.close(2); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as owner:
        assert owner.stdout.read().strip().isdigit()
        owner.kill()


def test_without_wardens_no_forkserver_is_started(monkeypatch):
    monkeypatch.setattr(ownership.tree, "SUPPORTED", False)
    with pytest.raises(ForkserverError, match="Linux"):
        start_forkserver([])


@pytest.mark.exhaustive
def test_the_shared_forkserver_is_kept_while_it_fits_and_ends_when_told(tmp_path, monkeypatch):
    (tmp_path / "pb_shared.py").write_text("value = 1")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    assert shared_forkserver.shared_status() is None
    assert shared_forkserver.stop_shared() is False
    first = shared_forkserver.start_shared(["pb_shared"], bare=True)
    try:
        assert first.idle == shared_forkserver.IDLE_SECONDS
        assert shared_forkserver.start_shared([], bare=True).pid == first.pid
        code = "import os; print(open(f'/proc/{os.getpid()}/comm').read())"
        assert run_cell(None, code, env={"PROOFBOOK_FORKSERVER": ""}).text.strip() == "pb-kernel"
        wider = shared_forkserver.start_shared(["pb_shared", "json"], bare=True)
        assert wider.pid != first.pid
        assert wait_gone([first.pid]) == []
        (tmp_path / "pb_shared.py").write_text("value = 22")
        assert shared_forkserver.start_shared(["pb_shared"], bare=True).pid != wider.pid
    finally:
        pid = shared_forkserver.shared_status(HANG).pid
        assert shared_forkserver.stop_shared() is True
    assert wait_gone([pid]) == []
    assert shared_forkserver.shared_status() is None


def test_the_shared_forkserver_ends_when_idle():
    started = shared_forkserver.start_shared([], idle=0.1, bare=True)
    assert wait_gone([started.pid]) == []
    assert not shared_forkserver.shared_socket().exists()


def test_a_forkserver_is_not_idle_while_a_kernel_runs(runtime, tmp_path, monkeypatch):
    (tmp_path / "pb_until_asked.py").write_text(UNTIL_ASKED)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    path = runtime / "idle"
    command = [*ownership.forkserver_command(path, ["pb_until_asked"], bare=True), "--idle", "0.1"]
    with subprocess.Popen(command, start_new_session=True) as process:
        wait_for(path.exists)
        env = {"PROOFBOOK_FORKSERVER": str(path)}
        code = "import os, time; time.sleep(1); print(open(f'/proc/{os.getpid()}/comm').read())"
        assert run_cell(None, code, env=env).text.strip() == "pb-kernel"
        assert process.wait(HANG) == 0, "it ends once the kernel has"


def test_a_socket_that_a_killed_forkserver_left_is_replaced():
    first = shared_forkserver.start_shared([], bare=True)
    psutil.Process(first.pid).kill()
    wait_gone([first.pid])
    assert shared_forkserver.shared_socket().exists()
    assert shared_forkserver.shared_status() is None
    assert shared_forkserver.start_shared([], bare=True).pid != first.pid
    assert shared_forkserver.stop_shared() is True


@pytest.fixture
def deaf_listener() -> Iterator[Path]:
    """A listener in the shared forkserver's place that never answers: it might be importing."""
    path = shared_forkserver.shared_socket()
    assert path is not None
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield path
    path.unlink(missing_ok=True)


def test_a_shared_forkserver_that_is_late_is_not_taken_for_none(deaf_listener):
    for asks in (shared_forkserver.shared_status, shared_forkserver.stop_shared):
        with pytest.raises(ForkserverLateError, match=r"not answered in 0\.05 s; it may be impo"):
            asks(0.05)
    assert deaf_listener.exists(), "whoever listens can still be stopped"


def test_a_shared_forkserver_that_never_answers_is_replaced(deaf_listener, monkeypatch):
    def late(timeout):
        raise ForkserverLateError("late")

    with monkeypatch.context() as patch:
        patch.setattr(shared_forkserver, "shared_status", late)
        started = shared_forkserver.start_shared([], bare=True)
    try:
        assert shared_forkserver.shared_status(HANG).pid == started.pid
    finally:
        assert shared_forkserver.stop_shared() is True
