"""The progress shows each job with its cell, and how it ended."""

from __future__ import annotations

import io

from rich.console import Console

from proofbook.records import Outcome, PlannedJob, RunInfo, now
from proofbook.runner.execution import CellProgress
from proofbook.runner.progress import Progress

INFO = RunInfo(
    run_id="r1",
    profile="tiny",
    plan=tuple(PlannedJob(id=n, runbook="demo/one", timeout=1) for n in ("a", "b", "c")),
)


def follow(console: Console) -> None:
    progress = Progress(console, {"b": 7.0})
    kept = Outcome(job="c", runbook="demo/one", status="passed", started=now(), ended=now())
    with progress.showing(INFO, {"c": kept}):
        progress.note("importing")
        progress.started("a")
        progress.cell("a", CellProgress(index=2, total=9, id="load"))
        progress.started("b")
        progress.cell("b", CellProgress(index=0, total=9, id="[title]"))
        progress.ended(
            Outcome(job="a", runbook="demo/one", status="failed", cause="[bold] loud", ended=now())
        )


def test_lines_are_printed_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    follow(Console(file=out, width=60))
    lines = out.getvalue().splitlines()
    assert lines[0] == "r1: 3 jobs, 1 at a time"
    assert "importing" in lines[1]
    assert lines[2].strip() == "failed  a: [bold] loud"


def test_a_terminal_shows_a_table_with_cell_and_expected_time() -> None:
    out = io.StringIO()
    follow(Console(file=out, width=120, force_terminal=True, color_system=None))
    shown = out.getvalue()
    assert "[bold] loud" in shown
    assert "1/9 [title]" in shown
    assert "7.0 s" in shown
    assert "passed (kept)" in shown
