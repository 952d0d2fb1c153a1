"""A program that is no healthy server is one line, and nothing of it is left."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from waiting import HANG, growing

from proofbook.errors import SubjectError
from proofbook_systems.serving import server as module
from proofbook_systems.serving.health import Health
from proofbook_systems.serving.launch import Launch
from proofbook_systems.serving.lifecycle import shut_down
from proofbook_systems.serving.ports import choose_port, is_free
from proofbook_systems.serving.server import Server

OPTIONS = (
    "--host", "{host}", "--port", "{port}", "--data-dir", "{data_dir}",
    "--parent-pid", "{parent_pid}",
)  # fmt: skip
WEB = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        {answer}
    def log_message(self, *_): pass
    def send(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

print("listening")
HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def launch(tmp_path: Path) -> Callable[..., Launch]:
    """Return a function that makes a launch of a Python script."""

    def make(code: str, **options: object) -> Launch:
        script = tmp_path / "server"
        script.write_text(f"#!{sys.executable}\n{code}")
        script.chmod(0o755)
        usual = {
            "command": (str(script), *OPTIONS), "timeout_health": HANG, "log": tmp_path / "log",
            "health": Health(expected={"status": "healthy"}), "folder_prefix": "tested-",
            "grace": HANG,
        }  # fmt: skip
        return Launch(**{**usual, **options})  # type: ignore[arg-type]

    return make


def healthy(status: str = "healthy") -> str:
    return WEB.format(answer=f"""self.send(200, "application/json", b'{{"status": "{status}"}}')""")


def test_a_healthy_server_has_a_folder_that_goes_with_it(launch, temporary: Path) -> None:  # type: ignore[no-untyped-def]
    code = "import os, sys; print(sys.argv[1:], os.environ['TMPDIR'], os.environ['EXTRA'])\n"
    with Server(launch(code + healthy(), environment={"EXTRA": "set"})) as server:
        assert server.start() == server.starts[0] > 0
        assert server.is_healthy()
        said = server.program.tail().replace("'", "")
        assert f"--host, 127.0.0.1, --port, {server.port}, --data-dir, {server.data}" in said
        assert f"--parent-pid, {os.getpid()}] {server.folder / 'tmp'} set" in said
        (server.data / "profiles.db").touch()
        processes = server.processes()
    assert not any(process.is_running() for process in processes)
    assert is_free(server.port)
    assert list(temporary.iterdir()) == []


def test_a_restart_keeps_the_data(launch) -> None:  # type: ignore[no-untyped-def]
    with Server(launch(healthy())) as server:
        server.start()
        (server.data / "profiles.db").touch()
        first = server.program.pid
        server.restart("to see")
        assert server.program.pid != first
        assert (server.data / "profiles.db").exists()
        assert (len(server.starts), server.restarts) == (2, ["to see"])


def test_kept_data_stay_and_the_rest_goes(launch, temporary: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with Server(launch(healthy(), keep_data=tmp_path / "kept" / "data")) as server:
        server.start()
        (server.data / "profiles.db").touch()
    assert list(temporary.iterdir()) == []
    assert (tmp_path / "kept" / "data" / "profiles.db").exists()


def test_variables_for_own_folders_point_into_the_folder(launch) -> None:  # type: ignore[no-untyped-def]
    with Server(launch("", own_folders={"A_MODELS": "models", "B_CACHE": "models"})) as server:
        variables = server.environment()
        assert variables["A_MODELS"] == variables["B_CACHE"] == str(server.folder / "models")


def test_a_server_without_fields_of_health_is_healthy_once_it_answers(launch) -> None:  # type: ignore[no-untyped-def]
    page = WEB.format(answer="self.send(200, 'text/html', b'<html>It works!')")
    with Server(launch(page, health=Health(path="/"))) as server:
        server.start()
        assert server.is_healthy()


def test_folders_that_nobody_uses_are_removed(launch, temporary: Path) -> None:  # type: ignore[no-untyped-def]
    for name in ("tested-abandoned", "another"):
        (temporary / name).mkdir()
    with Server(launch("")) as living:
        Server(launch("")).stop()
        left = sorted(path.name for path in temporary.iterdir())
    assert left == sorted(["another", living.folder.name])


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("print('no model'); raise SystemExit(3)",
         r"^the server exited with code 3 before it was healthy: no model$"),
        ("raise SystemExit(0)", r"^the server exited with code 0 .*: it printed nothing$"),
        ("import os; os.kill(os.getpid(), 11)", r"^the server was killed by SIGSEGV before"),
        ("import time; time.sleep(600)", r"not healthy .* s: GET /health: nothing liste"),
        (healthy("starting"),
         r"not healthy .* s: GET /health says that 'status' is 'starting', not 'healthy';"),
        (WEB.format(answer="self.send(200, 'application/json', b'{}')"),
         r"not healthy .* s: GET /health says nothing of 'status', which should be 'healthy'"),
        (WEB.format(answer="self.send(500, 'text/plain', b'oops')"),
         r"not healthy .* s: GET /health answers 500 \(text/plain: oops\)"),
        (WEB.format(answer="self.send(200, 'text/html', b'<html>It works!')"),
         r"not healthy .* s: GET /health answers something else than promised \(text/html\)"),
        (WEB.format(answer="self.wfile.close()"),
         r"not healthy .* s: GET /health: the connection broke"),
    ],
)  # fmt: skip
def test_a_server_that_is_not_well_is_one_line(  # type: ignore[no-untyped-def]
    launch, temporary: Path, code: str, problem: str
) -> None:
    for bound in growing(3.0) if "not healthy" in problem else (HANG,):
        server = Server(launch(code, timeout_health=bound, grace=1.0))
        with pytest.raises(SubjectError) as caught:
            server.start()
        assert "\n" not in str(caught.value)
        assert not psutil.pid_exists(server.program.pid)
        assert list(temporary.iterdir()) == []
        if re.search(problem, str(caught.value)):
            return
    pytest.fail(str(caught.value))


def test_a_program_that_cannot_run_is_one_line(launch, temporary: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    start = launch("")
    Path(start.command[0]).write_bytes(b"\x7fELF no program")
    with pytest.raises(
        SubjectError, match=r"^the server \S+ cannot be started: Exec format error$"
    ):
        Server(start).start()
    assert list(temporary.iterdir()) == []


def test_a_given_port_that_is_taken_is_one_line_with_its_owner(launch) -> None:  # type: ignore[no-untyped-def]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            SubjectError, match=rf"^port {port} is taken by .+ \(process {os.getpid()}\); "
        ):
            Server(launch(healthy(), port=port)).start()


def test_a_picked_port_that_someone_takes_first_is_picked_again(  # type: ignore[no-untyped-def]
    launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        picks = [taken.getsockname()[1], choose_port()]
        monkeypatch.setattr(module, "choose_port", lambda *_: picks.pop(0))
        with Server(launch(healthy())) as server:
            server.start()
            assert picks == []
            assert server.is_healthy()


DIES_ON_ITS_DATA = """
import sys, os
from pathlib import Path
data = Path(sys.argv[sys.argv.index("--data-dir") + 1])
if (data / "spoilt").exists(): sys.exit("the database is malformed")
"""


def test_a_server_that_does_not_start_on_its_own_data_gets_none_and_that_is_told(launch) -> None:  # type: ignore[no-untyped-def]
    with Server(launch(DIES_ON_ITS_DATA + healthy())) as server:
        server.start()
        first = server.data
        (first / "spoilt").touch()
        server.restart("to see")
        assert server.is_healthy()
        assert server.data != first
        (told,) = server.failed_restarts
        assert told == (
            "to see: the server exited with code 1 before it was healthy: the database is malformed"
        )


def test_a_restart_that_fails_can_be_tried_again(launch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    gone = tmp_path / "gone"
    code = f"import sys\nfrom pathlib import Path\nif Path({str(gone)!r}).exists(): sys.exit(9)\n"
    with Server(launch(code + healthy())) as server:
        server.start()
        gone.touch()
        with pytest.raises(SubjectError, match="exited with code 9 before it was healthy"):
            server.restart("once")
        gone.unlink()
        server.restart("again")
        assert server.is_healthy()


def test_a_server_that_is_not_healthy_is_started_once(launch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    starts = tmp_path / "starts"
    code = f"open({str(starts)!r}, 'a').write('x')\n" + healthy("starting")
    for bound in growing(1.0):
        with pytest.raises(SubjectError, match=f"not healthy after {bound:g} s"):
            Server(launch(code, timeout_health=bound)).start()
        if starts.exists():
            break
    assert starts.read_text() == "x"


def test_a_frozen_server_is_told_from_one_that_answers(  # type: ignore[no-untyped-def]
    launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FREEZE_SECONDS", HANG)
    with Server(launch(healthy(), grace=0.2)) as server:
        server.start()
        assert server.find_freeze() == ""
        monkeypatch.setattr(module, "_FREEZE_SECONDS", 0.3)
        os.kill(server.program.pid, signal.SIGSTOP)
        found = server.find_freeze()
    assert re.match(
        r"GET /health: no answer within 0\.3 s; it computed 0\.0 s in \d+\.\d s$", found
    )


def test_a_child_that_is_left_running_is_named(  # type: ignore[no-untyped-def]
    launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LINGER", 0.2)
    code = "import subprocess\nsubprocess.Popen(['sleep', '300'], start_new_session=True)\n"
    with Server(launch(code + healthy())) as server:
        server.start()
        shutdown = shut_down(server)
    assert shutdown.faults == ()
    (left,) = shutdown.left
    assert re.match(r"process \d+ sleep, which the server had started and left running$", left)


def test_a_child_that_ends_a_moment_later_is_not_left(  # type: ignore[no-untyped-def]
    launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LINGER", HANG)
    code = """import os, subprocess, sys
reader, writer = os.pipe()
subprocess.Popen([sys.executable, '-S', '-c', 'import os; os.read(%d, 1)' % reader],
                 pass_fds=[reader], start_new_session=True)
"""
    with Server(launch(code + healthy())) as server:
        server.start()
        assert shut_down(server).left == ()
