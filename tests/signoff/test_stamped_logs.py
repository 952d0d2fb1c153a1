"""A log in memory, held against timestamps of it: each rule by itself, up to its limit."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from authority import NOON, Authority, oid, read_request
from made_entries import entry_of
from pydantic import ValidationError

from proofbook.errors import UsageError
from proofbook.records import now
from proofbook.signoff import timestamps
from proofbook.signoff.certificates import Authorities
from proofbook.signoff.entries import FIRST, Answer, Entry, Merge, Problem, Seal, canonical
from proofbook.signoff.log import LogState, SignoffLog
from proofbook.signoff.timestamps import Stamp, StampedLog, read_stamps, stamp_log
from proofbook.signoff.trust import CLOCKS as DIFFERENCE

CLOCKS, OTHER = Authority(), Authority(name="Others", seed=3)
TRUSTED = Authorities((CLOCKS.root,))
HASHES = tuple(f"{number:064x}" for number in range(1, 5))
SECOND = timedelta(seconds=1)


def log(*entries: Entry) -> LogState:
    """Return a log of four lines: answers, where nothing else is given."""
    made = [entry_of(Answer, number, time=NOON) for number in range(4)]
    for entry in entries:
        made[entry.number] = entry
    return LogState(tuple(made), hashes=HASHES)


def merge(number: int, moment: datetime) -> Merge:
    branch = {"fork": FIRST, "lines": ["x"]}
    return Merge.model_validate({
        "number": number, "previous": FIRST, "run": "r", "time": moment, "branches": [branch],
    })  # fmt: skip


def stamp(
    number: int | None = 1, authority: Authority = CLOCKS, /, *, moment: datetime = NOON,
    imprint: str = "", asked: int | None = 5, **more: Any,
) -> Stamp:  # fmt: skip
    """Return a timestamp of a line, and of the second one where it does not say of which."""
    line = HASHES[1 if number is None else number] if number is None or number < 4 else HASHES[0]
    response = authority.stamp(bytes.fromhex(imprint or line), asked, moment)
    values = {"run": "r", "number": number, "sha256": imprint or line, "nonce": "5",
              "token": base64.b64encode(response)}  # fmt: skip
    return Stamp.model_validate(values | more)


def bare(index: int = 1, imprint: str = "", moment: datetime = NOON) -> Stamp:
    response = CLOCKS.stamp(bytes.fromhex(imprint or HASHES[index]), 7, moment)
    return Stamp(token=base64.b64encode(response).decode())


def held(*stamps: Stamp | None, authorities: Authorities = TRUSTED) -> StampedLog:
    return StampedLog(run="r", stamps=stamps, authorities=authorities)


def other_algorithm() -> Stamp:
    response = base64.b64decode(stamp().token)
    token = response.replace(oid("2.16.840.1.101.3.4.2.1"), oid("2.16.840.1.101.3.4.2.2"))
    return stamp(token=base64.b64encode(token))


@pytest.mark.parametrize(
    ("fitting", "words"),
    [
        (stamp(1), "up to entry 1; 2 came later, at 2026-03-04 12:00 UTC"),
        (stamp(3, moment=NOON + timedelta(hours=1)),
         "up to entry 3, the last, at 2026-03-04 13:00 UTC"),
        (bare(2), "up to entry 2; 1 came later, at 2026-03-04 12:00 UTC"),
    ],
)  # fmt: skip
def test_a_log_that_was_stamped_fits_and_says_up_to_where(fitting: Stamp, words: str) -> None:
    answers = [entry_of(Answer, 3, time=NOON + timedelta(hours=1))]
    assert held(fitting).notes(log(*answers)) == [f"CN=Clocks stamped the log {words}"]


def test_each_stamp_is_told_of_by_its_place() -> None:
    stamps = held(None, stamp(), stamp(run="s"))
    assert [each.text for each in stamps.problems(log())] == [
        "timestamp 1: its line cannot be read", "timestamp 3: it belongs to run s",
    ]  # fmt: skip
    assert stamps.notes(log()) == []


def test_a_log_without_a_stamp_is_not_stamped() -> None:
    text = "no timestamp of the log is kept; make one: proofbook signoff timestamp"
    assert held().problems(log()) == [Problem("not stamped", text)]
    assert held().notes(log()) == []


@pytest.mark.parametrize(
    "more",
    [{"run": None}, {"sha256": None}, {"nonce": None}, {"nonce": None, "asked": None}],
)
def test_what_a_stamp_does_not_say_is_not_held_against_it(more: dict[str, Any]) -> None:
    assert held(stamp(**more)).problems(log()) == []


IMPRINT = Problem("other imprint", "it stamps another hash than that of the line")
REPLAYED = Problem("replayed", "it does not have the nonce that was asked for")
WHO = "CN=Clocks stamped on 2026-03-04 12:00"
WRONG: dict[str, tuple[Stamp | None, Problem]] = {
    "no stamp": (None, Problem("unreadable token", "its line cannot be read")),
    "another run's": (stamp(run="s"), Problem("other run", "it belongs to run s")),
    "no run's": (stamp(run=""), Problem("other run", "it belongs to run ")),
    "of another hash": (stamp(sha256=HASHES[0]), IMPRINT),
    "by another algorithm": (other_algorithm(), IMPRINT),
    "by another algorithm, of no line": (
        other_algorithm().model_copy(update={"sha256": None, "number": None}), IMPRINT),
    "for another request": (stamp(asked=6), REPLAYED),
    "for no request": (stamp(asked=None), REPLAYED),
    "of another authority": (
        stamp(1, OTHER),
        Problem("unknown authority", "no given authority has issued its certificate")),
    "of the line after the last": (
        stamp(4), Problem("rolled back", f"entry 4, which {WHO}, is gone")),
    "of a line far away": (stamp(99), Problem("rolled back", f"entry 99, which {WHO}, is gone")),
    "of a line that was another": (
        stamp(2, imprint="f" * 64),
        Problem("replaced", f"entry 2 is not the one which {WHO}")),
    "of another line than it says": (
        stamp(2, imprint=HASHES[1]),
        Problem("replaced", f"entry 2 is not the one which {WHO}")),
    "of no line here": (
        bare(imprint="f" * 64),
        Problem("rolled back", f"the line that {WHO} is not in the log")),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_stamp_that_does_not_fit_has_one_problem(name: str) -> None:
    wrong, problem = WRONG[name]
    told = problem._replace(text=f"timestamp 1: {problem.text}")
    assert held(wrong).problems(log()) == [told]


def test_a_token_that_cannot_be_read_says_why() -> None:
    (problem,) = held(stamp(token=base64.b64encode(b"x"))).problems(log())
    assert problem.word == "unreadable token"
    assert problem.text.startswith("timestamp 1: it cannot be read: ")


@pytest.mark.parametrize(
    ("dated", "moment", "is_late"),
    [
        (NOON + DIFFERENCE, NOON, False), (NOON + DIFFERENCE + SECOND, NOON, True),
        (NOON, NOON, False),
        (now() + timedelta(days=1), None, True), (now() + timedelta(days=1), "later", False),
        (now(), None, False),
    ],
)  # fmt: skip
def test_no_authority_can_have_seen_it_later_than_now(
    dated: datetime, moment: Any, is_late: bool
) -> None:
    moment = now() + timedelta(days=2) if moment == "later" else moment
    old = [entry_of(Answer, 2, time=dated), entry_of(Answer, 3, time=dated)]
    text = f"timestamp 1: it is dated {dated:%Y-%m-%d %H:%M}"
    expected = [Problem("of the future", text)] if is_late else []
    assert held(stamp(1, moment=dated)).problems(log(*old), moment) == expected


@pytest.mark.parametrize(
    ("number", "after", "words"),
    [
        (0, DIFFERENCE, None), (0, DIFFERENCE + SECOND, ("of the future", "was")),
        (1, DIFFERENCE, None), (1, DIFFERENCE + SECOND, ("of the future", "was")),
        (2, DIFFERENCE + SECOND, None), (3, timedelta(days=99), None),
        (2, -DIFFERENCE, None), (2, -DIFFERENCE - SECOND, ("back-dated", "was not")),
        (3, -DIFFERENCE, None), (3, -DIFFERENCE - SECOND, ("back-dated", "was not")),
        (1, -DIFFERENCE - SECOND, None), (0, timedelta(days=-99), None),
    ],
)  # fmt: skip
def test_an_answer_is_dated_as_its_place_allows(
    number: int, after: timedelta, words: tuple[str, str] | None
) -> None:
    dated = NOON + after
    found = held(stamp(1)).problems(log(entry_of(Answer, number, time=dated)))
    if words is None:
        assert found == []
        return
    word, was = words
    text = (
        f"timestamp 1: entry {number} of Ann is dated {dated:%Y-%m-%d %H:%M}, and {was} there on "
        "2026-03-04 12:00"
    )
    assert found == [Problem(word, text)]


def test_only_a_person_s_date_can_be_wrong() -> None:
    day = timedelta(days=1)
    others = log(
        entry_of(Seal, 0, time=NOON + day), entry_of(Answer, 1, time=NOON + day),
        merge(2, NOON - day), entry_of(Answer, 3, time=NOON - day),
    )  # fmt: skip
    assert [each.word for each in held(stamp(1)).problems(others)] == [
        "of the future", "back-dated"
    ]  # fmt: skip


def test_what_was_merged_was_there_when_the_merge_was() -> None:
    day = timedelta(days=1)
    dates = (NOON + day, NOON - day)
    late, early = (canonical(entry_of(Answer, number, time=dates[number])) for number in (0, 1))
    for line, text, words in (
        (1, late, ["of the future"]), (1, early, []), (2, late, []), (2, early, []),
    ):  # fmt: skip
        branch = {"fork": "0" * 64, "lines": [text], "merges": {}}
        merged = entry_of(Merge, line, time=NOON, branches=[branch])
        assert [each.word for each in held(stamp(1)).problems(log(merged))] == words


def test_a_bare_token_dates_the_line_that_it_is_of() -> None:
    late = log(entry_of(Answer, 1, time=NOON + timedelta(hours=1)))
    assert held(bare(0)).problems(late) == []
    assert [each.word for each in held(bare(1)).problems(late)] == ["of the future"]


def kept(folder: Path, count: int = 3) -> SignoffLog:
    """Return a log of a few lines on the disk."""
    written = SignoffLog(folder, "r")
    words = {"comment": "more than one word"}
    for number in range(count):
        kind, more = (Answer, words) if number else (Seal, {})
        written.append(
            lambda n, before, kind=kind, more=more: entry_of(kind, n, previous=before, **more)
        )
    return written


def asking(authority: Authority = CLOCKS, moment: datetime | None = None) -> Any:
    return lambda body: authority.stamp(*read_request(body), moment)


@pytest.mark.parametrize("authorities", [None, TRUSTED])
def test_the_last_line_is_stamped_and_the_token_kept(
    tmp_path: Path, authorities: Authorities | None
) -> None:
    written = kept(tmp_path)
    (tmp_path / "signoffs.timestamps").write_text('{"token":"YQ=="}\n')
    made = stamp_log(written, asking(), authorities)
    hashes = written.read().hashes
    assert (made.run, made.number, made.sha256) == ("r", 2, hashes[2])
    assert read_stamps(tmp_path / "signoffs.timestamps")[1:] == [made]
    assert made.nonce is not None
    assert int(made.nonce, 16).to_bytes(20).lstrip(b"\0") in made.response


@pytest.mark.parametrize(
    ("ask", "word"),
    [
        (asking(OTHER), "unknown authority: no given authority has issued its certificate"),
        (asking(CLOCKS, now() + timedelta(hours=1)), "of the future: it is dated 20"),
        (lambda body: CLOCKS.stamp(read_request(body)[0], 7), "replayed: it does not have the"),
        (lambda body: CLOCKS.stamp(b"x" * 32, read_request(body)[1]), "other imprint: it stamps"),
        (lambda body: b"<html>", "unreadable token: it cannot be read: "),
    ],
)  # fmt: skip
def test_a_token_that_cannot_be_used_is_not_kept(tmp_path: Path, ask: Any, word: str) -> None:
    with pytest.raises(UsageError) as caught:
        stamp_log(kept(tmp_path), ask, TRUSTED)
    assert str(caught.value).startswith(f"the authority's token cannot be used: {word}")
    assert not (tmp_path / "signoffs.timestamps").exists()


def test_what_was_stamped_fits_the_log(tmp_path: Path) -> None:
    written = kept(tmp_path)
    made = stamp_log(written, asking())
    found = StampedLog(run="r", stamps=[made], authorities=TRUSTED)
    assert found.problems(written.read()) == []


def test_whose_token_it_is_may_be_left_open(tmp_path: Path) -> None:
    made = stamp_log(kept(tmp_path), asking(OTHER))
    assert read_stamps(tmp_path / "signoffs.timestamps") == [made]


def test_what_cannot_be_stamped_is_asked_of_nobody(tmp_path: Path) -> None:
    def never(body: bytes) -> bytes:
        raise AssertionError("an authority was asked")

    empty, torn = tmp_path / "empty", tmp_path / "torn"
    empty.mkdir()
    torn.mkdir()
    with pytest.raises(UsageError) as caught:
        stamp_log(SignoffLog(empty, "r"), never)
    assert str(caught.value) == "empty was never sealed: there is no log to stamp"
    kept(torn).head.write_text("{}")
    with pytest.raises(UsageError) as caught:
        stamp_log(SignoffLog(torn, "r"), never)
    words = "a log that was tampered with is not stamped: signoffs.head cannot be read"
    assert str(caught.value) == words


def test_a_line_of_the_file_says_nothing_that_it_does_not_say(tmp_path: Path) -> None:
    assert Stamp(token="YQ==") == Stamp(
        run=None, number=None, sha256=None, nonce=None, token="YQ=="
    )
    (tmp_path / "kept").write_text('{"token":"YQ==","number":0}\n{"token":"YQ==","number":null}\n')
    found: Sequence[Any] = read_stamps(tmp_path / "kept")
    assert [each.number for each in found] == [0, None]
    assert timestamps.STAMPS_FILE == "signoffs.timestamps"


def test_what_a_stamp_says_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        stamp().run = "s"
