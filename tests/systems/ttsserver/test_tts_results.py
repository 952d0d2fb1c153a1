"""The results are in the checklist's form, and stay readable whatever an error says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proofbook_systems.ttsserver.binaries import Binary
from proofbook_systems.ttsserver.matrix import Row
from proofbook_systems.ttsserver.results import ResultFiles, platform_name
from proofbook_systems.ttsserver.rows import RowResult

PASSED = RowResult(
    row=Row(engine="qwen", voice="cloned", model_size="1.7B"), status="passed",
    generation_id="g1", was_cached=True, elapsed_seconds=12.4, audio_duration=3.1,
    audio_path=Path("/tmp/gen.wav"),
)  # fmt: skip
FAILED = RowResult(
    row=Row(engine="kokoro", voice="af_heart"), error="CUDA OOM: a | b\nmore " + "x" * 300,
    elapsed_seconds=4.1, server_log_tail="last\nlines", notes=["cancelled in 0.1 s"],
)  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> ResultFiles:
    return ResultFiles(
        folder=tmp_path / "results",
        binary=Binary(path=Path("/abs/voicebox-server"), kind="onefile", size=612_000_000),
        started=datetime(2026, 4, 16, 12, 34, 56, tzinfo=UTC),
    )


def test_the_json_has_the_checklists_fields(files: ResultFiles) -> None:
    files.write([PASSED, FAILED], finished=True)
    found = json.loads(files.json_path.read_text())
    assert files.json_path.name == f"e2e-{platform_name()}-20260416T123456Z.json"
    assert found.pop("finished_at").endswith("Z")
    passed, failed = found.pop("results")
    assert found == {
        "platform": platform_name(),
        "binary": "/abs/voicebox-server",
        "binary_size_mb": 612.0,
        "started_at": "2026-04-16T12:34:56Z",
    }
    assert passed == {
        "engine": "qwen", "model_size": "1.7B", "status": "passed", "generation_id": "g1",
        "was_cached": True, "elapsed_seconds": 12.4, "audio_duration": 3.1,
        "audio_path": "/tmp/gen.wav", "error": None, "server_log_tail": None, "notes": [],
    }  # fmt: skip
    assert (failed["model_size"], failed["server_log_tail"]) == (None, "last\nlines")


def test_a_run_that_is_not_over_says_so(files: ResultFiles) -> None:
    files.write([PASSED])
    assert json.loads(files.json_path.read_text())["finished_at"] is None


def test_the_table_keeps_its_shape(files: ResultFiles) -> None:
    files.write([PASSED, FAILED])
    lines = files.markdown_path.read_text().splitlines()
    assert lines[0] == f"# Voicebox E2E — {platform_name()} — 2026-04-16 12:34"
    assert lines[2] == "| Engine | Size | Status | Elapsed | Error |"
    assert lines[4] == "| qwen | 1.7B | PASS | 12.4s |  |"
    assert lines[5].startswith("| kokoro | — | FAIL | 4.1s | CUDA OOM: a \\| b more xxx")
    assert len(lines) == 6
