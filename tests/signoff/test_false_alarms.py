"""A run that was moved, copied or used as it may be is as it was."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from forged_runs import TRUST, export, git, verify
from forging import ANNS, BENS, append, edit_log, seal_now
from reviewed_run import ANN, BEN, START, answer_to, session_of

from proofbook.records import Resumption
from proofbook.report import write_report
from proofbook.runs.folder import RunFolder
from proofbook.signoff.log import SignoffLog


@pytest.fixture
def run(signed_by_ann: RunFolder) -> RunFolder:
    return signed_by_ann


def moved(run: RunFolder, target: Path) -> Path:
    return run.path.rename(target)


def copied(run: RunFolder, target: Path) -> Path:
    return shutil.copytree(run.path, target)


def copied_without_hidden_files(run: RunFolder, target: Path) -> Path:
    target.mkdir()
    shown = [str(path) for path in run.path.iterdir() if not path.name.startswith(".")]
    subprocess.run(["cp", "-r", *shown, str(target)], check=True)
    return target


def zipped(run: RunFolder, target: Path) -> Path:
    shutil.make_archive(str(target) + "-packed", "zip", run.path)
    shutil.unpack_archive(f"{target}-packed.zip", target)
    return target


def cloned(run: RunFolder, target: Path) -> Path:
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "run")):
        git(run.path, *words)
    git(target.parent, "clone", "-q", str(run.path), str(target))
    return target


def with_notes(run: RunFolder, target: Path) -> Path:
    for name in ("notes.txt", ".DS_Store", "jobs/clip/notes.txt"):
        (run.path / name).write_text("mine")
    return run.path


def with_other_hidden_things(run: RunFolder, target: Path) -> Path:
    (run.path / ".tool" / ".state").write_text("another")
    (run.path / ".tool" / "more").mkdir()
    (run.path / ".tool" / "more" / "file").write_text("new")
    (run.path / ".file").write_text("new")
    return run.path


def without_hidden_folders(run: RunFolder, target: Path) -> Path:
    shutil.rmtree(run.path / ".tool")
    (run.path / ".link").symlink_to(target.parent)
    return run.path


def reported_again(run: RunFolder, target: Path) -> Path:
    write_report(run, trust=TRUST)
    return run.path


def answered_again(run: RunFolder, target: Path) -> Path:
    session = session_of(run, key=BENS, trust=TRUST)
    session.seal()
    session.answer(answer_to(run, "clip", "good", comment="me too"), BEN)
    return run.path


def accepted_by_ann(run: RunFolder, target: Path) -> Path:
    run.job("clip").log.write_text("another")
    session = session_of(run, key=ANNS, trust=TRUST)
    session.accept_changes(["jobs/clip/output.log"], ANN, "a secret was blackened")
    return run.path


def resumed_after_the_clock_was_set_back(run: RunFolder, target: Path) -> Path:
    earlier = START - timedelta(days=1)
    head = SignoffLog(run.path, run.path.name).read().hashes[-1]
    info = run.read_info()
    again = Resumption(time=earlier, log_head=head)
    run.write_info(info.model_copy(update={"resumed": (again,)}))
    append(run, {**seal_now(run), "time": f"{earlier:%Y-%m-%dT%H:%M:%SZ}"})
    return run.path


def answered_after_a_clock_was_ahead(run: RunFolder, target: Path) -> Path:
    edit_log(run, lambda entries: entries[0].update(time="2099-01-01T00:00:00Z"), ANNS)
    return run.path


@pytest.mark.parametrize(
    "move",
    [moved, copied, copied_without_hidden_files, zipped, cloned, with_notes,
     with_other_hidden_things, without_hidden_folders, reported_again, answered_again,
     accepted_by_ann, resumed_after_the_clock_was_set_back],
)  # fmt: skip
def test_no_alarm_is_false(
    run: RunFolder, tmp_path: Path, move: Callable[[RunFolder, Path], Path]
) -> None:
    kept = export(run)
    place = RunFolder(move(run, tmp_path / "there"))
    found = verify(place, str(kept))
    assert (found.verdict, found.reasons) == ("approved", ())


def test_the_words_of_a_run_are_json(run: RunFolder) -> None:
    assert json.loads(export(run).read_text().splitlines()[0])["payloadType"].startswith("appl")


def test_answers_count_whatever_an_earlier_clock_said(run: RunFolder) -> None:
    place = RunFolder(answered_after_a_clock_was_ahead(run, run.path))
    assert verify(place).verdict == "approved"
