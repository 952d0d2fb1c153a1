"""A log loses no entry, whatever happens to its writers."""

from __future__ import annotations

import multiprocessing
from datetime import timedelta
from pathlib import Path

import pytest
from reviewed_run import BEN, answer_to, session_of

from proofbook.records import now
from proofbook.runs.folder import RunFolder
from proofbook.signoff.entries import Seal
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.verification import verify_run


def test_a_torn_last_line_is_dropped_and_said(signed: RunFolder) -> None:
    with (signed.path / "signoffs.jsonl").open("a") as file:
        file.write('{"kind":"answer","number":5,')
    found = verify_run(signed)
    assert found.verdict == "approved"
    assert "the last line is torn and is ignored" in found.notes
    session = session_of(signed)
    log = session.log
    log.append(lambda n, p: Seal(number=n, previous=p, run=session.info.run_id, files={}))
    assert log.repaired == ["dropped a torn last line of 28 bytes"]
    assert len(log.read().entries) == 6
    assert log.read().problems == ()


def test_a_head_that_a_crash_left_behind_is_no_alarm(signed: RunFolder) -> None:
    head = (signed.path / "signoffs.head").read_bytes()
    session_of(signed).answer(answer_to(signed, "clip", "good"), BEN)
    (signed.path / "signoffs.head").write_bytes(head)
    assert session_of(signed).log.read().problems == ()


def test_a_clock_that_goes_backwards_is_remarked(signed: RunFolder) -> None:
    session = session_of(signed)
    early = now() - timedelta(days=400)
    session.log.append(
        lambda n, p: Seal(number=n, previous=p, run=session.info.run_id, files={}, time=early)
    )
    state = session.log.read()
    assert state.problems == ()
    assert state.notes == ("entry 5 is dated before entry 4: a clock went backwards",)


def append_many(folder: str, run: str, count: int) -> None:
    log = SignoffLog(Path(folder), run)
    for _ in range(count):
        log.append(lambda n, p: Seal(number=n, previous=p, run=run, files={}))


@pytest.mark.exhaustive
def test_many_processes_append_and_none_is_lost(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=append_many, args=(str(tmp_path), "r", 20)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    state = SignoffLog(tmp_path, "r").read()
    assert [entry.number for entry in state.entries] == list(range(60))
    assert state.problems == ()
