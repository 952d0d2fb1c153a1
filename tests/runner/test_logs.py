"""A job's log holds what was printed, and no secret, however it arrives."""

from __future__ import annotations

from pathlib import Path

import pytest

from proofbook.runner import logs
from proofbook.runner.logs import JobLog
from proofbook.runs.redaction import Redactor

REDACT = Redactor.from_environment({"A_TOKEN": "Zq81xyzw"})


def test_a_secret_in_two_pieces_is_not_written(tmp_path: Path) -> None:
    with JobLog(tmp_path / "log", REDACT) as log:
        log.write("the token Zq81", "stdout")
        log.write("in between\n", "stderr")
        log.write("xyzw is secret\n", "stdout")
        log.write("no end of line: Zq81xyzw", "stdout")
    assert (tmp_path / "log").read_text().splitlines() == [
        "in between",
        "the token [redacted:A_TOKEN] is secret",
        "no end of line: [redacted:A_TOKEN]",
    ]


def test_what_native_code_prints_arrives(tmp_path: Path) -> None:
    with JobLog(tmp_path / "log", REDACT) as log:
        log.writer.write(b"native Zq81xyzw\n")
    assert (tmp_path / "log").read_text() == "native [redacted:A_TOKEN]\n"


def test_a_full_log_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_LARGEST", 100)
    with JobLog(tmp_path / "log", REDACT) as log:
        log.write("x" * 90 + "\n")
        log.write("y" * 90 + "\n")
        log.write("z\n")
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[0] == "x" * 90
    assert "is full" in "".join(lines[1:])
    assert "z" not in lines


def test_an_endless_line_is_not_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_LONGEST_LINE", 10)
    with JobLog(tmp_path / "log", REDACT) as log:
        log.write("a" * 11)
        assert (tmp_path / "log").read_text() == "a" * 11


def test_a_disk_that_is_full_for_a_moment_leaves_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        closed = False

        def write(self, data: bytes) -> int:
            raise OSError(28, "No space left on device")

    with JobLog(tmp_path / "log", REDACT) as log:
        log.write("before\n")
        file = log._file
        monkeypatch.setattr(log, "_file", Full())
        log.write("lost\n")
        monkeypatch.setattr(log, "_file", file)
        log.write("after\n")
    text = (tmp_path / "log").read_text()
    assert text == "before\n\n[5 bytes could not be written: No space left on device]\nafter\n"
