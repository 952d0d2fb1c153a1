"""Small, whole runs that ask every form of question, and answers to them."""

from __future__ import annotations

import math
import tempfile
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from executed import write_notebook

from proofbook.files import append_line
from proofbook.media import Media, image, text, video
from proofbook.records import (
    AnyRecord,
    Begin,
    CellState,
    Check,
    Evidence,
    Fact,
    Finish,
    Metric,
    Outcome,
    PlannedJob,
    Question,
    RunInfo,
)
from proofbook.runs.folder import RunFolder
from proofbook.runs.media_store import store_media
from proofbook.signoff.acceptance import SubmittedAnswer
from proofbook.signoff.answering import ReviewSession
from proofbook.signoff.entries import Reviewer

START = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
ANN, BEN = Reviewer(name="Ann", role="art director"), Reviewer(name="Ben")


def tone(path: Path, hertz: float = 440, level: float = 0.3, **more: Any) -> Media:
    """Return a short tone; its views are no drawings of it, which would take most of the time."""
    times = np.arange(6400) / 8000
    samples = np.rint(32767 * level * np.sin(2 * np.pi * hertz * times)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, len(samples), "NONE", ""))
        file.writeframes(samples.tobytes())
    views = {}
    for name, row in (("waveform", samples[:64]), ("spectrogram", samples[64:128])):
        picture = image(np.abs(row).reshape(8, 8) / 32768, name=name).source
        assert isinstance(picture, bytes)
        views[name] = picture
    facts = (
        Fact(name="duration", value=0.8, unit="s"), Fact(name="peak", value=level, unit="FS"),
        Fact(name="loudness", value=20 * math.log10(level) - 3.7, unit="LUFS"),
    )  # fmt: skip
    return Media(
        kind="audio", source=path, suffix=".wav", name=path.stem, facts=facts, views=views, **more
    )


def store(run: RunFolder, media: Media) -> Evidence:
    return Evidence(
        name=media.name, media_kind=media.kind, caption=media.caption, facts=media.facts,
        file=store_media(run.media, media.source, media.suffix),
        views={name: store_media(run.media, png, ".png") for name, png in media.views.items()},
    )  # fmt: skip


def write_job(
    run: RunFolder, job: str, records: list[AnyRecord], *, status: str = "passed", **more: Any
) -> PlannedJob:
    folder = run.job(job)
    folder.path.mkdir(parents=True)
    begin = Begin(runbook="demo/clip", parameters={"seed": 7})
    counts: dict[str, int] = {"begin": 1}
    for record in records:
        counts[record.kind] = counts.get(record.kind, 0) + 1
    for each in (begin, *records, Finish(counts=counts)):
        append_line(folder.records, each.model_dump_json())
    cells = (CellState(index=0, id="finish", cell_type="code", status="completed"),)
    outcome = {"job": job, "runbook": "demo/clip", "status": status, "started": START,
               "ended": START + timedelta(seconds=3), "cells": cells, **more}  # fmt: skip
    folder.write_outcome(Outcome.model_validate(outcome))
    write_notebook(folder.notebook)
    folder.log.write_text("loading\ndone\n")
    return PlannedJob(id=job, runbook="demo/clip", timeout=60)


def make_run(
    outputs: Path,
    run_id: str = "20260304-090000-demo-aaaa",
    *,
    hertz: float = 440,
    level: float = 0.3,
    words: str = "one\ntwo\n",
    form: str = "approve",
    broken: bool = False,
    started: datetime = START,
) -> RunFolder:
    """Write a run with a clip, a picture, a text and a scored pair of clips."""
    run = RunFolder(outputs / run_id)
    run.path.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = store(run, tone(folder / "clip.wav", hertz, level, caption="a tone"))
        other = store(run, tone(folder / "other.wav", hertz * 2))
        picture = store(run, image(np.linspace(0, 1, 64 * 64).reshape(64, 64), name="picture"))
        story = store(run, text(words, name="story"))
    check = Check(name="audible", status="failed" if broken else "passed", expected="yes")
    speed = Metric(name="speed", value=41.2, unit="token/s", better="higher")
    asked: Any = form
    plan = (
        write_job(run, "clip", [check, speed, clip, _ask("good", "Is it good?", clip, form=asked)],
                  status="failed" if broken else "passed"),
        write_job(run, "scored", [check.model_copy(update={"status": "passed"}), other, Question(
            name="scores", text="How good is it?", about=(other.file.sha256,), form="score",
            criteria=("melody", "noise"))]),
        write_job(run, "looks", [
            check.model_copy(update={"status": "passed"}), picture, story,
            Question(name="picture-good", text="Is it sharp?", about=(picture.file.sha256,),
                     role="art director"),
            _ask("story-good", "Does it read well?", story, required=False)]),
    )  # fmt: skip
    info = RunInfo(
        run_id=run_id, profile="demo", plan=plan, started=started,
        verdict="failed" if broken else "unreviewed", ended=started + timedelta(seconds=9),
    )  # fmt: skip
    run.write_info(info)
    return run


def _ask(name: str, words: str, evidence: Evidence, **more: Any) -> Question:
    return Question(name=name, text=words, about=(evidence.file.sha256,), **more)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run that asks."""
    return make_run(tmp_path / "outputs")


@pytest.fixture(scope="session")
def key() -> Ed25519PrivateKey:
    """A key to sign with."""
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture
def key_file(key: Ed25519PrivateKey, tmp_path: Path) -> Path:
    """The file of the key."""
    path = tmp_path / "id_ed25519"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    return path


def session_of(run: RunFolder, **more: Any) -> ReviewSession:
    return ReviewSession(run, run.read_info(), **more)


def answer_to(
    run: RunFolder, job: str, question: str, verdict: str = "approved", **more: Any
) -> SubmittedAnswer:
    """Return an answer that is accepted."""
    asked = next(q for q in session_of(run).job(job).questions if q.name == question)
    scores = dict.fromkeys(asked.criteria, 4) if verdict == "approved" else {}
    played = dict.fromkeys(asked.about, 0.8)
    values = {"job": job, "question": question, "verdict": verdict, "scores": scores,
              "seconds_played": played, "shown": asked.about, **more}  # fmt: skip
    return SubmittedAnswer.model_validate(values)


EVERYTHING = (
    ("clip", "good"),
    ("scored", "scores"),
    ("looks", "picture-good"),
    ("looks", "story-good"),
)


def approve_all(run: RunFolder, **more: Any) -> ReviewSession:
    session = session_of(run, **more)
    for job, question in EVERYTHING:
        session.answer(answer_to(run, job, question), ANN)
    return session


def make_film_run(outputs: Path) -> RunFolder:
    """Write a run that asks about one film."""
    from proofbook_subjects.checklists.films import write_film

    run = RunFolder(outputs / "20260304-120000-demo-film")
    run.path.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as name:
        path = write_film(Path(name) / "film.mp4", width=90, height=160)
        film = store(run, video(path, caption="a bar that wanders"))
    check = Check(name="sound", status="passed", expected="yes")
    plan = (write_job(run, "film", [check, film, _ask("good", "Is it good?", film)]),)
    info = RunInfo(run_id=run.path.name, profile="demo", plan=plan, started=START,
                   verdict="unreviewed", ended=START + timedelta(seconds=9))  # fmt: skip
    run.write_info(info)
    return run
