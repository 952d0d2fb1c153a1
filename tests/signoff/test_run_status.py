"""A run that is read back is hashed once, whatever is asked about it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reviewed_run import approve_all, make_run

from proofbook.report import write_report
from proofbook.runs.folder import RunFolder
from proofbook.signoff.run_status import read_run
from proofbook.signoff.verification import verify_run


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Counter[Path]:
    """How often each file was hashed."""
    counts: Counter[Path] = Counter()
    digest = hashlib.file_digest

    def count(file: Any, *arguments: Any) -> Any:
        counts[Path(file.name)] += 1
        return digest(file, *arguments)

    monkeypatch.setattr(hashlib, "file_digest", count)
    return counts


@pytest.mark.parametrize("reader", [read_run, write_report, verify_run])
def test_each_media_file_of_a_run_is_hashed_once(
    signed: RunFolder, hashed: Counter[Path], reader: Callable[[RunFolder], object]
) -> None:
    hashed.clear()
    reader(signed)
    media = {path: count for path, count in hashed.items() if path.parent == signed.media}
    assert media == dict.fromkeys(signed.media.iterdir(), 1)


@pytest.mark.parametrize("reader", [read_run, verify_run])
def test_media_of_an_unanswered_run_are_hashed_once(
    run: RunFolder, hashed: Counter[Path], reader: Callable[[RunFolder], object]
) -> None:
    reader(run)
    assert {hashed[path] for path in run.media.iterdir()} == {1}


def test_an_unanswered_run_waits_for_people(run: RunFolder) -> None:
    status = read_run(run)
    assert (status.verdict, status.supported, status.cause) == ("unreviewed", "unreviewed", "")
    assert [job.outcome.status for job in status.jobs] == ["passed"] * 3
    assert [len(job.questions) for job in status.jobs] == [1, 1, 2]


def test_what_jobs_support_is_told_apart_from_what_run_json_says(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs")
    approve_all(run)
    run.write_info(run.read_info().model_copy(update={"ended": None, "verdict": "incomplete"}))
    status = read_run(run)
    assert (status.supported, status.verdict) == ("passed", "incomplete")
    assert status.cause.startswith("run.json records no end")
