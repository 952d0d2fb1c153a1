"""The progress shows each job with its cell, and how it ended."""

from __future__ import annotations

import io

from rich.console import Console

from proofbook.records import Outcome, OutcomeStatus, PlannedJob, RunInfo, now
from proofbook.runner.events import CellStarted, JobEnded, JobStarted, Note
from proofbook.runner.progress import Progress


def info(*names: str) -> RunInfo:
    plan = tuple(PlannedJob(id=name, runbook="demo/one", timeout=1) for name in names)
    return RunInfo(run_id="r1", profile="tiny", plan=plan)


def outcome(job: str, status: OutcomeStatus = "passed", cause: str = "") -> Outcome:
    return Outcome(
        job=job, runbook="demo/one", status=status, cause=cause, started=now(), ended=now()
    )


def follow(console: Console) -> None:
    progress = Progress(console, {"b": 7.0})
    with progress.showing(info("a", "b", "c"), {"c": outcome("c")}):
        for event in (
            Note(text="importing"),
            JobStarted(job="a"),
            CellStarted(job="a", index=2, total=9, cell="load"),
            JobStarted(job="b"),
            CellStarted(job="b", index=0, total=9, cell="[title]"),
            JobEnded(outcome=outcome("a", "failed", "[bold] loud")),
        ):
            progress.handle(event)


def test_lines_are_printed_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    follow(Console(file=out, width=60))
    lines = out.getvalue().splitlines()
    assert lines[0] == "r1: 3 jobs, 1 at a time"
    assert "importing" in lines[1]
    assert lines[2].strip() == "failed  a in 0.0 s: [bold] loud"


def test_a_terminal_shows_a_table_with_cell_and_expected_time() -> None:
    out = io.StringIO()
    follow(Console(file=out, width=120, force_terminal=True, color_system=None))
    shown = out.getvalue()
    assert "[bold] loud" in shown
    assert "1/9 [title]" in shown
    assert "7.0 s" in shown
    assert "passed (kept)" in shown


def test_a_long_plan_is_shown_as_what_runs_what_ended_last_and_counts() -> None:
    out = io.StringIO()
    console = Console(file=out, width=120, height=8, force_terminal=True, color_system=None)
    progress = Progress(console, {})
    names = [f"job-{number}" for number in range(100)]
    with progress.showing(info(*names), {}):
        for name in names[:50]:
            progress.handle(JobStarted(job=name))
            progress.handle(JobEnded(outcome=outcome(name)))
        progress.handle(JobStarted(job="job-50"))
        out.truncate(0)
    last = out.getvalue()
    assert "100 jobs: 49 waiting, 1 running, 50 passed" in last
    assert "job-49" in last
    assert "job-50" in last
    assert "job-40" not in last
    assert "job-60" not in last
