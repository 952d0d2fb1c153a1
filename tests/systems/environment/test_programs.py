"""Programs are asked for their version, and may fail or hang without harm."""

from __future__ import annotations

from pathlib import Path

from proofbook_systems.environment.programs import inspect_programs


def make(folder: Path, name: str, body: str) -> str:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return str(folder)


def test_the_first_line_is_the_version(tmp_path: Path):
    path = make(tmp_path, "tool", 'echo; echo "tool 1.2 ($1)"; echo more')
    (found,) = inspect_programs(["tool"], path)
    assert (found.version, found.problem) == ("tool 1.2 (--version)", "")
    assert found.path == str(tmp_path / "tool")
    assert found.answers(found.version)


def test_a_program_with_its_own_argument_gets_it(tmp_path: Path):
    path = make(tmp_path, "ffmpeg", '[ "$1" = -version ] && echo "ffmpeg version 7.1" >&2')
    (found,) = inspect_programs(["ffmpeg"], path)
    assert found.version == "ffmpeg version 7.1"


def test_a_program_that_is_not_there_says_so(tmp_path: Path):
    (found,) = inspect_programs(["tool"], str(tmp_path))
    assert (found.path, found.version) == ("", "")
    assert found.problem == "tool is not on the PATH"
    assert not found.answers(found.problem)


def test_a_program_that_fails_has_a_problem(tmp_path: Path):
    path = make(tmp_path, "tool", "echo missing library; exit 127")
    (found,) = inspect_programs(["tool"], path)
    assert found.version == ""
    assert found.problem.endswith("ended with code 127: missing library")


def test_a_program_that_hangs_has_a_problem(tmp_path: Path):
    path = make(tmp_path, "tool", "exec /bin/sleep 30")
    (found,) = inspect_programs(["tool"], path, timeout=0.3)
    assert "did not answer within 0.3 s" in found.problem


def test_a_program_that_cannot_be_run_has_a_problem(tmp_path: Path):
    program = tmp_path / "tool"
    program.write_bytes(b"\x7fELF not really")
    program.chmod(0o755)
    (found,) = inspect_programs(["tool"], str(tmp_path))
    assert found.problem
    assert found.version == ""


def test_a_program_that_waits_for_input_gets_none(tmp_path: Path):
    path = make(tmp_path, "tool", "read line; echo asked nothing")
    (found,) = inspect_programs(["tool"], path)
    assert found.version == "asked nothing"
