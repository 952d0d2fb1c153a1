"""The report for a CI summary: Markdown with the verdict, the jobs and what failed.

Short by design: at most 200 jobs, 100 checks and 50 outputs are named, the worst first.
"""

from __future__ import annotations

import re

from proofbook.records import Check
from proofbook.report.redactions import say_redactions
from proofbook.report.summary import JobSummary, RunSummary
from proofbook.report.wording import (
    ATTENTION_ORDER,
    say_duration,
    say_number,
    say_state,
    say_time,
    say_value,
    state_of,
    write_headline,
)

__all__ = ["render_markdown"]

_MARKS = {
    "passed": "✅",
    "waived": "⚪",
    "unreviewed": "👀",
    "failed": "❌",
    "skip_allowed": "⚪",
    "flaky": "🟡",
}
_MOST_JOBS, _MOST_CHECKS, _MOST_OUTPUTS = 200, 100, 50
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$@-])")


def render_markdown(run: RunSummary) -> str:
    """Return the run as Markdown."""
    headline = write_headline(run)
    mark = _MARKS.get(run.verdict, "❌")
    parts = [
        f"## {mark} {headline.title}: {_escape(run.profile)}",
        _escape(headline.sentence),
        f"Run `{_code(run.run_id)}`, started {say_time(run.started)}, "
        f"took {say_duration(run.seconds)}.",
        _list_jobs(run),
        _list_failures(run),
        _list_outputs(run),
        _list_questions(run),
        _escape(say_redactions(run)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _list_jobs(run: RunSummary) -> str:
    jobs = sorted(run.jobs, key=lambda job: ATTENTION_ORDER.index(state_of(job)))
    rows = [_row(job) for job in jobs[:_MOST_JOBS]]
    head = "| | job | outcome | checks | time | cause |\n| --- | --- | --- | ---: | ---: | --- |"
    more = len(jobs) - len(rows)
    return "\n".join([head, *rows]) + (f"\n\n… and {more} more jobs." if more > 0 else "")


def _row(job: JobSummary) -> str:
    state = state_of(job)
    checks = f"{job.count('passed')}/{len(job.checks)}"
    cells = [
        _MARKS.get(state, "❌"),
        _escape(job.id),
        say_state(state),
        checks,
        say_duration(job.seconds),
        _escape(job.cause),
    ]
    return f"| {' | '.join(cells)} |"


def _list_failures(run: RunSummary) -> str:
    failures = [
        (job, check)
        for job in run.jobs
        for check in job.checks
        if check.status in ("failed", "error")
    ]
    if not failures:
        return ""
    rows = [_failure(job, check) for job, check in failures[:_MOST_CHECKS]]
    more = len(failures) - len(rows)
    head = (
        "### Checks that did not pass\n\n"
        "| job | check | expected | actual | why |\n| --- | --- | --- | --- | --- |"
    )
    return "\n".join([head, *rows]) + (f"\n\n… and {more} more checks." if more > 0 else "")


def _failure(job: JobSummary, check: Check) -> str:
    actual = check.reason or f"{say_value(check.actual)} {check.unit}"
    cells = (job.id, check.name, f"{check.expected} {check.unit}", actual, check.why)
    return f"| {' | '.join(_escape(cell.strip()) for cell in cells)} |"


def _list_outputs(run: RunSummary) -> str:
    rows = [
        f"| {_escape(job.id)} | {_escape(output.name)} | {_escape(say_value(output.value))} |"
        for job in run.jobs
        for output in job.outputs
    ]
    if not rows:
        return ""
    more = len(rows) - _MOST_OUTPUTS
    head = "### Outputs\n\n| job | output | value |\n| --- | --- | --- |"
    rest = f"\n\n… and {more} more outputs." if more > 0 else ""
    return "\n".join([head, *rows[:_MOST_OUTPUTS]]) + rest


def _list_questions(run: RunSummary) -> str:
    if not run.open_questions:
        return ""
    return f"### Waiting for a person\n\n{say_number(run.open_questions)} required questions."


def _escape(text: str) -> str:
    """Return text that Markdown and HTML show as it is, on one line."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", flat)


def _code(text: str) -> str:
    return " ".join(text.replace("`", "'").split())
