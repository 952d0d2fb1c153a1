"""What the terminal says after a run: what failed, and the commands that go on from there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from proofbook.records import Check
from proofbook.report.summary import JobSummary, RunSummary
from proofbook.runner.next_steps import list_next_steps

START = datetime(2025, 6, 12, 14, 3, 20, tzinfo=UTC)


def job(id: str, outcome: str, *checks: Check, **fields: Any) -> JobSummary:
    values: dict[str, Any] = {
        "id": id, "runbook": "training/resume", "outcome": outcome, "cause": "", "allowed": False,
        "flaky": False, "parameters": {}, "needs": (), "seconds": 1.5, "started": START,
        "ended": None, "kernel": "warm", "checks": checks, "metrics": (), "evidence": (),
        "questions": (), "cells": (), "attempts": (), "failure": None, "notebook": "", "log": "",
        "log_tail": (), "unreadable_lines": 0, "media_problems": {}, "finished": True,
    }  # fmt: skip
    return JobSummary.model_validate({**values, **fields})


def run(verdict: str, *jobs: JobSummary) -> RunSummary:
    return RunSummary.model_validate(
        {
            "run_id": "r1", "profile": "tiny", "profile_path": "", "verdict": verdict, "cause": "",
            "started": START, "ended": START, "slots": 1, "commit": "", "dirty": None,
            "environment": {}, "hardware": {}, "jobs": jobs,
        }
    )  # fmt: skip


def red(name: str) -> Check:
    return Check(name=name, status="failed", expected="True", actual=False, why="nothing is learnt")


SKIPPED = Check(name="outputs-compared", status="skipped", reason="original_output is not given")


def test_a_failed_check_is_told_with_what_it_saw_and_why() -> None:
    lines = list_next_steps(run("failed", job("train", "failed", red("loss-falls"))))
    assert lines == [
        "  loss-falls: expected True, found False; nothing is learnt (train)",
        "next: proofbook lab train opens it at the failing cell",
    ]


def test_of_many_failed_checks_the_first_are_told() -> None:
    checks = [red(f"check-{number}") for number in range(5)]
    lines = list_next_steps(run("failed", job("train", "failed", *checks)))
    assert [line.split(":")[0].strip() for line in lines[:3]] == ["check-0", "check-1", "check-2"]
    assert lines[3] == "  and 2 more in the report"


def test_a_check_that_fails_in_several_jobs_is_told_once() -> None:
    jobs = [job(each, "failed", red("loss-falls")) for each in ("a", "b", "c")]
    lines = list_next_steps(run("failed", *jobs))
    assert lines[0].endswith("(a and 2 more)")
    assert lines[1] == "next: proofbook lab a opens it at the failing cell"


def test_a_check_that_could_not_be_made_is_told_with_the_option_that_allows_it() -> None:
    lines = list_next_steps(run("failed", job("map", "failed", SKIPPED)))
    assert len(lines) == 1
    assert lines[0].endswith("without: --allow-skips outputs-compared")


@pytest.mark.parametrize("globs", [("outputs-compared",), ("out*",)])
def test_an_allowed_skip_needs_no_step(globs: tuple[str, ...]) -> None:
    assert list_next_steps(run("passed", job("map", "passed", SKIPPED, allow_skips=globs))) == []


def test_a_name_with_characters_of_a_glob_is_quoted() -> None:
    check = SKIPPED.model_copy(update={"name": "rows [1]"})
    (line,) = list_next_steps(run("failed", job("map", "failed", check)))
    assert line.endswith("--allow-skips 'rows [[]1]'")


def test_what_was_asked_of_people_is_answered_in_the_browser(tmp_path: Path) -> None:
    green = job("film", "passed", Check(name="whole", status="passed"))
    assert list_next_steps(run("unreviewed", green)) == ["next: proofbook review"]
    (line,) = list_next_steps(run("unreviewed", green), tmp_path / "my runs")
    assert line == f"next: proofbook review --outputs '{tmp_path}/my runs'"


def test_a_job_that_never_began_is_not_opened() -> None:
    broken = job("map", "error", cause="SubjectError: no such folder")
    assert list_next_steps(run("error", broken)) == [
        "next: proofbook lab map opens it at the failing cell"
    ]
    never = job("late", "skipped", started=None)
    assert list_next_steps(run("failed", never)) == []


def test_runs_elsewhere_are_opened_by_their_name(tmp_path: Path) -> None:
    lines = list_next_steps(run("failed", job("train", "failed", red("loss-falls"))), tmp_path)
    assert lines[-1].startswith(f"next: proofbook lab r1 train --outputs {tmp_path} opens")
