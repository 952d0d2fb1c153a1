"""The two files of a log hold each entry once, in order, and show what was done to them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout

from proofbook.errors import RunFolderError
from proofbook.signoff import log as log_module
from proofbook.signoff.entries import FIRST, Answer, Entry, Problem, Seal, canonical, line_hash
from proofbook.signoff.log import LogState, LogTail, SignoffLog

NINE = datetime(2026, 3, 4, 9, tzinfo=UTC)


def seal(number: int, previous: str, **more: Any) -> Seal:
    values = {"number": number, "previous": previous, "run": "r", "files": {}, "time": NINE}
    return Seal.model_validate({**values, **more})


def answer(number: int, previous: str, **more: Any) -> Answer:
    binding = {"run": "r", "job": "clip", "question": "good", "notebook_sha256": "",
               "parameters_sha256": FIRST, "checks_sha256": FIRST}  # fmt: skip
    values = {"number": number, "previous": previous, "time": NINE, "id": f"{number:032x}",
              "reviewer": {"name": "Ann"}, "meaning": "", "verdict": "approved"}  # fmt: skip
    binding |= more.pop("binding", {})
    return Answer.model_validate({**values, "binding": binding, **more})


def log_of(folder: Path, count: int) -> tuple[SignoffLog, list[str]]:
    """Return a log of so many entries, a seal and answers, and its lines."""
    log = SignoffLog(folder, "r")
    for number in range(count):
        log.append(answer if number else seal)
    return log, log.path.read_text().splitlines() if count else []


def write(log: SignoffLog, *entries: Entry | str) -> None:
    """Write the lines of a log, and the head that fits."""
    lines = [each if isinstance(each, str) else canonical(each) for each in entries]
    log.path.write_text("".join(f"{line}\n" for line in lines))
    head = {"number": len(lines) - 1, "sha256": line_hash(lines[-1])}
    log.head.write_text(canonical(head) + "\n")


def test_each_entry_follows_the_one_before_it(tmp_path: Path) -> None:
    log, previous, text = SignoffLog(tmp_path, "r"), FIRST, ""
    for number in range(3):
        entry = log.append(answer if number else seal)
        assert (entry.number, entry.previous) == (number, previous)
        line = canonical(entry)
        previous, text = line_hash(line), f"{text}{line}\n"
        assert log.path.read_text() == text
        assert log.head.read_text() == f'{{"number":{number},"sha256":"{previous}"}}\n'
    assert log.repaired == []
    state = log.read()
    assert [entry.number for entry in state.entries] == [0, 1, 2]
    assert (state.problems, state.notes) == ((), ())


def test_an_entry_is_on_the_disk_once_it_is_appended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(log.path.read_bytes()))
    log = SignoffLog(tmp_path, "r")
    log.append(seal)
    assert synced == [log.path.read_bytes()]
    whole = log.path.read_bytes()
    with log.path.open("ab") as file:
        file.write(b"{")
    log.append(answer)
    assert synced[1:] == [whole, log.path.read_bytes()]


def test_nobody_else_appends_while_an_entry_is_made(tmp_path: Path) -> None:
    log, _ = log_of(tmp_path, 1)

    def make(number: int, previous: str) -> Entry:
        with pytest.raises(Timeout):
            FileLock(tmp_path / ".signoffs.lock").acquire(timeout=0)
        return answer(number, previous)

    assert log.append(make).number == 1
    FileLock(tmp_path / ".signoffs.lock").acquire(timeout=0).lock.release()


def test_where_nothing_was_answered_there_is_no_problem(tmp_path: Path) -> None:
    log = SignoffLog(tmp_path, "r")
    assert replace(log.read(), known={}) == LogState()
    assert LogState().seal is None
    log.head.write_text("x")
    assert replace(log.read(), known={}) == LogState(
        problems=(
            Problem("cut off", "signoffs.jsonl is gone, and signoffs.head says there was one"),
        )
    )
    log.head.unlink()
    log.path.write_text("")
    assert replace(log.read(), known={}) == LogState()
    assert log.append(seal).number == 0
    assert log.read().problems == ()


CHANGED = [Problem("head", "signoffs.head has been changed")]
UNREADABLE = [Problem("head", "signoffs.head cannot be read")]


@pytest.mark.parametrize(
    ("number", "problems"),
    [
        (0, CHANGED), (1, CHANGED), (2, []), (3, []),
        (4, [Problem("cut off", "signoffs.jsonl ends after 4 lines, and had 5")]),
        (6, [Problem("cut off", "signoffs.jsonl ends after 4 lines, and had 7")]),
        (-1, UNREADABLE), ("3", UNREADABLE), (3.0, UNREADABLE), (True, UNREADABLE),
    ],
)  # fmt: skip
def test_the_head_is_the_last_line_or_the_one_before(
    tmp_path: Path, number: Any, problems: list[Problem]
) -> None:
    log, lines = log_of(tmp_path, 4)
    sha256 = line_hash(lines[min(max(int(number), 0), 3)])
    log.head.write_text(canonical({"number": number, "sha256": sha256}) + "\n")
    assert list(log.read().problems) == problems


def test_a_head_of_another_line_or_form_is_a_change(tmp_path: Path) -> None:
    log, lines = log_of(tmp_path, 3)
    head = {"number": 2, "sha256": line_hash(lines[2])}
    for text, problems in (
        (canonical(head) + "\n", []),
        (canonical(head), CHANGED),
        (json.dumps(head) + "\n", CHANGED),
        (canonical({**head, "more": 1}) + "\n", UNREADABLE),
        (canonical({"number": 2}) + "\n", UNREADABLE),
        (
            canonical({**head, "number": 1}) + "\n",
            [Problem("rewritten", "line 2 of signoffs.jsonl is not the one that was written last")],
        ),
    ):
        log.head.write_text(text)
        assert list(log.read().problems) == problems
    log.head.unlink()
    log.head.mkdir()
    assert list(log.read().problems) == UNREADABLE


@pytest.mark.parametrize(("count", "is_told"), [(1, False), (2, True), (3, True)])
def test_a_head_may_be_missing_only_after_the_first_line(
    tmp_path: Path, count: int, is_told: bool
) -> None:
    log, _ = log_of(tmp_path, count)
    log.head.unlink()
    gone = [Problem("head", "signoffs.head is gone")]
    assert list(log.read().problems) == (gone if is_told else [])


def test_each_fault_of_a_line_is_named_by_its_word_and_line(tmp_path: Path) -> None:
    log = SignoffLog(tmp_path, "r")
    first = seal(0, FIRST)
    hashed = line_hash(canonical(first))
    where = "line 2 of signoffs.jsonl"
    other = answer(1, hashed, binding={"run": "s"})
    for second, word, text in (
        (answer(2, hashed), "out of order", "does not follow the one before it"),
        (answer(1, FIRST), "out of order", "does not follow the one before it"),
        (other, "other run", "belongs to run s"),
        (seal(1, hashed, run="t"), "other run", "belongs to run t"),
        (json.dumps(json.loads(canonical(answer(1, hashed)))), "rewritten", "has been rewritten"),
        ("{}", "unreadable", "cannot be read"),
        ("[" * 3000, "unreadable", "cannot be read"),
    ):
        write(log, first, second)
        assert list(log.read().problems) == [Problem(word, f"{where} {text}")]


def test_what_follows_a_line_that_cannot_be_read_is_read(tmp_path: Path) -> None:
    log = SignoffLog(tmp_path, "r")
    write(log, "{}", answer(1, line_hash("{}")), "x", answer(3, line_hash("x")))
    state = log.read()
    assert [entry.number for entry in state.entries] == [1, 3]
    assert list(state.problems) == [
        Problem("unreadable", "line 1 of signoffs.jsonl cannot be read"),
        Problem("unreadable", "line 3 of signoffs.jsonl cannot be read"),
    ]


def test_a_copy_of_an_answer_is_none_of_its_own(tmp_path: Path) -> None:
    log = SignoffLog(tmp_path, "r")
    lines = [canonical(seal(0, FIRST))]
    for number, name in enumerate("abcab", 1):
        lines.append(canonical(answer(number, line_hash(lines[-1]), id=name * 32)))
    write(log, *lines)
    log.head.write_text("x")
    assert list(log.read().problems) == [
        Problem("copy", "line 5 of signoffs.jsonl is a copy of an earlier one"),
        Problem("copy", "line 6 of signoffs.jsonl is a copy of an earlier one"),
        *UNREADABLE,
    ]


def test_what_a_reader_should_know_is_noted_in_order(tmp_path: Path) -> None:
    log, _ = log_of(tmp_path, 2)
    early = NINE - timedelta(seconds=1)
    log.append(lambda number, previous: answer(number, previous, time=early))
    clock = "entry 2 is dated before entry 1: a clock went backwards"
    assert log.read().notes == (clock,)
    with log.path.open("a") as file:
        file.write('{"kind"')
    assert log.read().notes == ("the last line is torn and is ignored", clock)
    assert log.read().problems == ()


@pytest.mark.parametrize("block", [1, 2, 7, 1 << 16])
@pytest.mark.parametrize("torn", ["", "{", '{"kind":"answer","number":5,'])
def test_a_torn_line_is_dropped_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, torn: str
) -> None:
    monkeypatch.setattr(log_module, "_BLOCK", block)
    for count in range(3):
        folder = tmp_path / str(count)
        folder.mkdir()
        log, lines = log_of(folder, count)
        with log.path.open("a") as file:
            file.write(torn)
        entry = log.append(answer if count else seal)
        text = "".join(f"{line}\n" for line in [*lines, canonical(entry)])
        assert log.path.read_text() == text
        said = [f"dropped a torn last line of {len(torn)} bytes"] if torn else []
        assert log.repaired == said
        assert log.read().problems == ()


@pytest.mark.parametrize("line", ["{}", "", "x"])
def test_nothing_follows_a_line_that_cannot_be_read(tmp_path: Path, line: str) -> None:
    log, _ = log_of(tmp_path, 1)
    text = f"{log.path.read_text()}{line}\n"
    log.path.write_text(text)
    with pytest.raises(RunFolderError) as caught:
        log.append(answer)
    assert str(caught.value) == (
        f"{log.path}: its last line cannot be read, so nothing can follow it; "
        "proofbook verify says what is wrong"
    )
    assert log.path.read_text() == text


def test_nothing_follows_a_log_of_one_empty_line(tmp_path: Path) -> None:
    log = SignoffLog(tmp_path, "r")
    log.path.write_text("\n")
    with pytest.raises(RunFolderError, match="its last line cannot be read"):
        log.append(seal)
    assert (log.path.read_text(), log.repaired) == ("\n", [])


def test_a_log_that_grows_is_read_piece_by_piece(tmp_path: Path) -> None:
    log = SignoffLog(tmp_path, "r")
    tail = LogTail(log.path)
    assert tail.read() == []
    texts = [f"{canonical(answer(number, FIRST))}\n" for number in range(6)]
    for piece, numbers in (
        ("", []), (texts[0], [0]), ("", []), (texts[1] + texts[2] + texts[3][:9], [1, 2]),
        (texts[3][9:], [3]), ("{}\n" + texts[4], [4]), (texts[5][:-1], []), ("\n", [5]), ("", []),
    ):  # fmt: skip
        with log.path.open("a") as file:
            file.write(piece)
        assert [entry.number for entry in tail.read()] == numbers


def test_the_entries_of_a_log_are_told_apart(tmp_path: Path) -> None:
    seals = [seal(number, FIRST) for number in (0, 3)]
    answers = [
        answer(1, FIRST), answer(2, FIRST, binding={"question": "loud"}), answer(4, FIRST),
        answer(5, FIRST, binding={"job": "looks"}),
    ]  # fmt: skip
    state = LogState((seals[0], *answers[:2], seals[1], *answers[2:]))
    assert (state.seals, state.seal, state.acceptances) == (tuple(seals), seals[1], ())
    assert state.answers == tuple(answers)
    assert state.by_job == {
        "clip": {"good": [answers[0], answers[2]], "loud": [answers[1]]},
        "looks": {"good": [answers[3]]},
    }
    before = [state.seal_before(number) for number in (0, 1, 3, 4)]
    assert before == [None, seals[0], seals[0], seals[1]]
