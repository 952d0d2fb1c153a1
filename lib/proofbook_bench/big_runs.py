"""A run of thousands of jobs, each with checks, a metric, a clip and a question, written at once.

The files are those that a real run leaves; no notebook is executed.
"""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
from proofbook.runs.glued import SCRAP
from proofbook.runs.media_store import store_media

__all__ = ["write_big_run"]

_START = datetime(2026, 1, 1, tzinfo=UTC)
_RATE = 8000
_CELLS = 12
_PRINTED = "step 17 of 80: loss 0.0312\n" * 20


def write_big_run(outputs: Path, jobs: int, *, checks: int = 10, fail_every: int = 97) -> Path:
    """Write a run, and return its folder.

    Args:
        outputs: Where it goes.
        jobs: How many, with a clip of a second each.
        checks: Of each job.
        fail_every: One of so many jobs has a failed check.
    """
    run = RunFolder(outputs / "20260101-000000-big-0000")
    run.path.mkdir(parents=True)
    plan = tuple(
        _write_job(run, number, checks, failed=number % fail_every == fail_every - 1)
        for number in range(jobs)
    )
    end = _START + timedelta(seconds=jobs + 3)
    hardware: dict[str, float | str] = {"platform": "Linux", "cores": 2.0}
    info = RunInfo(
        run_id=run.path.name, profile="big", plan=plan, started=_START, ended=end,
        verdict="failed" if jobs >= fail_every else "unreviewed", hardware=hardware,
    )  # fmt: skip
    run.write_info(info)
    return run.path


def _write_job(run: RunFolder, number: int, checks: int, *, failed: bool) -> PlannedJob:
    name = f"generate-{number:05d}"
    clip = store_media(run.media, _clip(number), ".wav")
    records: list[AnyRecord] = [
        Begin(runbook="musicgen/generate", parameters={"seed": number}),
        *(
            Check(name=f"check-{each}", status="failed" if failed and each == 3 else "passed",
                  expected="≥ 3", actual=4.5, unit="s", why="a listener hears it")
            for each in range(checks)
        ),
        Metric(name="tokens_per_second", value=40 + number % 7, unit="token/s", better="higher"),
        Evidence(name="clip", media_kind="audio", file=clip, caption="a slow soft piano song",
                 facts=(Fact(name="duration", value=1.0, unit="s"),)),
        Question(name="good", text="Does it sound like the prompt?", about=(clip.sha256,)),
    ]  # fmt: skip
    counts = {"begin": 1, "check": checks, "metric": 1, "evidence": 1, "question": 1}
    folder = run.job(name)
    folder.path.mkdir(parents=True)
    records.append(Finish(counts=counts))
    lines = [record.model_dump_json() for record in records]
    folder.records.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    folder.notebook.write_text(_notebook(records), encoding="utf-8")
    folder.log.write_text("a line of the log\n" * 50, encoding="utf-8")
    started = _START + timedelta(seconds=number)
    cells = tuple(
        CellState(index=i, id=f"c{i}", cell_type="code", status="completed", seconds=0.1)
        for i in range(_CELLS)
    )
    outcome = Outcome(
        job=name, runbook="musicgen/generate", status="failed" if failed else "passed",
        cause=f"1 of {checks} checks did not pass: check-3" if failed else "", cells=cells,
        started=started, ended=started + timedelta(seconds=3),
    )  # fmt: skip
    folder.outcome.write_text(outcome.model_dump_json(), encoding="utf-8")
    return PlannedJob(id=name, runbook="musicgen/generate", timeout=60)


def _notebook(records: Sequence[AnyRecord]) -> str:
    """Return an executed notebook as JSON, whose last cell has made the records."""
    scraps = [
        {"output_type": "display_data", "metadata": {}, "data": {SCRAP: {"data": values}}}
        for values in (record.model_dump(mode="json") for record in records)
    ]
    last = {**_cell(_CELLS - 1), "outputs": scraps}
    return (
        f'{{"cells": [{_cells_before()}, {json.dumps(last)}], '
        '"metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )


@functools.cache
def _cells_before() -> str:
    """Return all cells but the last as JSON: each completed, with something printed."""
    return ", ".join(json.dumps(_cell(number)) for number in range(_CELLS - 1))


def _cell(number: int) -> dict[str, object]:
    return {
        "cell_type": "code", "id": f"c{number}", "execution_count": number + 1,
        "metadata": {"papermill": {"status": "completed", "duration": 0.1}},
        "outputs": [{"name": "stdout", "output_type": "stream", "text": _PRINTED}],
        "source": "clip = model.generate(prompt, seconds=30)\n",
    }  # fmt: skip


def _clip(seed: int) -> bytes:
    import numpy as np
    import soundfile

    buffer = io.BytesIO()
    noise = np.random.default_rng(seed).normal(0, 0.1, _RATE)
    soundfile.write(buffer, noise, _RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()
