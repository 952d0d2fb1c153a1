"""A report says how many values were replaced, and where."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest
from sample_run import GOOD, build_small

from proofbook.report import load_run, redactions, write_report
from proofbook.report.redactions import say_redactions
from proofbook.runs.folder import RunFolder

MARK = "[redacted:HF_TOKEN]"


def _replaced(run: RunFolder) -> None:
    job = run.job(GOOD.id)
    job.log.write_text(f"{MARK} and {MARK}\n[redacted:GitHub token]\nno [redacted] mark\n")
    job.records.write_text(job.records.read_text().replace("no file, no proof", MARK))


def test_every_form_of_a_report_says_what_was_replaced_where(tmp_path: Path) -> None:
    run = build_small(tmp_path, _replaced)
    write_report(run)
    sentence = say_redactions(load_run(run))
    assert sentence == (
        "4 values were replaced, as secrets are never written: "
        f"2 in output.log of {GOOD.id} (HF_TOKEN), 1 in output.log of {GOOD.id} (GitHub token), "
        f"1 in records.jsonl of {GOOD.id} (HF_TOKEN)."
    )
    assert sentence in (run.report / "index.html").read_text()
    assert "4 values were replaced" in (run.report / "report.md").read_text()
    job = json.loads((run.report / "report.json").read_text())["jobs"][0]
    assert job["redacted"]["output.log"] == {"HF_TOKEN": 2, "GitHub token": 1}


@pytest.mark.parametrize("size", [7, 113, 120, 4096])
def test_marks_are_counted_once_wherever_a_file_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(redactions, "_PIECE", size)
    longest = f"[redacted:{'N' * 100}]"
    path = tmp_path / "output.log"
    path.write_text(f"{longest * 9}{MARK * 50}{'x' * 99}{MARK}\n[redacted:{'N' * 101}] [redacted:")
    counts = redactions._count(path, 1, size)
    assert counts == {"N" * 100: 9, "HF_TOKEN": 51}


def test_of_a_log_that_claims_to_be_huge_the_ends_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redactions, "_PIECE", 100)
    monkeypatch.setattr(redactions, "_LONGEST", 1000)
    path = tmp_path / "output.log"
    path.write_text(MARK * 3 + "x" * 440 + MARK * 100)
    size = path.stat().st_size
    assert redactions._count(path, size, 1) == {"HF_TOKEN": 3 + 500 // len(MARK)}
    path.write_text(MARK + "x" * (1000 - len(MARK)))
    assert redactions._count(path, 1000, 1) == {"HF_TOKEN": 1}
    assert [redactions._called("output.log", size) for size in (1000, 1001)] == [
        "output.log", "output.log (first and last 0 MB)",
    ]  # fmt: skip


def test_a_log_of_any_size_is_counted_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "output.log"
    path.write_text(MARK)
    with path.open("ab") as file:
        file.truncate(64 * 1024 * 1024)
    tracemalloc.start()
    try:
        assert redactions._count(path, 1, 1) == {"HF_TOKEN": 1}
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_log_that_grows_is_counted_again(tmp_path: Path) -> None:
    run = build_small(tmp_path, _replaced)
    load_run(run)
    log = run.job(GOOD.id).log
    log.write_text(log.read_text() + MARK)
    assert load_run(run).jobs[0].redacted["output.log"]["HF_TOKEN"] == 3


def test_nothing_is_said_where_nothing_was_replaced(tmp_path: Path) -> None:
    run = build_small(tmp_path)
    assert say_redactions(load_run(run)) == ""
    write_report(run)
    assert "replaced" not in (run.report / "report.md").read_text()
