"""The log of a generation holds what was logged and printed, and its tracebacks."""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path

import pytest

from proofbook_systems.musicgen.logs import find_tracebacks, log_to


def test_what_is_logged_anywhere_and_printed_to_standard_error_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "deep" / "small.log"
    with log_to(path) as logger:
        logger.info("one")
        logging.getLogger("elsewhere").warning("two")
        logging.getLogger("transformers.generation").warning("three")
        print("four", file=sys.stderr)
    text = path.read_text()
    assert all(word in text for word in ("one", "two", "three", "four"))
    assert "four" in capsys.readouterr().err


def test_after_the_block_nothing_more_is_kept(tmp_path: Path):
    path = tmp_path / "small.log"
    with log_to(path) as logger:
        kept = sys.stderr
    size = path.stat().st_size
    logger.warning("late")
    logging.getLogger("transformers").warning("late")
    print("late", file=kept)
    kept.flush()
    assert path.stat().st_size == size


def test_a_second_block_appends_unless_it_is_to_begin_anew(tmp_path: Path):
    path = tmp_path / "small.log"
    for word in ("first", "second"):
        with log_to(path) as logger:
            logger.info(word)
    assert "first" in path.read_text()
    with log_to(path, overwrite=True) as logger:
        logger.info("third")
    assert "first" not in path.read_text()


def test_an_exception_that_ends_the_block_is_in_the_log_and_goes_on(tmp_path: Path):
    path = tmp_path / "small.log"
    with pytest.raises(ValueError, match="bad prompt"), log_to(path):
        raise ValueError("bad prompt")
    assert find_tracebacks(path) == ["line 2: ValueError: bad prompt"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_traceback_that_was_swallowed_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "small.log"
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    with log_to(path) as logger:
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        try:
            raise KeyError("lost")
        except KeyError:
            logger.exception("went on")
    found = find_tracebacks(path)
    assert len(found) == 2
    assert found[0].endswith("ZeroDivisionError: division by zero")
    assert found[1].endswith("KeyError: 'lost'")


def test_a_clean_log_has_no_traceback_and_a_cut_one_has(tmp_path: Path):
    path = tmp_path / "small.log"
    path.write_text("loaded\ngenerated\n")
    assert find_tracebacks(path) == []
    path.write_text("Traceback (most recent call last):\n  File")
    assert find_tracebacks(path) == ["line 1: cut off"]


def test_a_message_outside_of_the_block_does_not_silence_the_next_block(tmp_path: Path):
    logging.getLogger("proofbook.musicgen").info("outside")
    with log_to(tmp_path / "small.log") as logger:
        logger.info("inside")
    assert "inside" in (tmp_path / "small.log").read_text()
