"""report.json, junit.xml, report.md, wording and the timeline."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from datetime import timedelta
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sample_run import GOOD, START, build_small, check, write_records

from proofbook.records import Metric
from proofbook.report import RunSummary, load_run, write_report
from proofbook.report.junit import render_junit
from proofbook.report.markdown import render_markdown
from proofbook.report.timeline import lay_out
from proofbook.report.wording import say_bytes, say_duration, say_number, say_value, write_headline
from proofbook.runs.folder import RunFolder


@pytest.mark.exhaustive
def test_report_json_has_the_promised_keys(sample: RunFolder) -> None:
    data = json.loads((sample.report / "report.json").read_text())
    assert data.keys() >= {"run_id", "profile", "verdict", "jobs", "counts"}
    for job in data["jobs"]:
        assert job.keys() >= {
            *("id", "runbook", "outcome", "cause", "checks", "metrics", "evidence"),
            *("questions", "cells", "attempts", "seconds", "parameters"),
        }
    cells = {job["id"]: [cell["status"] for cell in job["cells"]] for job in data["jobs"]}
    assert cells["training/resume"] == ["completed"] * 3 + ["failed"] + ["not_run"] * 4


def test_numbers_that_json_cannot_hold_are_strings_in_it(tmp_path: Path) -> None:
    run = build_small(tmp_path)
    run.job(GOOD.id).records.unlink()
    odd = [check("loss", "failed", actual=math.nan), Metric(name="peak", value=-math.inf)]
    write_records(run, GOOD.id, odd, whole=True)
    write_report(run)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads((run.report / "report.json").read_text(), parse_constant=refuse)


def test_a_row_shows_the_worst_of_what_was_measured_again_and_again(tmp_path: Path) -> None:
    run = build_small(tmp_path)
    run.job(GOOD.id).records.unlink()
    measured = [
        *(Metric(name="pace", value=value) for value in (1, 2)),
        *(Metric(name="lost", value=value, unit="steps", better="lower") for value in (3, 14, 5)),
        *(Metric(name="speed", value=value, better="higher") for value in (7, math.nan, 6)),
    ]
    write_records(run, GOOD.id, [check("right", "passed"), *measured], whole=True)
    write_report(run)
    page = (run.report / "index.html").read_text()
    (row,) = re.findall(r'<td class="key">(.*?)</td>', page)
    shown = " ".join(re.sub(r"<[^>]+>", " ", row).split())
    assert shown == "lost 14 steps speed NaN"


def suites_of(run: RunSummary) -> dict[str, ET.Element]:
    root = ET.fromstring(render_junit(run))
    return {suite.get("name", ""): suite for suite in root}


def test_junit_has_a_suite_a_job_and_a_case_a_check(summary: RunSummary) -> None:
    suites = suites_of(summary)
    assert list(suites) == [job.id for job in summary.jobs]
    for job in summary.jobs:
        names = [case.get("name") for case in suites[job.id].iter("testcase")]
        assert names == ["runbook", *[found.name for found in job.checks]]


@pytest.mark.parametrize(
    ("job", "tag", "kind"),
    [
        ("ttsserver/stream", "error", "crashed"),
        ("training/interrupt", "error", "timed_out"),
        ("training/resume", "error", "error"),
        ("pipeline/metrics", "error", "incomplete"),
        ("pipeline/video", "error", "cancelled"),
        ("musicgen/offload", "error", "skipped"),
        ("musicgen/generate-medium", "failure", "failed"),
    ],
)
def test_junit_names_what_became_of_a_job(
    summary: RunSummary, job: str, tag: str, kind: str
) -> None:
    case = suites_of(summary)[job].find("testcase[@name='runbook']")
    assert case is not None
    found = case.find(tag)
    assert found is not None
    assert found.get("type") == kind


def test_junit_shows_an_allowed_skip_as_skipped(summary: RunSummary) -> None:
    suite = suites_of(summary)["models/cuda"]
    assert (suite.get("skipped"), suite.get("errors"), suite.get("failures")) == ("2", "0", "0")


def test_junit_states_expected_actual_and_why(summary: RunSummary) -> None:
    suite = suites_of(summary)["musicgen/generate-medium"]
    failure = suite.find("testcase[@name='duration']/failure")
    assert failure is not None
    assert failure.text == (
        "expected: 8 ± 0.5\nactual: 5.2 s\nwhy: a clip that ends early cannot be used as a bed"
    )


def test_junit_totals_are_the_sums_of_its_suites(summary: RunSummary) -> None:
    root = ET.fromstring(render_junit(summary))
    assert root.get("tests") == str(len(list(root.iter("testcase"))))
    assert root.get("failures") == str(len(list(root.iter("failure"))))
    assert root.get("errors") == str(len(list(root.iter("error"))))
    assert root.get("skipped") == str(len(list(root.iter("skipped"))))


@given(text=st.text(max_size=40))
def test_junit_can_be_parsed_whatever_was_recorded(summary: RunSummary, text: str) -> None:
    job = summary.jobs[0].model_copy(
        update={"cause": text, "log_tail": (text,), "outcome": "failed", "id": text}
    )
    found = check("x", "failed", reason=text, why=text)
    job = job.model_copy(update={"checks": (found,)})
    ET.fromstring(render_junit(summary.model_copy(update={"jobs": (job,)})))


def test_markdown_lists_jobs_worst_first_and_what_failed(summary: RunSummary) -> None:
    found = render_markdown(summary)
    lines = found.splitlines()
    assert lines[0].endswith("Cancelled: tiny")
    rows = [line for line in lines if line.startswith("| ❌")]
    assert rows[0].split("|")[3].strip() == "crashed"
    assert "| musicgen/generate\\-medium | duration | 8 ± 0.5 s | 5.2 s |" in found
    assert "2 required questions" in found


def test_markdown_says_what_could_not_run_and_how_that_is_allowed(summary: RunSummary) -> None:
    checks = tuple(
        check(name, "skipped", reason=reason)
        for name, reason in (("gpu", "no GPU"), ("voices-x", "no model"), ("a [1]: b", "no key"))
    )
    job = summary.jobs[0].model_copy(update={"checks": checks, "allow_skips": ("voices-*",)})
    found = render_markdown(summary.model_copy(update={"jobs": (job,)}))
    assert "### 2 checks could not run" in found
    assert "| gpu | no GPU |" in found and "voices-x |" not in found
    (line,) = (line for line in found.splitlines() if "allow_skips: [" in line)
    profile = yaml.safe_load(line.partition("`")[2].rstrip("`"))
    first, second = profile["allow_skips"]
    assert first == "gpu" and fnmatchcase("a [1]: b", second)
    allowed = job.model_copy(update={"allow_skips": ("*",)})
    assert "could not run" not in render_markdown(summary.model_copy(update={"jobs": (allowed,)}))


def test_markdown_shows_hostile_text_as_text(summary: RunSummary) -> None:
    hostile = "a | b\n# c <img src=x onerror=alert(1)> [x](javascript:1) `code` **d**"
    job = summary.jobs[0].model_copy(update={"outcome": "failed", "cause": hostile})
    row = next(
        line
        for line in render_markdown(summary.model_copy(update={"jobs": (job,)})).splitlines()
        if line.startswith("| ❌")
    )
    assert "<img" not in row
    assert "\\| b \\# c &lt;img" in row
    assert "\\[x\\]\\(javascript:1\\)" in row
    assert row.replace("\\|", "").count("|") == 7


@pytest.mark.exhaustive
def test_markdown_of_a_huge_run_is_cut_only_where_it_would_be_refused(summary: RunSummary) -> None:
    job = next(job for job in summary.jobs if job.outcome == "failed")
    many = summary.model_copy(
        update={"jobs": tuple(job.model_copy(update={"id": str(i)}) for i in range(30_000))}
    )
    found = render_markdown(many)
    assert len(found.encode()) < 1_000_000
    assert re.search(r"… and [\d\u202f]+ more jobs\.", found)
    assert re.search(r"… and [\d\u202f]+ more checks\.", found)


def test_the_timeline_has_as_many_lanes_as_jobs_at_once(summary: RunSummary) -> None:
    found = lay_out(summary)
    assert found is not None
    assert len(found.lanes) == 2 or len(found.lanes) == 3
    bars = [bar for lane in found.lanes for bar in lane]
    assert {bar.job.id for bar in bars} == {job.id for job in summary.jobs if job.started}
    for lane in found.lanes:
        assert all(a.left + a.width <= b.left + 1e-6 for a, b in pairwise(lane))
    assert max(bar.left + bar.width for bar in bars) == pytest.approx(100)
    assert 2 <= len(found.ticks) <= 9


def test_a_job_without_an_end_reaches_to_the_end_of_the_run(summary: RunSummary) -> None:
    job = summary.jobs[0].model_copy(update={"ended": None, "started": START})
    run = summary.model_copy(update={"jobs": (job,), "ended": START + timedelta(seconds=10)})
    found = lay_out(run)
    assert found is not None
    assert (found.lanes[0][0].left, found.lanes[0][0].width, found.seconds) == (0, 100, 10)


def test_jobs_without_an_end_in_a_run_without_one_lie_in_lanes_of_their_own(
    summary: RunSummary,
) -> None:
    later = START + timedelta(seconds=10)
    jobs = tuple(j.model_copy(update={"ended": None, "started": later}) for j in summary.jobs[:2])
    found = lay_out(summary.model_copy(update={"jobs": jobs, "started": START, "ended": None}))
    assert found is not None
    assert [len(lane) for lane in found.lanes] == [1, 1]
    assert all(lane[0].width == pytest.approx(100 / 11) for lane in found.lanes)


def test_a_run_in_which_nothing_started_has_no_timeline(summary: RunSummary) -> None:
    job = summary.jobs[0].model_copy(update={"started": None})
    assert lay_out(summary.model_copy(update={"jobs": (job,)})) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (41.2, "41.2"),
        (-14.234567, "−14.23"),  # noqa: RUF001
        (32000, "32000"),
        (1234567, "1\u202f234\u202f567"),
        (123456.7, "123\u202f457"),
        (0.00123456, "0.001235"),
        (-6e-5, "−6e−05"),  # noqa: RUF001
        (math.nan, "NaN"),
        (-math.inf, "−∞"),  # noqa: RUF001
    ],
)
def test_numbers_read_well(value: float, words: str) -> None:
    assert say_number(value) == words


@given(value=st.floats(-1e300, 1e300) | st.sampled_from([math.inf, -math.inf, math.nan]))
def test_any_number_can_be_said_and_is_not_far_off(value: float) -> None:
    words = say_number(value).replace("\u202f", "").replace("−", "-").replace("∞", "inf")  # noqa: RUF001
    assert math.isnan(value) or float(words) == pytest.approx(value, rel=6e-3)


def test_values_durations_and_sizes_read_well() -> None:
    said = [say_value(v) for v in (None, True, "x", {"a": [1]}, "y" * 500)]
    assert said == ["", "True", "x", '{"a": [1]}', "y" * 400 + " …"]
    times = [say_duration(s) for s in (None, 0.424, 12.34, 245, 7260)]
    assert times == ["–", "0.42 s", "12.3 s", "4 min 05 s", "2 h 01 min"]  # noqa: RUF001
    assert [say_bytes(n) for n in (12, 66_600, 1_020_000, 3e9)] == [
        "12 B",
        "66.6 KB",
        "1.02 MB",
        "3 GB",
    ]


def test_the_headline_counts_allowed_skips_apart(tmp_path: Path) -> None:
    run = load_run(build_small(tmp_path))
    assert write_headline(run).sentence == "The only check passed."
    skipped = run.jobs[0].model_copy(update={"checks": (check("a"), check("b", "skipped"))})
    run = run.model_copy(update={"jobs": (skipped,)})
    assert "(1 skipped, as the profile allows)" in write_headline(run).sentence


def test_a_run_without_a_plan_says_so(summary: RunSummary) -> None:
    run = summary.model_copy(update={"jobs": (), "verdict": "incomplete"})
    assert write_headline(run).sentence == "No job was planned."
