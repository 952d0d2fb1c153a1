"""Of 3,000 jobs with 36 failures the worst comes first, nothing bad is cut, figures are said."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from large_run import (
    CRASH,
    broken,
    clip,
    failures,
    loudness,
    make_job,
    make_large,
    make_run,
    question,
    quiet,
)
from sample_run import GOOD, build_small, check, write_records

from proofbook.records import Fault
from proofbook.report import RunSummary, load_run, write_report
from proofbook.report.causes import find_causes
from proofbook.report.history import History, load_history, remember
from proofbook.report.junit import render_junit
from proofbook.report.markdown import render_markdown
from proofbook.report.page import render_page
from proofbook.report.past import Past
from proofbook.report.single import choose_media
from proofbook.report.summary import JobSummary


def history_of(outputs: Path, *runs: RunSummary) -> History:
    """Return the history of the last of these runs."""
    for run in runs[:-1]:
        report = outputs / run.run_id / "report" / "report.json"
        report.parent.mkdir(parents=True)
        report.write_text("{}")
        remember(outputs, run)
    return load_history(outputs, runs[-1])


def kinds_of(history: History) -> list[tuple[str, str]]:
    return [(change.kind, change.what) for change in history.changes]


@pytest.fixture(scope="module")
def large() -> RunSummary:
    return make_large(2)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, large: RunSummary) -> History:
    green = [make_job(number) for number in range(3000)]
    return history_of(tmp_path_factory.mktemp("o"), make_run(green, 0), make_run(green, 1), large)


@pytest.mark.exhaustive
def test_what_newly_fails_is_whole_and_the_worst_comes_first(history: History) -> None:
    newly = [change for change in history.changes if change.kind == "newly failing"]
    states = [change.state for change in newly]
    assert states == ["crashed"] * 3 + ["timed_out"] + ["error"] * 2 + ["failed"] * 30
    assert {change.job for change in newly} == {job.id for job in failures()}
    assert len(history.changes) == 36  # and nothing is gone


@pytest.mark.exhaustive
def test_page_and_markdown_name_every_failing_job(
    large: RunSummary, history: History, tmp_path: Path
) -> None:
    page = render_page(large, tmp_path, history)
    changes = page[page.index('id="changes"') : page.index('id="attention"')]
    text = render_markdown(large, history)
    listed = text[text.index("### Since") : text.index("### Causes")]
    for job in failures():
        assert f"{job.id}" in changes
        assert job.id.replace("-", "\\-") in listed
    assert "6 jobs, 30 checks" in changes
    assert "24 more newly failing" in changes
    assert page.count('<details class="job panel') == 3000
    assert len(re.findall(r'<details class="job [^>]* open', page)) == 3


@pytest.mark.exhaustive
def test_a_job_that_was_stopped_says_what_it_did_not_reach(
    large: RunSummary, history: History, tmp_path: Path
) -> None:
    words = "4 checks passed, 6 not reached"
    assert words in render_page(large, tmp_path, history)
    assert words in render_markdown(large, history)
    assert f"{CRASH} ({words})" in render_junit(large, history).decode()
    unknown = "4 checks made, the runbook did not reach its end"
    assert unknown in render_page(large, tmp_path)
    assert unknown in render_markdown(large)


def test_causes_have_figures_and_single_ones_are_there(large: RunSummary) -> None:
    causes = find_causes(large.jobs)
    assert [(cause.state, len(cause.jobs)) for cause in causes] == [
        ("crashed", 3), ("timed_out", 1), ("error", 2), ("failed", 21), *[("failed", 1)] * 9
    ]  # fmt: skip
    assert causes[3].name == "loudness"
    assert causes[3].detail == (
        "expected −18 ± 4 LUFS, found −33.1 to −29.4 (median −31.25) LUFS"  # noqa: RUF001
    )
    assert causes[2].detail == "KeyError: 'layer.…' (cell load)"
    assert "21 jobs, failed: **loudness** expected" in render_markdown(large)


def test_equal_values_are_one_figure_and_odd_ones_are_said() -> None:
    (cause,) = find_causes([quiet(1, -31.0), quiet(2, -31.0)])
    assert cause.detail == "expected −18 ± 4 LUFS, found −31 LUFS"  # noqa: RUF001
    (cause,) = find_causes([quiet(1, -31.0), quiet(2, float("nan"))])
    assert cause.detail.endswith("found −31 LUFS, NaN LUFS")  # noqa: RUF001


def test_other_expectations_are_other_causes() -> None:
    job = make_job(2, "failed", checks=(check("loudness", "failed", expected="5"),))
    assert len(find_causes([quiet(1, -31.0), job])) == 2


def test_gone_is_what_left_the_plan_or_what_a_whole_job_did_not_make(tmp_path: Path) -> None:
    before = make_run([make_job(number) for number in range(4)], 0)
    fewer = make_job(1).model_copy(update={"checks": make_job(1).checks[1:]})
    now = make_run([make_job(0), fewer, broken(2, "crashed", CRASH)], 1)
    assert kinds_of(history_of(tmp_path, before, now)) == [
        ("newly failing", "generate-00002"),
        ("gone", "generate-00003"),
        ("gone", "generate-00001: check-0"),
    ]


def test_what_failed_before_still_fails_and_what_passes_again_recovered(tmp_path: Path) -> None:
    before = make_run([quiet(0, -31.0), quiet(1, -31.0), quiet(2, -31.0), make_job(3)], 0)
    now = make_run([quiet(0, -31.0), make_job(1), broken(2, "crashed", CRASH), make_job(3)], 1)
    assert kinds_of(history_of(tmp_path, before, now)) == [
        ("newly failing", "generate-00002"),
        ("still failing", "generate-00000: loudness"),
        ("recovered", "generate-00001: loudness"),
    ]


def test_a_job_that_fails_at_once_is_new_and_bad(tmp_path: Path) -> None:
    now = make_run([make_job(0), make_job(1), quiet(2, -31.0)], 1)
    found = history_of(tmp_path, make_run([make_job(0)], 0), now)
    assert [(c.kind, c.job, c.is_bad) for c in found.changes] == [
        ("new", "generate-00002", True), ("new", "generate-00001", False)
    ]  # fmt: skip


def test_a_job_whose_turn_has_not_come_is_no_change(tmp_path: Path) -> None:
    waiting = make_job(1, "incomplete", started=None, ended=None, checks=())
    now = make_run([make_job(0), waiting], 1, ended=None)
    before = make_run([make_job(0), make_job(1)], 0)
    assert history_of(tmp_path, before, now).changes == ()


def test_a_crash_between_does_not_hide_a_regression(tmp_path: Path) -> None:
    crashed = broken(0, "crashed", CRASH)
    runs = [make_run([job], day) for day, job in enumerate((make_job(0), crashed, quiet(0, -31.0)))]
    found = history_of(tmp_path, *runs)
    assert ("newly failing", "generate-00000: loudness") in kinds_of(found)


@pytest.mark.parametrize(
    ("states", "kind", "words"),
    [
        ("ggggb", "newly failing", "newly failing since run-3: passed in all 4 runs before"),
        ("gggbb", "still failing", "failing since run-3, 2 runs"),
        ("bbbbb", "still failing", "failed in all 5 runs"),
        ("gbggb", "flaky", "flaky: failed in 2 of the last 5 runs"),
        ("gbggg", "flaky", "flaky: failed in 1 of the last 5 runs"),
        ("bbbgg", "steady", "passed in 2 of the last 5 runs, in all since run-3"),
        ("bbbbg", "recovered", "recovered: failed in run-3"),
        ("gsssb", "newly failing", "newly failing since run-0: passed in the one run before"),
        ("ggggg", "steady", "passed in all 5 runs"),
    ],
)
def test_the_sequence_tells_a_regression_from_a_flaky_check(
    states: str, kind: str, words: str
) -> None:
    names = {"g": "good", "b": "bad", "s": "skipped"}
    runs = tuple(f"run-{number}" for number in range(4))
    past = Past(states=tuple(names[state] for state in states), runs=runs)
    assert (past.kind, past.words) == (kind, words)


def media_of(path: Path, jobs: list[JobSummary]) -> list[JobSummary]:
    """Give each job a clip of 3,000 bytes."""
    for number in range(len(jobs)):
        (path / clip(number, 0).file.filename).write_bytes(b"x" * 3000)
    return [
        job.model_copy(update={"evidence": (clip(number, 3000),)})
        for number, job in enumerate(jobs)
    ]


@pytest.mark.parametrize("room", [4200, 8300, 12_500])
def test_media_of_failing_jobs_come_first_then_those_of_questions(
    tmp_path: Path, room: int
) -> None:
    asked = make_job(1, questions=(question("fine"),))
    run = make_run(media_of(tmp_path, [make_job(0), asked, quiet(2, -31.0)]))
    embedding = choose_media(run, tmp_path, room)
    order = [clip(number, 0).file.filename for number in (2, 1, 0)]
    assert embedding.chosen == set(order[: room // 4000])
    groups = ["failing jobs", "jobs with open questions", "other jobs"]
    assert embedding.left_out_of == dict.fromkeys(groups[room // 4000 :], 1)
    page = render_page(run, tmp_path, embedding=embedding)
    assert ("1 of other jobs." in page) is (room < 12_000)
    assert page.count("data:audio/wav;base64") == room // 4000


@pytest.mark.exhaustive
def test_a_large_single_page_leaves_room_for_media(large: RunSummary, tmp_path: Path) -> None:
    assert len(render_page(large, tmp_path)) < 8_000_000


def test_questions_are_grouped_by_job_and_folded_beyond_three(tmp_path: Path) -> None:
    asked = tuple(question(f"row-{number}-sounds-right") for number in range(8))
    run = make_run([make_job(number, questions=asked) for number in range(5)])
    page = render_page(run.model_copy(update={"verdict": "unreviewed"}), tmp_path)
    section = page[page.index('id="questions"') : page.index('id="jobs"')]
    assert section.count("<small>8 questions</small>") == 5
    assert section.count("5 more questions") == 5
    assert "2 more jobs with open questions" in section
    assert "<b>row-7-sounds-right</b> Does it sound right?" in section


def test_a_fault_is_shown_in_every_form(tmp_path: Path) -> None:
    run = build_small(tmp_path)
    run.job(GOOD.id).records.unlink()
    words = ("thread loader raised ValueError: 7", "expect('size') was refused: no number")
    faults = [Fault(what=what) for what in words]
    write_records(run, GOOD.id, [check("exists"), *faults], whole=True)
    page = write_report(run).read_text()
    assert load_run(run).jobs[0].faults == words
    cases = ET.parse(run.report / "junit.xml").getroot().findall(".//error[@type='fault']")
    assert [case.get("message") for case in cases] == list(words)
    text = (run.report / "report.md").read_text()
    for what in words:
        assert what.replace("'", "&#39;") in page
    assert "expect\\('size'\\) was refused: no number" in text


def test_a_check_made_in_error_groups_by_its_reason() -> None:
    def job(number: int) -> JobSummary:
        bad = check("loads", "error", reason=f"OSError: port {8000 + number} is taken\nmore")
        return make_job(number, "failed", checks=(loudness(-18.0), bad))

    (cause,) = find_causes([job(1), job(2)])
    assert cause.detail == "OSError: port … is taken"
