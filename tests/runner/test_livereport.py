"""The report follows the run, in at most a twentieth of the time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from waiting import HANG

from proofbook.files import append_line
from proofbook.records import Evidence, Outcome, PlannedJob, RunInfo
from proofbook.runner import livereport
from proofbook.runner.events import CellStarted, Event, JobEnded, Note
from proofbook.runner.livereport import LiveReport
from proofbook.runner.reserve import Reserve
from proofbook.runs.folder import RunFolder
from proofbook.runs.media_store import store_media

ENDED = JobEnded(outcome=Outcome(job="a", runbook="demo/one", status="crashed"))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path / "r1")
    run.media.mkdir(parents=True)
    plan = (PlannedJob(id="a", runbook="demo/one", timeout=1),)
    run.write_info(RunInfo(run_id="r1", profile="tiny", plan=plan))
    run.job("a").path.mkdir(parents=True)
    return run


class Closing(threading.Event):
    """Stands in for the pause between two writes: it lasts until it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []
        self.over = threading.Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout or 0)
        self.over.acquire()
        return self.is_set()

    def set(self) -> None:
        super().set()
        self.over.release()


@pytest.fixture
def closing() -> Closing:
    return Closing()


def follow(
    run: RunFolder, closing: Closing, clock: Callable[[], float], sink: Callable[[Event], None]
) -> LiveReport:
    return LiveReport(run, 1, Reserve(run.path), sink, clock, closing)


def outcome_of(run: RunFolder) -> str:
    status: str = json.loads((run.report / "report.json").read_text())["jobs"][0]["outcome"]
    return status


def test_it_is_written_after_a_job_has_ended_and_time_has_passed(
    run: RunFolder, closing: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = threading.Semaphore(0)
    write = livereport.write_report

    def counted(folder: RunFolder, **options: Any) -> Path:
        path = write(folder, **options)
        written.release()
        return path

    monkeypatch.setattr(livereport, "write_report", counted)
    times = iter([0.0, 1.0, 5.0, 30.0, 30.5, 31.0])
    report = follow(run, closing, lambda: next(times), lambda event: None)
    with report.following():  # writes from 0 to 1: nothing before 21
        assert written.acquire(timeout=HANG)
        assert outcome_of(run) == "incomplete"
        run.job("a").write_outcome(ENDED.outcome)
        report.handle(CellStarted(job="a", index=0, total=1, cell="x"))
        report.handle(ENDED)
        closing.over.release()
        assert written.acquire(timeout=HANG)
        assert outcome_of(run) == "crashed"
    assert closing.pauses[0] == 16  # at 5; what ends with the run is not written here
    assert not written.acquire(blocking=False)


def test_what_cannot_be_written_is_noted_and_tried_again(
    run: RunFolder, closing: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: RunFolder, **options: Any) -> Path:
        raise OSError(13, "Permission denied")

    noted = threading.Event()
    events: list[Event] = []

    def sink(event: Event) -> None:
        events.append(event)
        noted.set()

    report = follow(run, closing, lambda: 0.0, sink)
    with report.following():
        monkeypatch.setattr(livereport, "write_report", full)
        for _ in range(2):
            noted.clear()
            report.handle(ENDED)
            closing.over.release()
            assert noted.wait(HANG)
    assert len(events) == 2
    assert all(isinstance(event, Note) and "Permission denied" in event.text for event in events)


@pytest.mark.parametrize(("jobs", "apart"), [(100, False), (101, True)])
def test_the_report_of_many_jobs_is_written_by_a_process_of_its_own(
    jobs: int, apart: bool, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers: list[str] = []

    def write(name: str, folder: RunFolder, **options: Any) -> Path:
        writers.append(name)
        return folder.path

    for name in ("write_report", "write_report_apart"):
        monkeypatch.setattr(livereport, name, partial(write, name))
    LiveReport(run, jobs, Reserve(run.path), lambda event: None).write()
    assert writers == ["write_report_apart" if apart else "write_report"]


def test_any_other_fault_is_not_swallowed(
    run: RunFolder, closing: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = threading.Event()

    def broken(folder: RunFolder, **options: Any) -> Path:
        tried.set()
        raise ValueError("no such template")

    report = follow(run, closing, lambda: 0.0, lambda event: None)
    with pytest.raises(ValueError, match="no such template"), report.following():
        monkeypatch.setattr(livereport, "write_report", broken)
        report.handle(ENDED)
        closing.over.release()
        assert tried.wait(HANG)


def test_media_are_hashed_once_for_all_reports_of_a_run(
    run: RunFolder, closing: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = store_media(run.media, b"sound", ".wav")
    run.job("a").path.mkdir(parents=True, exist_ok=True)
    evidence = Evidence(name="clip", media_kind="audio", file=clip)
    append_line(run.job("a").records, evidence.model_dump_json())
    hashed = []
    monkeypatch.setattr(
        "proofbook.runs.media_index.hash_file", lambda path: hashed.append(path.name) or clip.sha256
    )
    report = follow(run, closing, lambda: 0.0, lambda event: None)
    report.write()
    report.write()
    assert hashed == [clip.filename]
