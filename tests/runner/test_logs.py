"""A job's log holds what was printed, and no secret, however it arrives."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from waiting import HANG, wait_for

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


def test_a_secret_between_stdout_and_stderr_is_not_written(tmp_path: Path) -> None:
    with JobLog(tmp_path / "log", REDACT) as log:
        log.write("the token Zq81", "stdout")
        log.write("xyzw\n", "stderr")
        log.write(" was used\n", "stdout")
    text = (tmp_path / "log").read_text()
    assert "the token [redacted:A_TOKEN] was used\n" in text
    assert "xyzw" not in text


def test_what_comes_in_between_by_another_way_parts_no_secret(tmp_path: Path) -> None:
    with JobLog(tmp_path / "log", REDACT) as log:
        for source, text in (
            ("stdout", "the token Zq81"),
            ("raw", "a child's line\n"),
            ("stderr", "xyzw\n"),
            ("stdout", "\non two lines Zq81\n"),
            ("stderr", "10 %\n"),
            ("stdout", "xyzw\n"),
        ):
            log.write(text, source)
    text = (tmp_path / "log").read_text()
    assert "Zq81" not in text
    assert "xyzw" not in text
    assert text.count("[redacted:A_TOKEN]") == 2
    assert {"a child's line", "10 %"} <= set(text.splitlines())


def test_a_flood_of_one_source_parts_no_secret_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_MOST_HELD", 100)
    with JobLog(tmp_path / "log", REDACT) as log:
        log.write("the token Zq81\n", "stdout")
        for _ in range(30):
            log.write("a child's line\n", "raw")
        written = (tmp_path / "log").read_text().splitlines()
        assert len(written) >= 24
        assert set(written) == {"a child's line"}
        log.write("xyzw\n", "stdout")
    text = (tmp_path / "log").read_text()
    assert "the token [redacted:A_TOKEN]\n" in text
    assert "xyzw" not in text
    assert text.count("a child's line\n") == 30


def test_a_secret_in_two_lines_is_not_written(tmp_path: Path) -> None:
    with JobLog(tmp_path / "log", REDACT) as log:
        log.write("one\n", "stdout")
        log.write("the token Zq81\n", "stdout")
        assert (tmp_path / "log").read_text() == "one\n"  # the rest waits for what comes next
        log.write("xyzw\n", "stdout")
    assert (tmp_path / "log").read_text() == "one\nthe token [redacted:A_TOKEN]\n"


def test_a_text_that_only_begins_as_a_secret_is_whole_in_the_end(tmp_path: Path) -> None:
    with JobLog(tmp_path / "log", REDACT) as log:
        log.write("the token Zq81\n", "stdout")
    assert (tmp_path / "log").read_text() == "the token Zq81\n"


def test_a_flood_of_carriage_returns_does_not_wait_for_its_end(tmp_path: Path) -> None:
    with JobLog(tmp_path / "log", REDACT) as log:
        for i in range(100):
            log.write(f"\r{i} %", "stderr")
            log.write("\rZq81xy", "stderr")
            log.write("zw", "stderr")
        assert (tmp_path / "log").stat().st_size > 500
    text = (tmp_path / "log").read_text()
    assert text.count("[redacted:A_TOKEN]") == 100
    assert "Zq81" not in text


def test_what_native_code_prints_arrives(tmp_path: Path) -> None:
    with JobLog(tmp_path / "log", REDACT) as log:
        log.writer.write(b"native Zq81xyzw\n")
    assert (tmp_path / "log").read_text() == "native [redacted:A_TOKEN]\n"


def test_all_that_was_printed_is_there_however_slowly_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_PIECE", 10)
    monkeypatch.setattr(logs, "_QUIET_STEPS", 1)
    turn = threading.Semaphore(0)
    with JobLog(tmp_path / "log", REDACT) as log:
        write, thread = log.write, log._thread

        def write_in_turn(text: str, source: str = "") -> None:
            assert turn.acquire(timeout=HANG)
            write(text, source)

        def join(seconds: float) -> None:
            before = log._pieces
            turn.release()
            wait_for(lambda: log._pieces > before or not thread.is_alive())

        monkeypatch.setattr(log, "write", write_in_turn)
        monkeypatch.setattr(thread, "join", join)
        log.writer.write(b"a line\n" * 10)
    assert (tmp_path / "log").read_text() == "a line\n" * 10


def test_a_program_that_keeps_the_log_open_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_STEP_SECONDS", 0.001)
    with JobLog(tmp_path / "log", REDACT) as log:
        kept = os.dup(log.writer.fileno())
        log.writer.write(b"before\n")
        wait_for(lambda: log._pieces == 1)
    os.close(kept)
    assert (tmp_path / "log").read_text() == "before\n"


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
