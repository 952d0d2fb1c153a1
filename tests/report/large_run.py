"""Summaries of 3,000 jobs with 36 failures, and of smaller runs, made in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sample_run import START, check

from proofbook.records import Check, Evidence, MediaFile, Question
from proofbook.report.summary import JobSummary, RunSummary

RUNBOOK = "musicgen/generate"
CRASH = "kernel died: signal 9 (SIGKILL)"


def make_job(number: int, outcome: str = "passed", **more: Any) -> JobSummary:
    """Return a job of ten checks; ``loudness`` is one of them."""
    checks = [check(f"check-{each}", expected="true", actual=True) for each in range(9)]
    values: dict[str, Any] = {
        "id": f"generate-{number:05d}", "runbook": RUNBOOK, "outcome": outcome, "cause": "",
        "allowed": False, "flaky": False, "parameters": {"seed": number}, "needs": (),
        "seconds": 3.0, "started": START, "ended": START + timedelta(seconds=3),
        "kernel": "warm", "checks": (*checks, loudness(-18.2)), "metrics": (), "evidence": (),
        "questions": (), "cells": (), "attempts": (), "failure": None, "notebook": "", "log": "",
        "log_tail": (), "unreadable_lines": 0, "media_problems": {},
        "finished": outcome in ("passed", "failed"),
    }  # fmt: skip
    return JobSummary(**{**values, **more})


def loudness(value: float, **more: Any) -> Check:
    """Return a check of a clip's loudness."""
    status = "passed" if -22 <= value <= -14 else "failed"
    return check("loudness", status, expected="−18 ± 4", actual=value, unit="LUFS", **more)  # noqa: RUF001


def broken(number: int, outcome: str, cause: str) -> JobSummary:
    """Return a job that ended after four checks."""
    return make_job(number, outcome, cause=cause, checks=make_job(number).checks[:4])


def quiet(number: int, value: float) -> JobSummary:
    """Return a job whose clip is too quiet."""
    job = make_job(number, "failed", cause="1 of 10 checks did not pass: loudness")
    return job.model_copy(update={"checks": (*job.checks[:-1], loudness(value))})


def silent(number: int) -> JobSummary:
    """Return a job with a check that no other job fails."""
    name = f"check-{number % 9}"
    job = make_job(number, "failed", cause=f"1 of 10 checks did not pass: {name}")
    bad = check(name, "failed", expected="true", actual=False)
    checks = tuple(bad if each.name == name else each for each in job.checks)
    return job.model_copy(update={"checks": checks})


def failures() -> list[JobSummary]:
    """Return 36 jobs: 3 crashed, one timed out, 21 quiet, and others that fail alone."""
    crashed = [broken(number, "crashed", CRASH) for number in (2400, 2500, 2900)]
    late = broken(2950, "timed_out", "the job ran for 60 s, its limit; it was ended in cell c7")
    quiets = [quiet(100 + number, -33.1 + number * 0.185) for number in range(21)]
    errors = [broken(2000 + n, "error", f"KeyError: 'layer.{n}' (cell load)") for n in range(2)]
    return [*quiets, *(silent(number) for number in range(9)), *crashed, late, *errors]


def make_run(jobs: list[JobSummary], day: int = 0, **more: Any) -> RunSummary:
    """Return a run of these jobs, so many days after the first."""
    started = START + timedelta(days=day)
    bad = [job for job in jobs if not job.is_green]
    broke = any(job.outcome != "failed" for job in bad)
    values: dict[str, Any] = {
        "run_id": f"run-{day}", "profile": "big", "profile_path": "",
        "verdict": ("error" if broke else "failed") if bad else "passed", "cause": "",
        "started": started, "ended": started + timedelta(hours=1), "slots": 2, "commit": "",
        "dirty": None, "environment": {}, "hardware": {"platform": "Linux"}, "jobs": tuple(jobs),
    }  # fmt: skip
    return RunSummary(**{**values, **more})


def make_large(day: int = 0) -> RunSummary:
    """Return the run of 3,000 jobs with 36 failures."""
    by_id = {job.id: job for job in failures()}
    jobs = [make_job(number) for number in range(3000)]
    return make_run([by_id.get(job.id, job) for job in jobs], day)


def clip(number: int, size: int, name: str = "clip") -> Evidence:
    """Return a clip whose file is named by its number."""
    file = MediaFile(sha256=f"{number:064x}", suffix=".wav", size=size, media_type="audio/wav")
    return Evidence(name=name, media_kind="audio", file=file)


def question(name: str) -> Question:
    """Return an open question."""
    return Question(name=name, text="Does it sound right?")
