"""The runbook is green on a sound server, and each of its checks goes red on a broken one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from waiting import HANG, wait_for

from proofbook.errors import SubjectError

pytestmark = pytest.mark.slow

RUNBOOK = "ttsserver/binary_e2e"

WRAPPER = """
import os, signal, socket, subprocess, sys
words = sys.argv[1:]
port = int(words[words.index("--port") + 1])
parent = words.index("--parent-pid") + 1
{code}
os.execv({binary!r}, [{binary!r}, *words])
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def run(run_cells: Callable[..., Any], frozen_server: Path, temporary: Path) -> Callable[..., Any]:
    """Return a function that runs the runbook, by default with one row."""

    def go(*args: object, **parameters: object) -> Any:
        found = run_cells(RUNBOOK, *args, **{"only": ["kokoro"], "text": "One.", **parameters})
        found.names["server"].stop()
        return found

    return go


def wrapped(tmp_path: Path, binary: Path, code: str) -> str:
    script = tmp_path / "wrapper"
    text = WRAPPER.format(code=code, binary=str(binary))
    script.write_text(f"#!{sys.executable}{text}")
    script.chmod(0o755)
    return str(script)


def test_it_is_green_and_leaves_its_results(run: Callable[..., Any], temporary: Path) -> None:
    found = run()
    assert found.error is None
    assert found.red == []
    assert len(found.checks) == 18
    assert list(temporary.iterdir()) == []
    (document,) = (found.folder / "work").glob("e2e-*.json")
    (row,) = json.loads(document.read_text())["results"]
    assert (row["engine"], row["status"]) == ("kokoro", "passed")
    assert Path(row["audio_path"]).is_file()
    metrics = {record.name for record in found.records if record.kind == "metric"}
    assert metrics >= {
        "binary_size", "cold_start", "elapsed", "memory_after_row", "memory_peak", "memory_after",
        "time_to_first_audio", "parent_death_seconds", "server_restarts"}  # fmt: skip
    questions = [record.name for record in found.records if record.kind == "question"]
    assert questions == ["kokoro-sounds-right"]


@pytest.mark.exhaustive
def test_a_row_that_cannot_be_heard_is_red(run: Callable[..., Any]) -> None:
    found = run(environment={"VOICEBOX_FAULTS": "kokoro=silent"})
    assert found.red == ["kokoro-speaks"]
    assert "silent" in str(found.checks["kokoro-speaks"].actual)


@pytest.mark.exhaustive
def test_a_row_that_needs_a_fresh_server_is_red(run: Callable[..., Any]) -> None:
    found = run(
        only=["luxtts", "kokoro"], timeout_download=12.0,
        environment={"VOICEBOX_FAULTS": "luxtts=backlog:60"},
    )  # fmt: skip
    assert found.red == ["each-row-alone"]
    (paid,) = found.checks["each-row-alone"].actual
    assert paid.startswith("kokoro: no result within 12 s")


@pytest.mark.exhaustive
def test_a_row_that_is_left_out_is_red(run: Callable[..., Any]) -> None:
    def forget(names: dict[str, Any]) -> None:
        names["results"].clear()

    found = run({"rows": forget})
    assert "every-row-ran" in found.red


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("code", "red"),
    [
        # The port is asked for as the server does, since the first one has it by then.
        ("if socket.socket().connect_ex(('127.0.0.1', port)) == 0: sys.exit(0)",
         ["second-start-fails", "second-start-says-why"]),
        ("if socket.socket().connect_ex(('127.0.0.1', port)) == 0: signal.pause()",
         ["second-start-ends", "second-start-fails", "second-start-says-why"]),
        ("words[parent] = '1'", ["ends-with-parent", "port-free-without-parent"]),
        ("asked = []; signal.signal(signal.SIGTERM, lambda *_: asked.append(1)); "
         "code = subprocess.call(['" + "{binary}" + "', *words])\n"
         "while asked: signal.pause()\n"
         "sys.exit(code)", ["ends-when-asked"]),
    ],
    ids=["quiet-second", "lingering-second", "orphan", "stubborn"],
)  # fmt: skip
def test_a_server_that_misbehaves_is_red(
    run: Callable[..., Any], tmp_path: Path, frozen_server: Path, code: str, red: list[str]
) -> None:
    binary = wrapped(tmp_path, frozen_server, code.replace("{binary}", str(frozen_server)))
    # What never ends is waited for in vain; everything else gets the time that it needs.
    bound = 2.0 if "ends-with-parent" in red else HANG
    health = 20.0 if "second-start-ends" in red else HANG
    shutdown = 0.2 if red == ["ends-when-asked"] else HANG
    found = run(
        binary=binary, parent_death_bound=bound, timeout_health=health, shutdown_bound=shutdown
    )
    assert found.red == red


