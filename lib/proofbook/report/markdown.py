"""The report for a CI summary: Markdown with the verdict, the jobs and what failed.

The worst comes first, and everything that failed is named, up to what a CI system takes. Of what is
green, at most 200 jobs, 100 changes and 50 outputs are.
"""

from __future__ import annotations

import glob
import json
import re

from proofbook.records import Check
from proofbook.report.causes import find_causes
from proofbook.report.history import History
from proofbook.report.redactions import say_redactions
from proofbook.report.summary import JobSummary, RunSummary
from proofbook.report.wording import (
    ATTENTION_ORDER,
    BAD_CHECKS,
    say_checks,
    say_count,
    say_duration,
    say_expected,
    say_found,
    say_state,
    say_time,
    say_value,
    state_of,
    write_headline,
)
from proofbook.runs.record_rules import is_forbidden_skip

__all__ = ["render_markdown"]

_MARKS = {
    "passed": "✅",
    "waived": "⚪",
    "unreviewed": "👀",
    "failed": "❌",
    "skip_allowed": "⚪",
    "flaky": "🟡",
}
_MOST_JOBS, _MOST_CALM, _MOST_OUTPUTS = 200, 100, 50
_MOST_CHARACTERS = 200_000
"""Of one list; GitHub refuses a summary of more than a megabyte as a whole."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$@-])")


def render_markdown(run: RunSummary, history: History | None = None) -> str:
    """Return the run as Markdown.

    Args:
        run: What it says.
        history: What earlier runs recorded.
    """
    history = history or History()
    headline = write_headline(run)
    mark = _MARKS.get(run.verdict, "❌")
    parts = [
        f"## {mark} {headline.title}: {_escape(run.profile)}",
        _escape(headline.sentence),
        f"Run `{_code(run.run_id)}`, started {say_time(run.started)}, "
        f"took {say_duration(run.seconds)}.",
        _list_changes(history),
        _list_causes(run),
        _list_jobs(run, history),
        _list_failures(run),
        _list_unavailable(run),
        _list_outputs(run),
        _list_questions(run),
        _list_machines(run),
        _escape(say_redactions(run)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _list_changes(history: History) -> str:
    if not history.changes:
        return ""
    lines = [
        f"- {change.kind}: **{_escape(change.what)}**"
        + (f", {say_state(change.state)}" if change.is_bad else "")
        + (f": {_escape(change.detail)}" if change.detail else "")
        for change in history.changes
    ]
    bad = [line for line, each in zip(lines, history.changes, strict=True) if each.is_bad]
    calm = [line for line, each in zip(lines, history.changes, strict=True) if not each.is_bad]
    head = f"### Since {_escape(history.previous)}"
    return _within([head, ""], bad, calm[:_MOST_CALM], len(lines), "change")


def _list_causes(run: RunSummary) -> str:
    causes = find_causes(run.jobs)
    if not causes:
        return ""
    lines = [
        f"- {say_count(len(cause.jobs), 'job')}, {say_state(cause.state)}: "
        + (f"**{_escape(cause.name)}** " if cause.name else "")
        + f"{_escape(cause.detail)} ({_escape(', '.join(cause.jobs[:3]))}"
        + (f" and {say_count(len(cause.jobs) - 3, 'other job')})" if cause.jobs[3:] else ")")
        for cause in causes
    ]
    return _within(["### Causes", ""], lines, [], len(lines), "cause")


def _list_jobs(run: RunSummary, history: History) -> str:
    jobs = sorted(run.jobs, key=lambda job: ATTENTION_ORDER.index(state_of(job)))
    rows = [_row(job, history.unreached.get(job.id, 0)) for job in jobs]
    bad = sum(1 for job in jobs if not job.is_green)
    head = ["| | job | outcome | checks | time | cause |", "| --- | --- | --- | --- | ---: | --- |"]
    return _within(head, rows[:bad], rows[bad : max(bad, _MOST_JOBS)], len(jobs), "job")


def _row(job: JobSummary, unreached: int) -> str:
    state = state_of(job)
    faults = [fault for fault in job.faults if fault not in job.cause]
    cells = [
        _MARKS.get(state, "❌"),
        _escape(job.id),
        say_state(state),
        say_checks(job, unreached),
        say_duration(job.seconds),
        _escape("; ".join(part for part in (job.cause, *faults) if part)),
    ]
    return f"| {' | '.join(cells)} |"


def _list_machines(run: RunSummary) -> str:
    """Return which job ran where, of a run on more than one machine."""
    machines: dict[str, list[str]] = {}
    for job in run.jobs:
        if job.machine:
            machines.setdefault(job.machine, []).append(job.id)
    lines = [
        f"- {_escape(name)}: {say_count(len(jobs), 'job')}, {_escape(', '.join(jobs[:3]))}"
        + (" and more" if jobs[3:] else "")
        for name, jobs in sorted(machines.items())
    ]
    return _within(["### Machines", ""], [], lines, len(lines), "machine") if lines else ""


def _list_failures(run: RunSummary) -> str:
    rows = [
        _failure(job, check)
        for job in run.jobs
        for check in job.checks
        if check.status in BAD_CHECKS
    ]
    if not rows:
        return ""
    head = [
        f"### {say_count(len(rows), 'check')} did not pass",
        "",
        "| job | check | expected | actual | why |",
        "| --- | --- | --- | --- | --- |",
    ]
    return _within(head, rows, [], len(rows), "check")


def _failure(job: JobSummary, check: Check) -> str:
    actual = check.reason or say_found(check)
    cells = (job.id, check.name, say_expected(check), actual, check.why)
    return f"| {' | '.join(_escape(cell.strip()) for cell in cells)} |"


def _list_unavailable(run: RunSummary) -> str:
    """List what was required and could not run, with the lines that would allow it."""
    found = {
        job.id: [check for check in job.checks if is_forbidden_skip(check, job.allow_skips)]
        for job in run.jobs
    }
    rows = [
        f"| {_escape(job)} | {_escape(check.name)} | {_escape(check.reason)} |"
        for job, checks in found.items()
        for check in checks
    ]
    if not rows:
        return ""
    head = [
        f"### {say_count(len(rows), 'check')} could not run",
        "",
        "| job | check | reason |",
        "| --- | --- | --- |",
    ]
    allowing = [
        f"- {_escape(job)}: `allow_skips: [{', '.join(_glob_of(check.name) for check in checks)}]`"
        for job, checks in found.items()
        if checks
    ]
    words = (
        "Who can do without them says so in the profile, beside what is allowed already, or on the "
        "command line, with `--allow-skips` and a name:"
    )
    return "\n\n".join([_within(head, rows, [], len(rows), "check"), words, "\n".join(allowing)])


def _glob_of(name: str) -> str:
    """Return a name as a profile would have it."""
    return name if re.fullmatch(r"[A-Za-z][\w.-]*", name) else _code(json.dumps(glob.escape(name)))


def _within(head: list[str], bad: list[str], calm: list[str], total: int, noun: str) -> str:
    """Join rows; what is bad is cut only where a CI system would refuse all of it."""
    kept, room = [], _MOST_CHARACTERS
    for row in (*bad, *calm):
        room -= len(row) + 1
        if room < 0:
            break
        kept.append(row)
    rest = total - len(kept)
    more = f"\n\n… and {say_count(rest, f'more {noun}')}." if rest > 0 else ""
    return "\n".join([*head, *kept]) + more


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
    asking = sum(1 for job in run.jobs if job.open_questions)
    words = f"{say_count(run.open_questions, 'required question')} in {say_count(asking, 'job')}"
    return f"### Waiting for a person\n\n{words}."


def _escape(text: str) -> str:
    """Return text that Markdown and HTML show as it is, on one line."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", flat)


def _code(text: str) -> str:
    return " ".join(text.replace("`", "'").split())
