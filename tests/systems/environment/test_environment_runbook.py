"""``environment/validate``: green on a good environment, red on each broken one."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from accounts import write_files

from proofbook.errors import ChecksFailed, SubjectError
from proofbook.fingerprints import fingerprint
from proofbook_subjects.environment.project import write_project

NAME = "environment/validate"
SECRET = "sk-live-77TgbQ2mYx"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


def test_the_defaults_are_green(run_cells: Callable[..., Any]):
    done = run_cells(NAME)
    assert done.error is None
    assert done.red == []
    assert done.records[-1].kind == "finish"


def test_without_a_gpu_nothing_is_asked_of_it_unless_one_is_wanted(
    run_cells: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", "/nowhere")
    done = run_cells(NAME, optional_programs=["git"])
    assert not [name for name in done.checks if name.startswith("gpu-")]
    assert done.checks["optional-program-git"].status == "skipped"
    assert done.error is None


def test_a_required_gpu_that_is_not_there_is_red(
    run_cells: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", "/nowhere")
    done = run_cells(NAME, hardware={"gpu": 1.0})
    assert done.red == ["hardware-gpu"]
    assert isinstance(done.error, ChecksFailed)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("parameters", "red"),
    [
        ({"packages": ["numpy<1"]}, ["package-numpy"]),
        ({"packages": ["absent-package"]}, ["package-absent-package"]),
        ({"optional_packages": ["numpy<1"]}, ["optional-package-numpy"]),
        ({"groups": ["gpu"]}, ["groups"]),
        ({"interpreter": "/no/such/python"}, ["interpreter"]),
        ({"programs": ["no-such-program"]}, ["program-no-such-program"]),
        ({"keys": ["NO_SUCH_KEY_AS_THIS"]}, ["key-NO_SUCH_KEY_AS_THIS"]),
        ({"folders": ["nowhere"]}, ["folder-nowhere"]),
        ({"databases": {"data/none.db": []}}, ["database-data/none.db"]),
        ({"databases": {"data/trends.db": ["clips"]}}, ["tables-data/trends.db"]),
        ({"hardware": {"memory_gb": 1e6}}, ["hardware-memory_gb"]),
        ({"folders": ["data"], "hardware": {"disk_gb": 1e9}}, ["hardware-disk_gb", "disk-data"]),
    ],
)
def test_what_is_required_and_missing_is_red(
    run_cells: Callable[..., Any], parameters: dict[str, Any], red: list[str]
):
    done = run_cells(NAME, **parameters)
    assert done.red == red
    assert isinstance(done.error, ChecksFailed)


def test_a_file_in_the_way_of_a_folder_is_red(run_cells: Callable[..., Any], project: Path):
    (project / "outputs").rmdir()
    (project / "outputs").touch()
    done = run_cells(NAME, project=str(project), folders=["outputs"])
    assert done.red == ["folder-outputs"]
    assert done.checks["folder-outputs"].actual == "not a folder"


def test_a_corrupt_database_is_red(run_cells: Callable[..., Any], project: Path):
    path = project / "data" / "metrics.db"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\x5a" * (len(data) - 4096)
    path.write_bytes(data)
    done = run_cells(NAME, project=str(project), databases={"data/metrics.db": []})
    assert "database-data/metrics.db" in done.red
    assert done.checks["database-data/metrics.db"].actual == "corrupt"


def test_a_locked_database_is_red(run_cells: Callable[..., Any], project: Path):
    with closing(sqlite3.connect(project / "data/trends.db", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        done = run_cells(NAME, project=str(project), databases={"data/trends.db": []})
    assert done.checks["database-data/trends.db"].actual == "locked"


def test_no_key_value_is_written_anywhere(
    run_cells: Callable[..., Any],
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    (project / "config" / ".env").write_text(f"OPENAI_API_KEY={SECRET}\n")
    monkeypatch.setenv("ELEVENLABS_API_KEY", f"{SECRET}-2")
    done = run_cells(NAME, project=str(project))
    assert done.error is None
    written = [p for top in (done.folder, tmp_path / "media") for p in top.rglob("*")]
    assert any(p.suffix == ".json" for p in written)
    assert not any(SECRET.encode() in p.read_bytes() for p in written if p.is_file())
    printed = capfd.readouterr()
    assert SECRET not in printed.out + printed.err


def test_a_project_that_does_not_exist_stops_with_one_line(run_cells: Callable[..., Any]):
    done = run_cells(NAME, project="/no/such/project")
    assert isinstance(done.error, SubjectError)
    assert done.records[-1].kind == "begin"


def test_a_stranger_is_judged_by_its_own_interpreter_and_nothing_is_written_into_it(
    run_cells: Callable[..., Any], tmp_path: Path, make_environment: Callable[..., Path]
):
    root = tmp_path / "stranger"
    files = {
        "requirements.txt": "torch>=99\nplain==1.0\n",
        "app.py": "import plain\nimport torch\n",
        ".env.example": "API_KEY=your-key-here\n",
        ".env": f"API_KEY={SECRET}\n",
    }
    write_files(root, files.items())
    make_environment(root / "venv", "torch 99.0", "plain 1.0")
    before = fingerprint(root), sorted(root.rglob("*"))
    done = run_cells(NAME, project=str(root))
    assert (done.error, done.red) == (None, [])
    assert done.checks["key-API_KEY"].status == "passed"
    assert (fingerprint(root), sorted(root.rglob("*"))) == before
    snapshot = json.loads((done.folder / "work" / "environment.json").read_text())
    assert snapshot["packages"] == {"plain": "1.0", "torch": "99.0"}
    assert snapshot["executable"] == str(root / "venv/bin/python")
    assert [each["status"] for each in snapshot["dependencies"]] == ["ok", "ok"]


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("files", "installed", "red"),
    [
        ({"requirements.txt": "plain==2.0\n"}, ["plain 1.0"], "declared-requirements.txt"),
        ({"requirements.txt": "plain\n"}, ["plain 1.0 plain <- absentee"], "conflicts"),
        ({"requirements.txt": "plain\n", "a.py": "import fire\n"}, ["plain 1.0"], "imports"),
        ({".env.example": "API_KEY=<key>\n", ".env": "API_KEY=<key>\n"}, [], "key-API_KEY"),
    ],
)
def test_what_is_wrong_with_a_stranger_is_red(
    run_cells: Callable[..., Any], tmp_path: Path, make_environment: Callable[..., Path],
    files: dict[str, str], installed: list[str], red: str,
):  # fmt: skip
    root = write_files(tmp_path / "stranger", files.items())
    make_environment(root / ".venv", *installed)
    assert run_cells(NAME, project=str(root)).red == [red]


@pytest.mark.exhaustive
def test_a_checkout_without_an_environment_is_red_for_that_alone(
    run_cells: Callable[..., Any], tmp_path: Path
):
    root = write_files(
        tmp_path / "stranger", [("requirements.txt", "torch\n"), ("a.py", "import b")]
    )
    done = run_cells(NAME, project=str(root))
    assert done.red == ["interpreter"]
    assert "make one, or give interpreter=" in str(done.checks["interpreter"].actual)


@pytest.mark.exhaustive
def test_a_project_without_python_has_no_interpreter_to_judge(
    run_cells: Callable[..., Any], tmp_path: Path
):
    root = write_files(tmp_path / "site", [("index.html", "<p>")])
    done = run_cells(NAME, project=str(root))
    assert (done.error, done.red) == (None, [])
    assert done.checks["optional-interpreter"].status == "skipped"


def test_a_port_in_use_is_red(run_cells: Callable[..., Any]):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = run_cells(NAME, ports=[port])
    assert done.red == [f"port-{port}"]
    assert done.checks[f"port-{port}"].actual == "in use"


def test_what_a_project_declares_can_be_left_out_and_this_interpreter_asked(
    run_cells: Callable[..., Any], tmp_path: Path
):
    files = {"requirements.txt": "absentee\n", ".env.example": "API_KEY=<key>\n"}
    root = write_files(tmp_path / "stranger", files.items())
    asked = {"interpreter": "this", "declared": False, "packages": ["numpy>1"]}
    done = run_cells(NAME, project=str(root), **asked)
    assert (done.error, done.red) == (None, [])
    assert done.checks["interpreter"].status == "passed"
    assert done.checks["package-numpy"].status == "passed"


def test_a_given_interpreter_that_is_not_there_is_red_whatever_is_asked_of_it(
    run_cells: Callable[..., Any], tmp_path: Path
):
    root = write_files(tmp_path / "site", [("index.html", "<p>")])
    for declared in (True, False):
        done = run_cells(NAME, project=str(root), interpreter="/no/such", declared=declared)
        assert done.red == ["interpreter"]
