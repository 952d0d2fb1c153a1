"""Runs that hold no more than a merge looks at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from proofbook.records import PlannedJob, RunInfo
from proofbook.runs.folder import RunFolder
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.sealing import seal_run

RUN = "20260304-090000-demo-aaaa"


def make(outputs: Path, name: str = RUN, **more: Any) -> RunFolder:
    """Write a run of one job that has no more than a log."""
    run = RunFolder(outputs / name)
    run.job("clip").path.mkdir(parents=True)
    run.job("clip").log.write_text("done\n")
    plan = (PlannedJob(id="clip", runbook="demo/clip", timeout=9),)
    values = {"run_id": name, "profile": "demo", "plan": plan, "verdict": "passed", **more}
    run.write_info(RunInfo(**values))
    return run


def sealed(run: RunFolder) -> RunFolder:
    seal_run(run, SignoffLog(run.path, run.path.name), run.path.name)
    return run
