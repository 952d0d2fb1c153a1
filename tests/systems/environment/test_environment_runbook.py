"""``environment/validate``: green on a good environment, red on each broken one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from proofbook.errors import ChecksFailed, SubjectError
from proofbook_subjects.environment.project import write_project

NAME = "environment/validate"
SECRET = "sk-live-77TgbQ2mYx"
NO_PACKAGES: dict[str, Any] = {"packages": ["python"], "optional_packages": []}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    write_project(folder)
    return folder


def test_the_defaults_are_green(run_cells: Callable[..., Any]):
    done = run_cells(NAME)
    assert done.error is None
    assert done.red == []
    assert done.records[-1].kind == "finish"


def test_without_a_gpu_its_checks_are_skipped_with_a_reason(
    run_cells: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", "/nowhere")
    done = run_cells(NAME, **NO_PACKAGES)
    assert done.checks["gpu-driver"].status == "skipped"
    assert done.checks["gpu-driver"].reason == "nvidia-smi is not on the PATH"
    assert done.checks["optional-program-git"].status == "skipped"
    assert done.error is None


def test_a_required_gpu_that_is_not_there_is_red(
    run_cells: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", "/nowhere")
    done = run_cells(NAME, **NO_PACKAGES, hardware={"gpu": 1.0})
    assert done.red == ["hardware-gpu"]
    assert isinstance(done.error, ChecksFailed)


@pytest.mark.parametrize(
    ("parameters", "red"),
    [
        ({"packages": ["numpy<1"]}, ["package-numpy"]),
        ({"packages": ["absent-package"]}, ["package-absent-package"]),
        ({"optional_packages": ["numpy<1"]}, ["optional-package-numpy"]),
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
    done = run_cells(NAME, **(NO_PACKAGES | parameters))
    assert done.red == red
    assert isinstance(done.error, ChecksFailed)


def test_a_file_in_the_way_of_a_folder_is_red(run_cells: Callable[..., Any], project: Path):
    (project / "outputs").rmdir()
    (project / "outputs").touch()
    done = run_cells(NAME, **NO_PACKAGES, project=str(project))
    assert done.red == ["folder-outputs"]
    assert done.checks["folder-outputs"].actual == "not a folder"


def test_a_corrupt_database_is_red(run_cells: Callable[..., Any], project: Path):
    path = project / "data" / "metrics.db"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\x5a" * (len(data) - 4096)
    path.write_bytes(data)
    done = run_cells(NAME, **NO_PACKAGES, project=str(project))
    assert "database-data/metrics.db" in done.red
    assert done.checks["database-data/metrics.db"].actual == "corrupt"


def test_a_locked_database_is_red(run_cells: Callable[..., Any], project: Path):
    with closing(sqlite3.connect(project / "data/trends.db", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        done = run_cells(NAME, **NO_PACKAGES, project=str(project))
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
    done = run_cells(NAME, **NO_PACKAGES, project=str(project))
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