@pytest.mark.exhaustive
def test_what_is_left_over_is_red(run: Callable[..., Any]) -> None:
    def forget_to_stop(names: dict[str, Any]) -> None:
        from proofbook.processes import Ending

        names["server"].stop = lambda: Ending("terminated", 0, ())
        names["server"].program.send_signal = lambda _: None

    found = run({"parent-death": forget_to_stop}, shutdown_bound=0.5)
    del found.names["server"].stop
    found.names["server"].stop()
    assert found.red == ["ends-when-asked", "nothing-left", "port-free", "data-folder"]


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"only": ["kokorro"]}, "only: no engine 'kokorro' in the matrix; did you mean kokoro?"),
        ({"reference_wav": "gone.wav"}, "reference_wav gone.wav does not exist"),
        ({"binary": "gone"}, "binary gone does not exist; give the server's program"),
        ({"project": "reference:other"}, "there is no reference:other for ttsserver.project; take"),
        ({"project": "gone"}, "project gone does not exist"),
    ],
)
def test_bad_input_is_one_line_and_starts_nothing(
    run_cells: Callable[..., Any], temporary: Path, parameters: dict[str, Any], problem: str
) -> None:
    found = run_cells(RUNBOOK, **parameters)
    assert isinstance(found.error, SubjectError)
    assert str(found.error).startswith(problem)
    assert "server" not in found.names
    assert list(temporary.iterdir()) == []


OWNER = """
import sys, time
from pathlib import Path
import psutil
from proofbook_systems.ttsserver.contract_files import load_contract
from proofbook_systems.ttsserver.server import SpeechServer, speech_launch
contract = load_contract("voicebox")
server = SpeechServer(
    speech_launch(contract, Path(sys.argv[1]), log=Path(sys.argv[2]), timeout_health=600), contract)
server.start()
warden = psutil.Process(server.program.pid).ppid()
print(server.port, warden, *[p.pid for p in server.processes()], flush=True)
time.sleep(600)
"""


@pytest.mark.exhaustive
@pytest.mark.parametrize("victim", ["owner", "warden", "bootloader", "server"])
def test_whoever_is_killed_nothing_is_left(
    frozen_server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: str
) -> None:
    from proofbook_systems.serving.ports import wait_free

    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(frozen_server), str(tmp_path / "log")],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert owner.stdout is not None
    port, *pids = map(int, owner.stdout.readline().split())
    victims = dict(zip(["warden", "bootloader", "server"], pids, strict=True))
    psutil.Process({"owner": owner.pid, **victims}[victim]).send_signal(signal.SIGKILL)
    if victim != "owner":
        assert wait_free(port, HANG)
        owner.terminate()
    owner.wait(HANG)
    wait_for(lambda: not any(map(psutil.pid_exists, pids)) and not any(temporary.iterdir()))
    assert wait_free(port, HANG)


@pytest.mark.exhaustive
def test_data_that_are_to_be_kept_lie_beside_the_results(run: Callable[..., Any]) -> None:
    found = run(keep_data_dir=True)
    assert found.red == []
    assert (found.folder / "work" / "data" / "voicebox.db").is_file()
