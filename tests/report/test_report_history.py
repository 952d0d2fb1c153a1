"""What earlier runs said: changes, trends, flaky checks, from an index that may be deleted."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sample_run import START, check, planned, write_outcome, write_records
from unprivileged import without_rights

from proofbook.records import Identity, Metric, RunInfo
from proofbook.report import load_run, write_report
from proofbook.report.history import History, Past, Series, load_history
from proofbook.report.index import metric_key
from proofbook.runs.folder import RunFolder

HARDWARE: dict[str, float | str] = {"platform": "Linux", "cores": 2.0}


def write_run(
    outputs: Path,
    day: int,
    *,
    states: dict[str, str],
    speed: float = 40.0,
    hardware: dict[str, float | str] = HARDWARE,
    environment: dict[str, str] | None = None,
    revision: str = "",
    report: bool = True,
    dated: int | None = None,
) -> RunFolder:
    """Write a run whose jobs each made one check, called ``sound``, and one metric."""
    run = RunFolder(outputs / f"2025{day:04d}-run")
    run.path.mkdir(parents=True)
    plan = tuple(planned(job) for job in states)
    for job, state in zip(plan, states.values(), strict=True):
        metric = Metric(name="speed", value=speed, labels={"model": "small"})
        made: Any = [check("sound", state), metric]
        made += [Identity(name="model", revision=revision)] if revision else []
        write_records(run, job.id, made, whole=True)
        write_outcome(run, job, "failed" if state == "failed" else "passed", 0, 1)
    started = START + timedelta(days=day if dated is None else dated)
    info = RunInfo(
        run_id=run.path.name, profile="p", plan=plan, started=started,
        ended=started + timedelta(seconds=9), hardware=hardware,
        verdict="failed" if "failed" in states.values() else "passed",
        environment=environment or {"torch": "2.13"},
    )  # fmt: skip
    run.write_info(info)
    if report:
        write_report(run)
    return run


def history_of(run: RunFolder) -> History:
    return load_history(run.path.parent, load_run(run))


def test_the_first_run_has_no_history(tmp_path: Path) -> None:
    run = write_run(tmp_path, 1, states={"a": "passed"})
    assert history_of(run) == History()


def test_what_changed_since_the_last_run_is_named(tmp_path: Path) -> None:
    write_run(tmp_path, 1, states={"a": "passed", "b": "failed", "old": "passed"})
    run = write_run(tmp_path, 2, states={"a": "failed", "b": "passed", "young": "passed"})
    found = history_of(run)
    assert found.previous == "20250001-run"
    assert [(change.kind, change.what) for change in found.changes] == [
        ("newly failing", "a: sound"), ("new", "young"), ("gone", "old"),
        ("recovered", "b: sound")]  # fmt: skip
    page = (run.report / "index.html").read_text()
    assert "Since the last run" in page
    assert "newly failing" in page


def test_a_clock_that_was_set_back_does_not_turn_the_history_round(tmp_path: Path) -> None:
    write_run(tmp_path, 1, states={"a": "passed"}, dated=300)
    write_run(tmp_path, 2, states={"a": "passed"}, dated=200)
    run = write_run(tmp_path, 3, states={"a": "failed"}, dated=100)
    found = history_of(run)
    assert found.previous == "20250002-run"
    assert [(change.kind, change.what) for change in found.changes] == [
        ("newly failing", "a: sound")]  # fmt: skip


def test_a_part_of_a_profile_makes_nothing_new_or_gone(tmp_path: Path) -> None:
    write_run(tmp_path, 1, states=dict.fromkeys("abcde", "passed"))
    write_run(tmp_path, 2, states={"z": "passed"})
    run = write_run(tmp_path, 3, states={"a": "failed", "young": "passed"})
    found = history_of(run)
    assert found.previous == "20250001-run"
    assert [change.kind for change in found.changes] == ["newly failing"]


def test_another_machine_or_profile_is_another_history(tmp_path: Path) -> None:
    write_run(tmp_path, 1, states={"a": "passed"}, hardware={"platform": "Linux", "cores": 64.0})
    run = write_run(tmp_path, 2, states={"a": "passed"})
    assert history_of(run).previous == ""


def test_the_environment_is_compared_with_the_last_green_run(tmp_path: Path) -> None:
    write_run(tmp_path, 1, states={"a": "passed"}, environment={"torch": "2.12", "rich": "14"})
    write_run(tmp_path, 2, states={"a": "failed"}, environment={"torch": "2.13"})
    run = write_run(tmp_path, 3, states={"a": "failed"}, environment={"torch": "2.13"})
    changes = history_of(run).changes
    assert [change.what for change in changes if change.kind == "environment"] == [
        "rich: 14 in 20250001-run, absent now",
        "torch: 2.12 in 20250001-run, 2.13 now",
    ]


def test_a_trend_needs_five_runs(tmp_path: Path) -> None:
    for day in range(1, 6):
        run = write_run(tmp_path, day, states={"a": "passed"}, speed=40.0 + day)
        series = history_of(run).series
        if day == 3:
            found = series[metric_key("a", load_run(run).jobs[0].metrics[0])]
            assert (found.values, found.enough) == ((41.0, 42.0, 43.0), False)
            assert found.words == "3 runs: too few to call a trend"
    found = series[metric_key("a", load_run(run).jobs[0].metrics[0])]
    assert (found.enough, found.words) == (True, "over 5 runs: 41 to 45")
    assert found.points.split()[0] == "0.0,19.0"
    assert found.points.split()[-1] == "100.0,1.0"
    assert "<polyline" in (run.report / "index.html").read_text()
    assert Series(values=(3.0, 3.0)).points == "0.0,19.0 100.0,19.0"


def test_a_check_that_changes_its_mind_twice_is_flaky(tmp_path: Path) -> None:
    for day, state in enumerate(("passed", "failed", "passed"), start=1):
        run = write_run(tmp_path, day, states={"a": state, "b": "passed"})
    found = history_of(run)
    assert found.flaky == {"a/sound": "flaky: failed in 1 of the last 3 runs"}
    assert (found.past["a", "sound"].marks, found.past["a", "sound"].mixed) == ("✓✗✓", True)
    assert (found.past["b", "sound"].words, found.past["b", "sound"].mixed) == (
        "passed in all 3 runs", False)  # fmt: skip
    page = (run.report / "index.html").read_text()
    assert "flaky: failed in 1 of the last 3 runs" in page
    assert "passed in all 3 runs" in page


def test_what_was_skipped_did_not_pass_and_is_no_change_of_mind() -> None:
    found = Past(states=("good", "skipped", "good", "skipped"))
    assert (found.words, found.flaky) == ("passed in all 2 runs", False)
    assert Past(states=("skipped",) * 3).words == "skipped in all 3 runs"
    # An old change of mind is forgotten.
    assert not Past(states=("good", "bad", *["good"] * 10)).flaky


def test_another_revision_of_the_model_is_another_trend(tmp_path: Path) -> None:
    for day, revision in enumerate(("a" * 40, "a" * 40, "b" * 40), start=1):
        state = "failed" if day == 2 else "passed"
        run = write_run(tmp_path, day, states={"j": state}, revision=revision)
        found = history_of(run)
        if day == 2:
            assert found.past["j", "sound"].marks == "✓✗"
            assert len(found.series) == 1
    assert found.series == {}
    assert found.past["j", "sound"].revised
    assert [(change.kind, change.what) for change in found.changes] == [
        ("subject", "j: model aaaaaaaaaaaa, now model bbbbbbbbbbbb"),
        ("recovered", "j: sound"),
    ]
    assert "model bbbbbbbbbbbb" in (run.report / "index.html").read_text()


def test_an_index_of_another_version_is_made_again(tmp_path: Path) -> None:
    write_run(tmp_path, 1, states={"a": "passed"})
    run = write_run(tmp_path, 2, states={"a": "failed"})
    expected = history_of(run)
    (tmp_path / "history.sqlite").unlink()
    with closing(sqlite3.connect(tmp_path / "history.sqlite")) as old, old:
        old.execute("create table results (run text, key text, state text, value real)")
    assert history_of(run) == expected


def test_the_index_is_made_again_from_the_reports(tmp_path: Path) -> None:
    first = write_run(tmp_path, 1, states={"a": "passed"})
    run = write_run(tmp_path, 2, states={"a": "failed"})
    expected = history_of(run)
    index = tmp_path / "history.sqlite"
    index.unlink()
    assert history_of(run) == expected
    index.write_bytes(b"no database at all" * 100)
    assert history_of(run) == expected
    for path in sorted(first.path.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert history_of(run) == History()


@pytest.mark.parametrize("text", ["{", "{}", '{"schema_version": 99}', "[" * 100_000])
def test_a_report_that_cannot_be_read_gives_no_history_and_is_named_once(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = write_run(tmp_path, 1, states={"a": "passed"}, report=False)
    first.report.mkdir()
    (first.report / "report.json").write_text(text)
    with caplog.at_level("WARNING", "proofbook.runs"):
        assert history_of(write_run(tmp_path, 2, states={"a": "failed"})).previous == ""
    (message,) = caplog.messages
    assert message.startswith("left out of the history: the report.json of 1 run in ")
    assert first.path.name in message


def test_a_copy_of_a_run_says_nothing_in_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = write_run(tmp_path, 1, states={"a": "passed"})
    copy = tmp_path / "2025a-copy"
    shutil.copytree(first.path, copy)
    report = copy / "report" / "report.json"
    report.write_text(report.read_text().replace('"passed"', '"failed"'))
    run = write_run(tmp_path, 2, states={"a": "failed"}, report=False)
    with caplog.at_level("WARNING", "proofbook.runs"):
        found = history_of(run)
    assert caplog.messages == [f"left out of the history: {copy}, a copy of {first.path.name}"]
    assert "newly failing" in {change.kind for change in found.changes}
    first.path.rename(tmp_path / "another-name")  # it is the only one that has that id
    shutil.rmtree(copy)
    assert history_of(run).previous == first.path.name


@pytest.mark.parametrize("mode", [0o000, 0o400])
def test_an_index_that_is_somebody_elses_is_left_alone_and_blocks_no_report(
    mode: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_run(tmp_path, 1, states={"a": "passed"})
    run = write_run(tmp_path, 2, states={"a": "failed"}, report=False)
    index = tmp_path / "history.sqlite"
    before = index.read_bytes()
    with without_rights(index, mode):
        write_report(run)
        history = history_of(run)
    assert history.previous == "20250001-run"
    assert {change.kind for change in history.changes} == {"newly failing"}
    assert index.read_bytes() == before
    assert "history.sqlite is not used" in caplog.text
