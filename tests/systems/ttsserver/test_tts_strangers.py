"""Servers of other hands: right ones are called right, and a planted defect is found and named."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import planted
import pytest
import soundfile
from executed_cells import Executed
from foreign_server import STYLES
from planted import Plant
from right_sounds import voice
from waiting import HANG

from proofbook.errors import SubjectError
from proofbook_systems.ttsserver.results import ResultFiles
from proofbook_systems.ttsserver.rows import RowResult
from proofbook_systems.ttsserver.server import SpeechServer

pytestmark = pytest.mark.slow

RUNBOOK = "ttsserver/binary_e2e"
PROGRAM = Path(__file__).with_name("foreign_server.py")
LIMITS = {
    "timeout_cached": 1.0, "timeout_download": HANG, "timeout_health": HANG, "timeout_upload": HANG,
    "parent_death_bound": HANG, "shutdown_bound": 10.0,
}  # fmt: skip
LATE = {"hang", "deaf", "frozen", "post-hangs", "cancel-hangs", "page-as-status", "says-nothing"}
"""Rows that never end: they wait for the short time that a model has which is there."""


@pytest.fixture
def go(
    run_cells: Callable[..., Executed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Executed]:
    """Return a function that runs the runbook on the foreign server, with rows by their engines."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr("proofbook_systems.ttsserver.recovery._HEED_SECONDS", 0.5)
    monkeypatch.setattr("proofbook_systems.serving.server._LINGER", 0.3)
    # What is drawn is the business of other tests.
    for view in ("draw_waveform", "draw_spectrogram"):
        monkeypatch.setattr(f"proofbook.media.drawing.{view}", lambda *_: b"a picture")
    spoken = voice(np.random.default_rng(1), 8000, 1.0)
    (tmp_path / "spoken").write_bytes(spoken.astype("<f4").tobytes())
    monkeypatch.setenv("SPOKEN", str(tmp_path / "spoken"))
    program = tmp_path / "foreign-server"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {PROGRAM} "$@"\n')
    program.chmod(0o755)
    reference = tmp_path / "voice.wav"
    tone = np.sin(2 * np.pi * 220 * np.arange(3 * 8000) / 8000)
    soundfile.write(reference, 0.3 * tone, 8000)

    def run(engines: dict[str, str], environment: dict[str, str], **options: object) -> Executed:
        models = {True: "kokoro", False: "another"}
        matrix = [{"engine": e, "voice": v, "model": models[e in LATE]} for e, v in engines.items()]
        found = run_cells(
            RUNBOOK, project=str(tmp_path), binary=str(program), matrix=matrix,
            environment=environment, text="The quick brown fox sleeps.",
            **{"reference_wav": str(reference), "reference_text": "words", **LIMITS, **options},
        )  # fmt: skip
        if "server" in found.names:
            found.names["server"].stop()
        assert list(temporary.iterdir()) == []
        return found

    return run


@pytest.mark.exhaustive
@pytest.mark.parametrize("style", ["", *STYLES])
def test_a_right_server_in_a_manner_of_its_own_is_green(
    go: Callable[..., Executed], style: str
) -> None:
    rows = {"first": "cloned", "second": "some_voice", "third": "cloned"}
    found = go(rows, {"STYLE": style})
    assert found.error is None
    assert found.red == []
    assert found.names["server"].restarts == []
    assert [result.status for result in found.names["results"]] == ["passed"] * 3


@pytest.mark.exhaustive
def test_a_defect_of_a_row_is_found_named_and_costs_that_row_alone(
    go: Callable[..., Executed],
) -> None:
    rows: dict[str, str] = {}
    for plant in planted.ROWS:
        rows |= {plant.name: "cloned", f"after-{plant.name}": "cloned"}
    found = go(rows, {})
    said = {name: str(check.actual) for name, check in found.checks.items()}
    named = {p.name for p in planted.ROWS if re.search(p.words, said[p.check])}
    assert found.red == [p.check for p in planted.ROWS]
    assert [(p.name, said[p.check]) for p in planted.ROWS if p.name not in named] == []
    assert all(result.server_log_tail for result in found.names["results"] if not result.passed)


