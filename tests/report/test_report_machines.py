"""Where each job ran is told of a run on more than one machine, and of no other."""

from __future__ import annotations

from datetime import timedelta

from reviewed_run import START, run

from proofbook.records import Node, Resumption
from proofbook.report import load_run
from proofbook.report.history import History
from proofbook.report.markdown import render_markdown
from proofbook.report.page import render_page
from proofbook.runs.folder import RunFolder

__all__ = ["run"]


def on(run: RunFolder, job: str, name: str) -> None:
    outcome = run.job(job).read_outcome()
    assert outcome is not None
    run.job(job).write_outcome(outcome.model_copy(update={"node": Node(name=name)}))


def machines(run: RunFolder) -> dict[str, str]:
    return {job.id: job.machine for job in load_run(run).jobs}


def test_each_job_of_a_run_on_two_machines_names_its_own(run: RunFolder) -> None:
    for job, name in (("clip", "a (1f)"), ("scored", "b|<b>"), ("looks", "b|<b>")):
        on(run, job, name)
    assert machines(run) == {"clip": "a (1f)", "scored": "b|<b>", "looks": "b|<b>"}
    summary = load_run(run)
    text = render_markdown(summary, History())
    assert "- a \\(1f\\): 1 job, clip\n" in text
    assert "### Machines" in text
    page = render_page(summary, run.media, History())
    assert "on a (1f)" in page
    assert "<b>" not in page.partition("on b|")[2][:20]


def test_a_run_on_one_machine_says_nothing_of_it(run: RunFolder) -> None:
    run.write_info(run.read_info().model_copy(update={"machine": "a"}))
    assert set(machines(run).values()) == {""}
    for job in ("clip", "scored", "looks"):
        on(run, job, "b (1f)")
    assert set(machines(run).values()) == {""}
    assert "Machines" not in render_markdown(load_run(run), History())


def test_what_ran_after_a_run_was_resumed_elsewhere_ran_there(run: RunFolder) -> None:
    outcome = run.job("looks").read_outcome()
    assert outcome is not None
    later = START + timedelta(hours=1)
    run.job("looks").write_outcome(outcome.model_copy(update={"started": later}))
    again = Resumption(time=START + timedelta(minutes=1), machine="b")
    info = run.read_info().model_copy(update={"machine": "a", "resumed": (again,)})
    run.write_info(info)
    assert machines(run) == {"clip": "a", "scored": "a", "looks": "b"}
