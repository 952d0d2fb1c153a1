"""The report for CI systems: JUnit XML, one suite a job, one case a check.

Each job also has a case ``runbook`` that stands for the job itself, so that a crash, a time-out or
a job that never ran is an error there and never merely absent.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from xml.etree.ElementTree import Element, SubElement

from proofbook.records import Check
from proofbook.report.history import History
from proofbook.report.summary import JobSummary, RunSummary
from proofbook.report.wording import say_checks, say_expected, say_value, write_headline

__all__ = ["render_junit"]

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_GREEN = ("passed", "waived", "unreviewed")


def render_junit(run: RunSummary, history: History | None = None) -> bytes:
    """Return the run as JUnit XML; ``history`` knows how many checks a job did not reach."""
    unreached = history.unreached if history else {}
    root = Element("testsuites", name=_legal(run.profile), time=_seconds(run.seconds))
    for job in run.jobs:
        _add_job(root, job, unreached.get(job.id, 0))
    if run.verdict not in _GREEN and all(job.is_green for job in run.jobs):
        _add_verdict(root, run)
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.attrib[name]) for suite in root)))
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _add_job(root: Element, job: JobSummary, unreached: int) -> None:
    suite = SubElement(root, "testsuite", name=_legal(job.id), time=_seconds(job.seconds))
    if job.started is not None:
        suite.set("timestamp", job.started.strftime("%Y-%m-%dT%H:%M:%S"))
    _add_properties(suite, job, unreached)
    _add_runbook(suite, job, unreached)
    for number, fault in enumerate(job.faults, start=1):
        case = _add_case(suite, job, f"fault {number}", None)
        SubElement(case, "error", type="fault", message=_legal(fault))
    for check in job.checks:
        _add_check(suite, job, check)
    if not job.is_green and job.log_tail:
        SubElement(suite, "system-out").text = _legal("\n".join(job.log_tail))
    _count(suite)


def _add_properties(suite: Element, job: JobSummary, unreached: int) -> None:
    properties = SubElement(suite, "properties")
    values = {"runbook": job.runbook, "outcome": job.outcome}
    values["checks"] = say_checks(job, unreached)
    values |= {f"parameter.{name}": say_value(value) for name, value in job.parameters.items()}
    for metric in job.metrics:
        labels = "".join(f",{name}={value}" for name, value in metric.labels.items())
        values[f"metric.{metric.name}{labels}"] = f"{metric.value!r} {metric.unit}".strip()
    for name, value in values.items():
        SubElement(properties, "property", name=_legal(name), value=_legal(value))


def _add_runbook(suite: Element, job: JobSummary, unreached: int) -> None:
    case = _add_case(suite, job, "runbook", job.seconds)
    if job.is_green:
        if job.outcome == "skipped":
            SubElement(case, "skipped", message=_legal(job.cause))
        return
    kind = "failure" if job.outcome == "failed" else "error"
    message = f"{job.cause or job.outcome} ({say_checks(job, unreached)})"
    problem = SubElement(case, kind, type=job.outcome, message=_legal(message))
    problem.text = _legal(job.failure.traceback) if job.failure else None


def _add_check(suite: Element, job: JobSummary, check: Check) -> None:
    case = _add_case(suite, job, check.name, None)
    if check.status == "skipped":
        SubElement(case, "skipped", message=_legal(check.reason))
    elif check.status != "passed":
        kind = "failure" if check.status == "failed" else "error"
        actual = f"{say_value(check.actual)} {check.unit}".strip()
        message = check.reason or f"expected {say_expected(check)}, found {actual}"
        problem = SubElement(case, kind, type=check.status, message=_legal(message))
        problem.text = _legal(f"expected: {check.expected}\nactual: {actual}\nwhy: {check.why}")


def _add_verdict(root: Element, run: RunSummary) -> None:
    """Add the run itself where it is not green though each of its jobs is."""
    suite = SubElement(root, "testsuite", name="run", time=_seconds(run.seconds))
    case = SubElement(suite, "testcase", classname="run", name="verdict", time="0")
    message = _legal(write_headline(run).sentence)
    SubElement(case, "error", type=run.verdict, message=message)
    _count(suite)


def _add_case(suite: Element, job: JobSummary, name: str, seconds: float | None) -> Element:
    classname = _legal(job.runbook).removesuffix(".ipynb").replace("/", ".")
    return SubElement(
        suite, "testcase", classname=classname, name=_legal(name), time=_seconds(seconds)
    )


def _count(suite: Element) -> None:
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for plural, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(plural, str(sum(1 for case in cases if case.find(tag) is not None)))


def _legal(text: str) -> str:
    """Replace what XML 1.0 cannot hold."""
    return _ILLEGAL.sub("\ufffd", text)


def _seconds(seconds: float | None) -> str:
    return f"{seconds or 0:.3f}"
