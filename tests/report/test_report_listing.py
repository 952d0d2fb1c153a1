"""Runs are listed with what their files support, and one that cannot be read blocks nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sample_run import build_run
from unprivileged import without_rights

from proofbook.report import load_run
from proofbook.report.listing import print_runs
from proofbook.report.wording import say_state
from proofbook.runs.folder import RunFolder


@pytest.fixture
def outputs(sample: RunFolder, tmp_path: Path) -> Path:
    """Three runs; the one in the middle cannot be read."""
    for name in ("20260101-a", "20260103-c"):
        shutil.copytree(sample.path, tmp_path / name)
    (tmp_path / "20260102-b").mkdir()
    (tmp_path / "20260102-b" / "run.json").write_text("{")
    return tmp_path


def test_the_newest_run_comes_first(
    outputs: Path, sample: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    print_runs(outputs, 20)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["20260103-c", "20260102-b", "20260101-a"]
    summary = load_run(sample)
    assert lines[0].split()[1] == summary.verdict
    for status, number in summary.counts.items():
        assert f"{number} {say_state(status)}" in lines[0]
    assert f"  {len(summary.jobs)} jobs: 1 crashed, " in lines[0]
    assert lines[1].split()[1] == "unreadable" and "run.json cannot be read" in lines[1]


@pytest.mark.parametrize(("place", "mode"), [("", 0o000), ("", 0o600), ("run.json", 0o000)])
def test_a_run_that_nobody_may_read_is_a_line_of_its_own(
    place: str, mode: int, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with without_rights(outputs / "20260101-a" / place, mode):
        print_runs(outputs, 20)
    *others, line = capsys.readouterr().out.splitlines()
    assert len(others) == 2
    assert line.split()[:2] == ["20260101-a", "unreadable"]
    assert "Permission denied" in line


@pytest.mark.parametrize(("place", "mode"), [("jobs", 0), ("jobs", 0o600), ("media", 0)])
def test_what_nobody_may_read_of_a_run_makes_it_incomplete(
    place: str, mode: int, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with without_rights(outputs / "20260103-c" / place, mode):
        print_runs(outputs, 1)
    line = capsys.readouterr().out.splitlines()[0]
    assert "incomplete" in line


@pytest.mark.exhaustive
def test_a_verdict_is_never_greener_than_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = build_run(tmp_path)
    info = run.read_info()
    run.write_info(info.model_copy(update={"verdict": "passed"}))
    print_runs(tmp_path, 20)
    assert capsys.readouterr().out.split()[1] not in ("passed", "unreviewed", "waived")


def test_the_rest_is_counted(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_runs(outputs, 1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("20260103-c") and lines[1].startswith("and 2 older runs;")


def test_no_runs_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_runs(tmp_path / "gone", 20)
    assert capsys.readouterr().out == f"no runs in {tmp_path / 'gone'}\n"
