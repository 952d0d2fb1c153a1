"""Outputs, and the parameters that name them, are shown as planned and as they became."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sample_run import START, check, planned, write_outcome, write_records

from proofbook.records import Output, PathContent, RunInfo
from proofbook.report import load_run, write_report
from proofbook.report.markdown import render_markdown
from proofbook.runs.folder import RunFolder

EXPRESSION = "${{ jobs.train.outputs.model }}"
MAKER = planned("train")
TAKER = planned("use", needs=("train",), parameters={"model": EXPRESSION, "seed": EXPRESSION})


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run in which one job has left a folder and a value, and another one took them."""
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    content = PathContent(form="folder", sha256="0123456789ab" + "0" * 52, size=1_230_000)
    model = Output(name="model", value="/runs/a|<b>/model", content=content)
    records = [check("one", actual=True), model, Output(name="best", value={"step": [7]})]
    write_records(folder, MAKER.id, records, whole=True)
    write_outcome(folder, MAKER, "passed", 0, 2)
    write_records(folder, TAKER.id, [check("one", actual=True)], whole=True)
    resolved = {"model": "/runs/model", "seed": 7.0}
    write_outcome(folder, TAKER, "passed", 2, 2, resolved=resolved)
    info = RunInfo(
        run_id="run",
        profile="tiny",
        plan=(MAKER, TAKER),
        verdict="passed",
        started=START,
        ended=START + timedelta(seconds=4),
    )
    folder.write_info(info)
    return folder


def test_a_parameter_is_shown_as_planned_and_as_the_notebook_got_it(run: RunFolder) -> None:
    write_report(run)
    job = json.loads((run.report / "report.json").read_text())["jobs"][1]
    assert job["outcome"] == "passed"
    assert job["named"] == {"model": EXPRESSION, "seed": EXPRESSION}
    # What the notebook recorded comes before what it was given: an int is not made a float.
    assert job["parameters"] == {"model": "/runs/model", "seed": 7, "device": "cpu"}
    page = (run.report / "index.html").read_text()
    assert f"<dd>/runs/model <small>from {EXPRESSION}</small></dd>" in page


def test_outputs_are_shown_in_every_form(run: RunFolder) -> None:
    write_report(run)
    job = json.loads((run.report / "report.json").read_text())["jobs"][0]
    assert [output["name"] for output in job["outputs"]] == ["model", "best"]
    assert job["outputs"][0]["content"]["size"] == 1_230_000
    page = (run.report / "index.html").read_text()
    assert "/runs/a|&lt;b&gt;/model <small>folder, 1.23 MB, sha256 0123456789ab</small>" in page
    text = (run.report / "report.md").read_text()
    assert "| train | model | /runs/a\\|&lt;b&gt;/model |" in text
    assert '| train | best | \\{"step": \\[7\\]\\} |' in text


def test_a_job_without_outputs_shows_none(run: RunFolder) -> None:
    (run.job(MAKER.id).records).unlink()
    summary = load_run(run)
    assert [job.outputs for job in summary.jobs] == [(), ()]
    assert "Outputs" not in render_markdown(summary)


def test_markdown_of_very_many_outputs_stays_short(run: RunFolder) -> None:
    summary = load_run(run)
    many = tuple(Output(name=f"output-{n}", value=n) for n in range(60))
    jobs = (summary.jobs[0].model_copy(update={"outputs": many}),)
    text = render_markdown(summary.model_copy(update={"jobs": jobs}))
    assert text.count("| output\\-") == 50
    assert "… and 10 more outputs." in text
