"""Who writes the small pipeline's scripts, and what is told where the small model's program fails.

The program itself, with its weights: ``real_writer.py``.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import writer_double
from small_pipeline import SCRIPT, SmallPipeline
from waiting import HANG

from proofbook_subjects.pipeline import small_server, writers
from proofbook_subjects.pipeline.errors import SettingsError
from proofbook_subjects.pipeline.settings import open_project
from proofbook_subjects.pipeline.small_writer import schema_of

WRITE = ("--topic", "tea", "--topic", 'a "quoted" thing', "--output", SCRIPT, "--lines", "8")


@pytest.fixture(scope="session")
def double(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter in whose place the double runs."""
    path = tmp_path_factory.mktemp("writer") / "python"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {writer_double.__file__} "$@"\n')
    path.chmod(0o755)
    return path


def write(pipeline: SmallPipeline, double: Path | str, way: str = "right", **more: str):
    """Have the double write a script."""
    return pipeline.run(
        "generate_script", *WRITE, SCRIPT_WRITER="", WRITER_PYTHON=str(double), WRITER_DOUBLE=way,
        **more,
    )  # fmt: skip


def test_a_program_on_a_free_port_writes_a_few_lines_at_a_time(
    pipeline: SmallPipeline, double: Path
):
    ran = write(pipeline, double)
    assert ran.code == 0, ran.err
    script = pipeline.json(SCRIPT)
    assert script["metadata"]["writer"] == "unknown model"
    assert "4 of 8 lines written" in ran.out and "writer: unknown model" in ran.out
    assert [line["character"] for line in script["lines"]] == ["Butcher", "Nutsy"] * 4
    assert "tea" in script["lines"][0]["text"]


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("way", "code", "said"),
    [
        ("no model", 3, "exited with code 1: there is no model"),
        ("dies", 4, "SIGKILL while it wrote: out of memory"),
        ("cut off", 4, "wrote no script in 3 answers; the last: it is not JSON"),
        ("short", 4, "it has 3 lines; 4 were asked for"),
        ("repeats", 4, "it says 'One thing.' twice"),
    ],
)
def test_a_failing_program_is_told_in_one_line(
    pipeline: SmallPipeline, double: Path, way: str, code: int, said: str
):
    ran = write(pipeline, double, way)
    assert ran.code == code
    assert said in ran.err and ran.err.count("\n") == 1
    assert not (pipeline.root / SCRIPT).exists()


def test_a_port_that_is_taken_and_an_interpreter_that_is_not_there_are_told(
    pipeline: SmallPipeline, double: Path
):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = write(pipeline, double, WRITER_PORT=str(taken.getsockname()[1]))
    assert (ran.code, ran.err.count("\n")) == (3, 1)
    assert "Address already in use" in ran.err
    ran = write(pipeline, "/nowhere/python")
    assert (ran.code, ran.err.count("\n")) == (3, 1)
    assert "/nowhere/python" in ran.err


def test_a_program_does_not_outlive_a_stage_that_is_killed(
    pipeline: SmallPipeline, double: Path, tmp_path: Path
):
    noted = tmp_path / "pid"
    stage = subprocess.Popen(
        [sys.executable, pipeline.root / "scripts" / "generate_script.py", *WRITE],
        env={
            **os.environ, "SCRIPT_WRITER": "", "WRITER_PYTHON": str(double),
            "WRITER_DOUBLE": "hangs", "WRITER_PID": str(noted),
        },
    )  # fmt: skip
    deadline = time.monotonic() + HANG
    while not (noted.exists() and noted.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    program = int(noted.read_text())
    stage.send_signal(signal.SIGKILL)
    stage.wait(HANG)
    while Path(f"/proc/{program}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{program}").exists()


def chosen(pipeline: SmallPipeline, **environment: str):
    """Return who would write."""
    return writers.choose_writer(open_project(pipeline.root, environment))


def test_an_endpoint_comes_first_then_the_small_model_then_none(
    pipeline: SmallPipeline, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(small_server, "_MODULES", ("json",))
    endpoint = {"OPENAI_BASE_URL": "http://127.0.0.1:1", "OPENAI_API_KEY": "k"}
    assert chosen(pipeline, **endpoint, SCRIPT_WRITER="deterministic").name == "OPENAI"
    assert chosen(pipeline) == "small_model"
    assert chosen(pipeline, SCRIPT_WRITER="deterministic") == "deterministic"
    monkeypatch.setattr(small_server, "_MODULES", ("no_such_module",))
    assert chosen(pipeline) == "deterministic"
    with pytest.raises(SettingsError, match="pip install --no-deps xllamacpp"):
        chosen(pipeline, SCRIPT_WRITER="small_model")
    with pytest.raises(SettingsError, match="'poet' is none of"):
        chosen(pipeline, SCRIPT_WRITER="poet")
    ran = pipeline.run("validate_env", SCRIPT_WRITER="small_model")
    assert ran.code == 3 and "FAIL writer: SCRIPT_WRITER=small_model" in ran.out


def test_the_schema_says_who_speaks_what_is_named_and_how_long_a_line_is():
    lines = schema_of(["tea", 'a "quoted" thing'], 0, 4)["properties"]["lines"]["prefixItems"]
    texts = [line["properties"]["text"] for line in lines]
    speakers = [line["properties"]["character"]["enum"] for line in lines]
    assert speakers == [["Butcher"], ["Nutsy"]] * 2
    named, free = texts[0]["pattern"], {text["pattern"] for text in texts[1:]}
    assert re.match(named, "I know all about tea.") and not re.match(named, "I know all of it.")
    assert len(free) == 1 and re.match(free.pop(), "I know, all of it!")
    # The longest that both allow: a model that rambles is stopped.
    assert not any(re.match(text["pattern"], "I" + " tea" * 20 + ".") for text in texts)