@pytest.mark.exhaustive
@pytest.mark.parametrize("plant", planted.NEIGHBOURS, ids=lambda plant: plant.name)
def test_a_defect_that_the_next_row_would_pay_for_is_told_as_such(
    go: Callable[..., Executed], plant: Plant
) -> None:
    short = {"timeout_download": 5.0} if "no result within 5 s" in plant.words else {}
    rows = {"before": "some_voice", plant.name: "some_voice", "after": "some_voice"}
    found = go(rows, {}, **short)
    assert sorted(found.red) == sorted([plant.check, *plant.also])
    assert re.search(plant.words, str(found.checks[plant.check].actual))


@pytest.mark.exhaustive
@pytest.mark.parametrize("plant", planted.SERVERS, ids=lambda plant: plant.name)
def test_a_defect_of_the_server_is_found_and_named(
    go: Callable[..., Executed], plant: Plant
) -> None:
    bounds = {"stubborn": "shutdown_bound", "orphan": "parent_death_bound",
              "lingering-second": "timeout_health", "never-healthy": "timeout_health",
              "upload-hangs": "timeout_upload"}  # fmt: skip
    # Of these two, the first server has to be healthy, or to say that it is not, within the time.
    short = 10.0 if bounds.get(plant.name) == "timeout_health" else 1.0
    limits = {bounds[plant.name]: short} if plant.name in bounds else {}
    found = go({"good": "cloned"}, {"DEFECT": plant.name}, **limits)
    said = str(found.checks[plant.check].actual) if plant.check else str(found.error)
    assert re.search(plant.words, said), said
    assert sorted(found.red) == sorted(filter(None, [plant.check, *plant.also]))


@pytest.mark.exhaustive
def test_a_server_that_does_not_come_back_costs_the_rows_to_come_and_not_the_results(
    go: Callable[..., Executed],
) -> None:
    found = go({"good": "v", "gone-for-good": "v", "after": "v"}, {})
    errors = [result.error or "" for result in found.names["results"]]
    assert errors[:2] == ["", "the server exited with code 9"]
    assert re.match(r"the server does not come back: .* licence expired$", errors[2])
    assert {"comes-back", "first-still-healthy", "after-speaks"} <= set(found.red)
    document = json.loads(next((found.folder / "work").glob("e2e-*.json")).read_text())
    assert [row["status"] for row in document["results"]] == ["passed", "failed", "failed"]


@pytest.mark.exhaustive
def test_a_row_is_written_before_the_server_is_brought_back(
    go: Callable[..., Executed], monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    write, restart = ResultFiles.write, SpeechServer.restart

    def note_write(self: ResultFiles, results: list[RowResult], *, finished: bool = False) -> None:
        order.append(f"{len(results)} rows")
        write(self, results, finished=finished)

    def note_restart(self: SpeechServer, why: str) -> None:
        order.append("restart")
        restart(self, why)

    monkeypatch.setattr(ResultFiles, "write", note_write)
    monkeypatch.setattr(SpeechServer, "restart", note_restart)
    assert go({"crash": "v", "after": "v"}, {}).red == ["crash-speaks"]
    assert order == ["1 rows", "restart", "2 rows", "2 rows"]


def test_no_reference_is_asked_for_where_no_row_clones(go: Callable[..., Executed]) -> None:
    found = go({"good": "some_voice"}, {}, reference_wav="/nowhere.wav")
    assert (found.error, found.red) == (None, [])
    with pytest.raises(SubjectError, match=r"^reference_wav /nowhere\.wav does not exist"):
        raise go({"good": "cloned"}, {}, reference_wav="/nowhere.wav").error or AssertionError


@pytest.mark.exhaustive
@pytest.mark.parametrize(("engine", "restarts"), [("refused", 0), ("fail", 1)])
def test_ten_failures_in_a_row_are_at_most_one_control(
    go: Callable[..., Executed], monkeypatch: pytest.MonkeyPatch, engine: str, restarts: int
) -> None:
    rows = {f"{engine}-{number}": "cloned" for number in range(10)}
    found = go(rows, {})
    assert len(found.names["server"].restarts) == restarts
    assert found.red == [f"{name}-speaks" for name in rows]
