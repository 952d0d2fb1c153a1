"""Write a realistic run folder: every state a job can be in, real sounds, real pictures."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from executed import write_states
from matplotlib.figure import Figure

from proofbook.files import append_line
from proofbook.media import Media, audio, image, plot, text
from proofbook.records import (
    AnyRecord,
    Attempt,
    Begin,
    CellState,
    Check,
    Evidence,
    Failure,
    Finish,
    Metric,
    Outcome,
    PlannedJob,
    Question,
    RunInfo,
)
from proofbook.runs.folder import RunFolder
from proofbook.runs.media_store import store_media

START = datetime(2025, 6, 12, 14, 3, 20, tzinfo=UTC)
RATE = 32_000
CELLS = ("title", "parameters", "setup", "load", "load-checks", "generate", "evidence", "finish")

Edit = Callable[[RunFolder], None]


def write_chord(path: Path, *notes: float, seconds: float = 8.0, seed: int = 7) -> Path:
    """Write a plucked chord with a little noise, as a 16-bit WAV."""
    times = np.arange(round(seconds * RATE)) / RATE
    random = np.random.default_rng(seed)
    decay = np.exp(-1.5 * (times % 2))
    tones = [np.sin(2 * np.pi * note * times * (1 + i % 2)) for i, note in enumerate(notes)]
    left = 0.5 / len(notes) * np.sum(tones, axis=0) * decay
    sound = np.stack([left, np.roll(left, 200)], axis=1) + random.normal(0, 0.002, (len(times), 2))
    soundfile.write(path, sound, RATE, subtype="PCM_16")
    return path


def evidence_of(folder: RunFolder, media: Media) -> Evidence:
    """Store a media value as the notebook-side API does."""
    return Evidence(
        name=media.name,
        media_kind=media.kind,
        file=store_media(folder.media, media.source, media.suffix),
        caption=media.caption,
        labels=dict(media.labels),
        facts=media.facts,
        views={n: store_media(folder.media, png, ".png") for n, png in media.views.items()},
    )


def write_records(folder: RunFolder, job: str, records: list[AnyRecord], *, whole: bool) -> None:
    """Append a begin, the records and, for a whole job, a finish with true counts."""
    path = folder.job(job).path
    path.mkdir(parents=True, exist_ok=True)
    counts: dict[str, int] = {"begin": 1}
    for record in records:
        counts[record.kind] = counts.get(record.kind, 0) + 1
    end = [Finish(counts=counts)] if whole else []
    runbook = next((planned.runbook for planned in PLAN if planned.id == job), job)
    begin = Begin(runbook=runbook, parameters={"seed": 7, "device": "cpu"})
    for record in [begin, *records, *end]:
        append_line(folder.job(job).records, record.model_dump_json())


def write_outcome(
    folder: RunFolder, planned: PlannedJob, status: str, start: float, seconds: float, **more: Any
) -> None:
    """Write an outcome, a notebook and a log."""
    job = folder.job(planned.id)
    job.path.mkdir(parents=True, exist_ok=True)
    started = START + timedelta(seconds=start)
    stop = more.pop("stop", None)
    outcome = Outcome.model_validate(
        {
            "job": planned.id,
            "runbook": planned.runbook,
            "status": status,
            "started": started,
            "ended": started + timedelta(seconds=seconds),
            "kernel": "warm",
            "cells": cell_states(stop, seconds),
            **more,
        }
    )
    job.write_outcome(outcome)
    write_states(job.notebook, outcome.cells)
    lines = [f"\x1b[32mstep {i}\x1b[0m of 80: loss {2 / (i + 1):.4f}" for i in range(80)]
    job.log.write_text("\n".join(["loading 10%\rloading 100%", *lines]) + "\n")


def cell_states(stop: tuple[str, str] | None, seconds: float) -> list[CellState]:
    """Return the cells of a job that stopped at (cell, state), or at none."""
    states: list[CellState] = []
    status: Any = "completed"
    for index, cell in enumerate(CELLS):
        after = "not_run" if status != "completed" else "completed"
        status = stop[1] if stop and cell == stop[0] else after
        kind = "markdown" if cell == "title" else "code"
        took = seconds / len(CELLS) if status == "completed" and kind == "code" else None
        states.append(CellState(index=index, id=cell, cell_type=kind, status=status, seconds=took))
    return states


def check(name: str, status: Any = "passed", **more: Any) -> Check:
    return Check(name=name, status=status, **more)


def planned(job: str, runbook: str = "", **more: Any) -> PlannedJob:
    return PlannedJob(id=job, runbook=runbook or job, timeout=300, **more)


GOOD = planned("musicgen/generate-small", "musicgen/generate", parameters={"model": "small"})
PLAN = (
    planned("environment/packages", allow_skips=("cuda-*",)),
    GOOD,
    planned("musicgen/generate-medium", "musicgen/generate", parameters={"model": "medium"}),
    planned("musicgen/offload", needs=("musicgen/generate-medium",)),
    planned("training/resume", parameters={"steps": 200, "lr": 3e-4}),
    planned("training/interrupt"),
    planned("dreambooth/infer", parameters={"prompt": "a photo of sks dog, studio light"}),
    planned("ttsserver/profiles", retries=1),
    planned("ttsserver/stream"),
    planned("models/cuda", allow_skips=("*",)),
    planned("pipeline/video"),
    planned("pipeline/metrics"),
)


def build_run(outputs: Path) -> RunFolder:
    """Write the whole sample run and return its folder."""
    folder = RunFolder(outputs / "2025-06-12-140320-tiny")
    folder.path.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        _build_green(folder, Path(scratch))
        _build_red(folder, Path(scratch))
    _build_rest(folder)
    folder.write_info(
        RunInfo(
            run_id=folder.path.name,
            profile="tiny",
            profile_path="parameters/tiny.yaml",
            verdict="error",
            plan=PLAN,
            slots=2,
            commit="3f9c2ab81d77e0c4b1a2",
            dirty=True,
            environment={"python": "3.11.13", "torch": "2.13.0", "transformers": "5.23.0"},
            hardware={"cores": 2, "memory_gb": 23.5, "gpu": "none"},
            started=START,
            ended=START + timedelta(seconds=58.2),
        )
    )
    return folder


def build_small(outputs: Path, *edits: Edit, questions: bool = False) -> RunFolder:
    """Write a run of one passed job, then break it with ``edits``."""
    folder = RunFolder(outputs / "small-run")
    folder.path.mkdir(parents=True)
    shown = evidence_of(folder, text("words", name="note"))
    asked = [Question(name="fine", text="Is it fine?", about=(shown.file.sha256,))]
    records = [check("exists", why="no file, no proof"), shown, *(asked if questions else [])]
    write_records(folder, GOOD.id, records, whole=True)
    write_outcome(folder, GOOD, "passed", 0, 2)
    info = RunInfo(
        run_id="small-run",
        profile="tiny",
        plan=(GOOD,),
        verdict="passed",
        started=START,
        ended=START + timedelta(seconds=2),
    )
    folder.write_info(info)
    for edit in edits:
        edit(folder)
    return folder


def _build_green(folder: RunFolder, scratch: Path) -> None:
    write_records(
        folder,
        PLAN[0].id,
        [
            check("python", expected="≥ 3.11", actual="3.11.13", why="older ones lack tomllib"),
            check("disk-free", expected="at least 10", actual=71.3, unit="GB"),
            check("ffmpeg", expected="true", actual=True),
            check("cuda-memory", "skipped", reason="no CUDA device"),
        ],
        whole=True,
    )
    write_outcome(folder, PLAN[0], "passed", 0.1, 2.4)
    clip = write_chord(scratch / "clip.wav", 220.0, 277.18, 329.63)
    shown = evidence_of(folder, audio(clip, caption="lo-fi guitar, slow and warm", seed=7))
    question = Question(
        name="sounds-like-prompt", text="Does it sound like the prompt?", about=(shown.file.sha256,)
    )
    write_records(
        folder, GOOD.id, [*_clip_checks(8.0, -14.2), *_speed(41.2), shown, question], whole=True
    )
    write_outcome(folder, GOOD, "passed", 0.3, 14.7)
    ramp = np.linspace(0, 1, 320)
    picture = np.stack(
        [np.outer(ramp, ramp), np.outer(ramp, 1 - ramp), np.outer(1 - ramp, ramp)], 2
    )
    other = np.stack([np.outer(1 - ramp, ramp), np.outer(ramp, ramp), np.outer(ramp, 1 - ramp)], 2)
    shots = [
        evidence_of(folder, image(picture, name="sample-0", caption="a photo of sks dog", seed=0)),
        evidence_of(folder, image(other, name="sample-1", caption="a photo of sks dog", seed=1)),
        evidence_of(folder, text("Scene 1. A dog.\nScene 2. The dog again.", name="script")),
    ]
    look = Question(name="likeness", text="Is it the same dog in every picture?")
    write_records(folder, PLAN[6].id, [check("not-blank", actual=True), *shots, look], whole=True)
    write_outcome(folder, PLAN[6], "passed", 30.2, 9.9)
    write_records(folder, PLAN[7].id, [check("health", actual=200)], whole=True)
    tries = [
        Attempt(
            number=1,
            status="crashed",
            cause="kernel died: signal 9",
            started=START + timedelta(seconds=36),
            ended=START + timedelta(seconds=39),
        ),
        Attempt(number=2, status="passed", started=START + timedelta(seconds=39)),
    ]
    write_outcome(folder, PLAN[7], "passed", 36, 6.1, flaky=True, attempts=tries)
    write_records(
        folder, PLAN[9].id, [check("cuda", "skipped", reason="no CUDA device")], whole=True
    )
    write_outcome(
        folder,
        PLAN[9],
        "skipped",
        41,
        0.8,
        allowed=True,
        cause="every check was skipped: no CUDA device",
    )


def _build_red(folder: RunFolder, scratch: Path) -> None:
    quiet = write_chord(scratch / "take-2.wav", 196.0, 246.94, 293.66, seconds=5.2, seed=8)
    shown = evidence_of(folder, audio(quiet, caption="upbeat drum and bass, 174 bpm", seed=8))
    bad = check(
        "duration",
        "failed",
        expected="8 ± 0.5",
        actual=5.2,
        unit="s",
        why="a clip that ends early cannot be used as a bed",
    )
    records = [
        *_clip_checks(5.2, -19.8)[:2],
        bad,
        *_clip_checks(5.2, -19.8)[3:],
        *_speed(9.37),
        shown,
    ]
    write_records(folder, PLAN[2].id, records, whole=True)
    stop = Failure(
        cell_index=7,
        cell_id="finish",
        source="checks.finish()",
        ename="ChecksFailed",
        evalue="1 of 6 checks did not pass: duration",
        traceback="ChecksFailed: 1 of 6 checks did not pass: duration",
    )
    write_outcome(
        folder,
        PLAN[2],
        "failed",
        15.1,
        14.9,
        cause="1 of 6 checks did not pass: duration",
        failure=stop,
        stop=("finish", "failed"),
    )
    figure = Figure(figsize=(8, 2.6))
    axes = figure.subplots()
    axes.plot(np.linspace(2.4, 0.4, 60) + np.random.default_rng(1).normal(0, 0.05, 60))
    axes.set(xlabel="step", ylabel="loss", title="loss until the checkpoint")
    curve = evidence_of(folder, plot(figure, name="loss", caption="loss until the checkpoint"))
    write_records(folder, PLAN[4].id, [check("first-run", actual=True), curve], whole=False)
    source = 'state = load_checkpoint(run / "checkpoint-0200")\ntrainer.resume(state, strict=True)'
    trace = (
        "Traceback (most recent call last):\n"
        "  Cell load, line 2\n    trainer.resume(state, strict=True)\n"
        '  File "trainer.py", line 118, in resume\n'
        "    self.optimizer.load_state_dict(state.optimizer)\n"
        "KeyError: 'exp_avg_sq'"
    )
    stop = Failure(
        cell_index=3,
        cell_id="load",
        source=source,
        ename="KeyError",
        evalue="'exp_avg_sq'",
        traceback=trace,
    )
    write_outcome(
        folder,
        PLAN[4],
        "error",
        17.4,
        8.8,
        cause="KeyError: 'exp_avg_sq' (cell load)",
        failure=stop,
        stop=("load", "failed"),
    )


def _build_rest(folder: RunFolder) -> None:
    write_outcome(
        folder, PLAN[3], "skipped", 30.1, 0, cause="needs musicgen/generate-medium, which failed"
    )
    write_records(folder, PLAN[5].id, [check("starts", actual=True)], whole=False)
    write_outcome(
        folder,
        PLAN[5],
        "timed_out",
        26.3,
        30,
        cause="the job ran for 30 s, its limit; it was ended in cell generate",
        stop=("generate", "interrupted"),
    )
    write_records(folder, PLAN[8].id, [], whole=False)
    write_outcome(
        folder,
        PLAN[8],
        "crashed",
        42.2,
        5.6,
        cause="kernel died: signal 9 (SIGKILL)",
        stop=("generate", "running"),
    )
    write_outcome(folder, PLAN[10], "cancelled", 56.4, 1.8, cause="the run was cancelled")


def _clip_checks(seconds: float, loudness: float) -> list[AnyRecord]:
    return [
        check(
            "wav-exists", expected="true", actual=True, why="a run that writes nothing is no run"
        ),
        check("sample-rate", expected="32000", actual=RATE, unit="Hz"),
        check("duration", expected="8 ± 0.5", actual=seconds, unit="s"),
        check("not-silent", expected="below 0.5", actual=0.0, why="silence is the commonest fault"),
        check("not-clipped", expected="0", actual=0, unit="samples"),
        check("loudness", expected="between -30 and -10", actual=loudness, unit="LUFS"),
    ]


def _speed(rate: float) -> list[AnyRecord]:
    return [
        Metric(name="frames", value=256000),
        Metric(
            name="tokens_per_second",
            value=rate,
            unit="token/s",
            better="higher",
            labels={"device": "cpu"},
        ),
        Metric(name="load_seconds", value=1.873, unit="s", better="lower"),
    ]
