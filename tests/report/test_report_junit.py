"""junit.xml, whole: what a CI system is given for each way in which a job and a check may end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from proofbook.records import Check, Failure, Metric
from proofbook.report.history import History
from proofbook.report.junit import render_junit
from proofbook.report.summary import JobSummary, RunSummary

START = datetime(2025, 6, 12, 14, 3, 20, tzinfo=UTC)


def job(id: str, outcome: str, **fields: Any) -> JobSummary:
    values: dict[str, Any] = {
        "id": id, "runbook": f"{id}.ipynb", "outcome": outcome, "cause": "", "allowed": False,
        "flaky": False, "parameters": {}, "needs": (), "seconds": 1.5, "started": START,
        "ended": None, "kernel": "warm", "checks": (), "metrics": (), "evidence": (),
        "questions": (), "cells": (), "attempts": (), "failure": None, "notebook": "", "log": "",
        "log_tail": ("loading",), "unreadable_lines": 0, "media_problems": {}, "finished": True,
    }  # fmt: skip
    return JobSummary.model_validate({**values, **fields})


def run(*jobs: JobSummary, verdict: str = "failed", **fields: Any) -> RunSummary:
    values: dict[str, Any] = {
        "run_id": "1", "profile": "tiny", "profile_path": "", "verdict": verdict, "cause": "",
        "started": START, "ended": START + timedelta(seconds=61.25), "slots": 1, "commit": "",
        "dirty": None, "environment": {}, "hardware": {}, "jobs": jobs,
    }  # fmt: skip
    return RunSummary.model_validate({**values, **fields})


FAILED = job(
    "musicgen/generate",
    "failed",
    cause="2 of 4 checks did not pass",
    parameters={"seed": 7},
    checks=(
        Check(name="exists", status="passed"),
        Check(
            name="duration", status="failed", expected="8 ± 0.5", actual=5.2, unit="s", why="short"
        ),
        Check(name="loudness", status="error", expected="≥ -40", reason="ValueError: \x00"),
        Check(name="cuda", status="skipped", reason="no GPU"),
    ),
    metrics=(Metric(name="speed", value=2.5, unit="x", labels={"model": "small"}),),
    failure=Failure(ename="ChecksFailed", evalue="", traceback="Traceback: here"),
    faults=("thread x raised KeyError", "late"),
)
DOCUMENT = """\
<?xml version='1.0' encoding='utf-8'?>
<testsuites name="tiny" time="61.250" tests="7" failures="2" errors="3" skipped="1">
  <testsuite name="musicgen/generate" time="1.500" timestamp="2025-06-12T14:03:20" tests="7" \
failures="2" errors="3" skipped="1">
    <properties>
      <property name="runbook" value="musicgen/generate.ipynb" />
      <property name="outcome" value="failed" />
      <property name="checks" value="1 check passed, 1 failed, 1 in error, 1 skipped" />
      <property name="parameter.seed" value="7" />
      <property name="metric.speed,model=small" value="2.5 x" />
    </properties>
    <testcase classname="musicgen.generate" name="runbook" time="1.500">
      <failure type="failed" message="2 of 4 checks did not pass \
(1 check passed, 1 failed, 1 in error, 1 skipped)">Traceback: here</failure>
    </testcase>
    <testcase classname="musicgen.generate" name="fault 1" time="0.000">
      <error type="fault" message="thread x raised KeyError" />
    </testcase>
    <testcase classname="musicgen.generate" name="fault 2" time="0.000">
      <error type="fault" message="late" />
    </testcase>
    <testcase classname="musicgen.generate" name="exists" time="0.000" />
    <testcase classname="musicgen.generate" name="duration" time="0.000">
      <failure type="failed" message="expected 8 ± 0.5 s, found 5.2 s">expected: 8 ± 0.5
actual: 5.2 s
why: short</failure>
    </testcase>
    <testcase classname="musicgen.generate" name="loudness" time="0.000">
      <error type="error" message="ValueError: \ufffd">expected: ≥ -40
actual: 
why: </error>
    </testcase>
    <testcase classname="musicgen.generate" name="cuda" time="0.000">
      <skipped message="no GPU" />
    </testcase>
    <system-out>loading</system-out>
  </testsuite>
</testsuites>"""


def xml(summary: RunSummary, history: History | None = None) -> str:
    return render_junit(summary, history).decode()


def test_a_failed_job_is_told_whole() -> None:
    assert xml(run(FAILED)) == DOCUMENT


@pytest.mark.parametrize("outcome", ["error", "crashed", "timed_out", "cancelled", "incomplete"])
def test_a_job_that_did_not_come_to_its_end_is_an_error(outcome: str) -> None:
    found = xml(run(job("a/b", outcome, started=None, seconds=None, log_tail=("1", "2"))))
    assert f'<error type="{outcome}" message="{outcome} (no checks made)" />' in found
    assert '<testsuite name="a/b" time="0.000" tests="1"' in found
    assert "<system-out>1\n2</system-out>" in found


def test_checks_that_were_not_reached_are_counted() -> None:
    stopped = job("a/b", "error", checks=FAILED.checks[:1], finished=False)
    history = History(unreached={"a/b": 3})
    assert xml(run(stopped), history).count("(1 check passed, 3 not reached)") == 1
    assert '<property name="checks" value="1 check passed, 3 not reached" />' in xml(
        run(stopped), history
    )


def test_without_a_history_a_stopped_job_says_that_it_stopped() -> None:
    stopped = job("a/b", "error", checks=FAILED.checks[:1], finished=False)
    assert "(1 check made, the runbook did not reach its end)" in xml(run(stopped))
    assert xml(run(stopped), History(unreached={"c/d": 3})) == xml(run(stopped))


def test_a_green_job_has_neither_errors_nor_a_log() -> None:
    skipped = job("c/d", "skipped", allowed=True, cause="no GPU", checks=FAILED.checks[3:])
    found = xml(run(job("a/b", "passed"), skipped, verdict="passed"))
    assert 'tests="3" failures="0" errors="0" skipped="2"' in found
    assert '<testcase classname="a.b" name="runbook" time="1.500" />' in found
    assert found.count('<skipped message="no GPU" />') == 2
    assert "<system-out>" not in found
    assert 'name="run"' not in found


@pytest.mark.parametrize("verdict", ["passed", "waived", "unreviewed"])
def test_a_run_that_reads_as_green_has_no_case_of_its_own(verdict: str) -> None:
    assert 'name="run"' not in xml(run(job("a/b", "passed"), verdict=verdict))


def test_a_run_that_is_not_green_though_its_jobs_are_is_an_error() -> None:
    cause = "its seal is broken"
    found = xml(run(job("a/b", "passed"), verdict="incomplete", cause=cause))
    assert '<testsuite name="run" time="61.250" tests="1" failures="0" errors="1"' in found
    assert '<testcase classname="run" name="verdict" time="0">' in found
    assert '<error type="incomplete" message="its seal is broken. 1 of 1 job passed' in found
