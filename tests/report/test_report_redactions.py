"""A report says how many values were replaced, and where."""

from __future__ import annotations

import json
from pathlib import Path

from sample_run import GOOD, build_small

from proofbook.report import load_run, write_report
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
