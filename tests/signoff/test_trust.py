"""Each reason for which an entry does not count, at its edge and in its words."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forging import ANNS, BENS, STRANGERS
from made_entries import NINE, entry_of, signed

from proofbook.records import now
from proofbook.signoff import trust as trusting
from proofbook.signoff.entries import (
    FIRST,
    Acceptance,
    Answer,
    Entry,
    Merge,
    Reviewer,
    Seal,
    canonical,
    line_hash,
    parse_entry,
)
from proofbook.signoff.signers import parse_signers
from proofbook.signoff.signing import fingerprint, public_line
from proofbook.signoff.trust import CLOCKS, EVERYBODY, Trust, TrustedLog, find_trust

LISTED = f"""
Ann namespaces="proofbook,proofbook:lead",valid-before=20270101Z {public_line(ANNS)}
Old valid-before=20260101Z {public_line(ANNS)}
Ben {public_line(BENS)}
git namespaces="git" {public_line(STRANGERS)}
"""
SIGNED = Trust(requires_signatures=True)
TRUST = Trust(signers=parse_signers(LISTED), file=Path("project") / "allowed_signers")


def answer(key: Ed25519PrivateKey | None = ANNS, **more: Any) -> Any:
    made = entry_of(Answer, **more)
    return signed(made, key) if key else made


@pytest.mark.parametrize("kind", [Answer, Acceptance])
def test_what_is_not_signed_counts_only_where_nothing_need_be(kind: type[Entry]) -> None:
    entry = entry_of(kind)
    assert EVERYBODY.doubt(entry, None, NINE) is None
    for trust in (SIGNED, TRUST):
        assert trust.doubt(entry, None, NINE) == ("unsigned", "it is not signed")
        assert trust.doubt(signed(entry), None, NINE) is None


def test_a_signature_that_does_not_fit_never_counts() -> None:
    broken = answer().model_copy(update={"comment": "superb"})
    for trust in (EVERYBODY, SIGNED, TRUST):
        assert trust.doubt(broken, None, NINE) == (
            "broken signature", "its signature does not fit what it says",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "name", "role", "word", "text"),
    [
        (STRANGERS, "Ann", "", "unknown key", "allowed_signers does not list that key"),
        (BENS, "Ann", "", "another name", "that key is not Ann's"),
        (ANNS, "Old", "", "not valid then", "that key was not valid on 2026-03-04"),
        (ANNS, "Ann", "chief", "role not held", "that key does not have the role 'chief'"),
        (BENS, "Ben", "lead", "role not held", "that key does not have the role 'lead'"),
    ],
)
def test_a_key_that_is_not_the_persons_is_named(
    key: Ed25519PrivateKey, name: str, role: str, word: str, text: str
) -> None:
    entry = answer(key, reviewer=Reviewer(name=name, role=role))
    assert entry.signature is not None
    found = TRUST.doubt(entry, None, NINE)
    assert found == (word, f"it is signed with {fingerprint(entry.signature)}, and {text}")
    assert SIGNED.doubt(entry, None, NINE) is None
    assert TRUST.refusal(entry.reviewer, public_line(key), NINE) == text


def test_a_key_is_held_against_the_time_of_the_entry() -> None:
    late = NINE.replace(year=2027)
    entry = answer(time=late)
    assert entry.signature is not None
    found = TRUST.doubt(entry, None, late)
    assert found is not None
    assert found.word == "not valid then"
    assert TRUST.doubt(answer(), None, late) is None
    role = Reviewer(name="Ann", role="Lead")
    assert TRUST.refusal(role, public_line(ANNS), NINE) == ""
    assert TRUST.refusal(role, public_line(ANNS), late) == "that key was not valid on 2027-03-04"


def test_clocks_may_differ_by_five_minutes() -> None:
    limit, second = timedelta(minutes=5), timedelta(seconds=1)
    for trust in (SIGNED, TRUST):
        assert trust.doubt(answer(), NINE + limit, NINE) is None
        assert trust.doubt(answer(), NINE + limit + second, NINE) == (
            "back-dated", "it is dated 2026-03-04 09:00, and the entries before it 2026-03-04 09:05"
        )  # fmt: skip
        assert trust.doubt(answer(), NINE, NINE - limit) is None
        assert trust.doubt(answer(), None, NINE - limit - second) == (
            "of the future", "it is dated 2026-03-04 09:00"
        )  # fmt: skip
    assert EVERYBODY.doubt(answer(), NINE + timedelta(days=9), NINE - timedelta(days=9)) is None


def test_an_entry_is_held_against_the_latest_before_it() -> None:
    later = NINE + timedelta(hours=1)
    for first in (entry_of(Seal, 0, time=later), answer(number=0, time=later)):
        log = TrustedLog(SIGNED, [first, answer(number=1), answer(number=2, time=later)])
        assert {key: doubt.word for key, doubt in log.doubts.items()} == {f"{1:032x}": "back-dated"}
        assert log.doubts[f"{1:032x}"].text.endswith("before it 2026-03-04 10:00")
    early = TrustedLog(SIGNED, [entry_of(Seal, 0, time=later), answer(), answer(number=2)])
    assert len(early.doubts) == 2
    grown = TrustedLog(SIGNED)
    grown.extend([entry_of(Seal, 0, time=later)])
    grown.extend([answer()])
    assert len(grown.doubts) == 1


def test_a_stranger_s_date_makes_nobody_s_answer_back_dated() -> None:
    later = NINE + timedelta(hours=1)
    for trust, stranger in ((SIGNED, None), (TRUST, None), (TRUST, STRANGERS)):
        planted = answer(stranger, number=0, time=later, verdict="rejected")
        log = TrustedLog(trust, [planted, answer(number=1)])
        assert f"{1:032x}" not in log.doubts
        assert log.clock_problem(NINE) == ""


def test_no_answer_is_taken_whose_date_will_not_count() -> None:
    tomorrow, limit = now() + timedelta(days=1), timedelta(minutes=5)
    for first in (entry_of(Seal, 0, time=tomorrow), answer(number=0, time=tomorrow)):
        log = TrustedLog(SIGNED, [first, entry_of(Seal, 1)])
        assert log.clock_problem(tomorrow - limit) == ""
        moment = tomorrow - limit - timedelta(seconds=1)
        assert log.clock_problem(moment) == (
            f"the clock here says {moment:%Y-%m-%d %H:%M}, and the log has an entry of "
            f"{tomorrow:%Y-%m-%d %H:%M}: an answer would be back-dated, and not count"
        )
        assert TrustedLog(EVERYBODY, [first]).clock_problem(moment) == ""
    assert TrustedLog(SIGNED).clock_problem(NINE) == ""


def test_nothing_is_signed_tomorrow() -> None:
    tomorrow = answer(time=now() + timedelta(days=1))
    assert [doubt.word for doubt in TrustedLog(SIGNED, [tomorrow]).doubts.values()] == [
        "of the future"
    ]


def test_what_is_accepted_counts_only_with_a_signature_that_counts() -> None:
    entry = entry_of(Acceptance)
    strangers = signed(entry_of(Acceptance, 2), STRANGERS)
    whole = signed(entry_of(Acceptance, 3))
    broken = signed(entry_of(Acceptance, 4)).model_copy(update={"comment": "y"})
    all_of_them = [entry, strangers, whole, broken]
    assert TrustedLog(EVERYBODY, all_of_them).acceptances == [strangers, whole]
    assert TrustedLog(TRUST, all_of_them).acceptances == [whole]
    assert TrustedLog(TRUST, all_of_them).answers == []


def test_a_rejection_counts_whoever_gave_it() -> None:
    verdicts = ("approved", "rejected", "needs-work", "waived")
    strangers = [answer(STRANGERS, number=n, verdict=verdict) for n, verdict in enumerate(verdicts)]
    anns = [answer(number=n + 4, verdict=verdict) for n, verdict in enumerate(verdicts)]
    log = TrustedLog(TRUST, [*strangers, *anns])
    assert log.answers == [*strangers, *anns]
    assert log.counted(log.answers) == [*strangers[1:3], *anns]


def seal(number: int, **files: str) -> Seal:
    paths = {"clip": "jobs/clip/log", "clips": "jobs/clips/log", "run": "run.json"}
    made = {paths[name]: (1, value * 64) for name, value in files.items()}
    return entry_of(Seal, number, files=made)  # type: ignore[no-any-return]


def test_an_answer_is_stale_once_its_jobs_files_were_sealed_as_others() -> None:
    given = answer(number=1)
    first = seal(0, clip="0", clips="0", run="0")
    for entries, differs in (
        ([given], False),
        ([first, given], False),
        ([given, seal(2, clip="1")], False),
        ([first, given, seal(2, clip="0", clips="1", run="1")], False),
        ([first, given, seal(2, clip="1", clips="0", run="0")], True),
        ([first, given, seal(2, clips="0", run="0")], True),
        ([first, given, seal(2, clip="1"), seal(3, clip="0")], False),
        ([first, given, seal(2, clip="0"), seal(3, clip="1")], True),
        ([seal(0, clip="1"), given], False),
    ):
        found = TrustedLog(EVERYBODY, entries).resealed(given)
        assert found == (["the job's files"] if differs else []), entries


def test_an_answer_is_held_against_the_last_seal_before_it() -> None:
    given = answer(number=2)
    for before, after, differs in (("10", "1", True), ("01", "1", False), ("10", "0", False)):
        seals = [seal(number, clip=value) for number, value in enumerate(before)]
        log = TrustedLog(EVERYBODY, [*seals, given, seal(3, clip=after)])
        assert log.resealed(given) == (["the job's files"] if differs else [])


def test_a_job_that_was_sealed_again_is_covered_by_what_was_signed_since() -> None:
    given, later = answer(number=1), answer(number=3)
    before, after = seal(0, clip="1"), seal(2, clip="2")
    jobs = ["clip", "other"]
    for entries, open_jobs in (
        ([before, given], []),
        ([before, given, seal(2, clip="1")], []),
        ([before, given, after], ["clip"]),
        ([before, given, after, later], []),
        ([before, given, after, later, seal(4, clip="1")], []),
        ([before, given, after, later, seal(4, clip="3")], ["clip"]),
        ([before, given, after, answer(None, number=3)], ["clip"]),
        ([before, given, after, answer(STRANGERS, number=3)], ["clip"]),
        ([before, given, after, signed(entry_of(Acceptance, 3))], []),
        ([before, answer(None, number=1), after], []),
        ([before], []),
        ([], []),
    ):
        assert TrustedLog(TRUST, entries).sealed_since(jobs) == open_jobs


def test_the_file_of_the_signers_is_named(tmp_path: Path) -> None:
    file = tmp_path / "others"
    file.write_text(f"Ben {public_line(BENS)}\n")
    trust = find_trust(signers=file, required=True)
    assert (trust.file, trust.requires_signatures) == (file, True)
    assert not find_trust(signers=file).requires_signatures
    assert trust.refusal(Reviewer(name="Ben"), public_line(ANNS), NINE) == (
        "others does not list that key"
    )


def test_an_entry_is_what_it_was_when_it_was_signed() -> None:
    older = {"kind": "answer", **json.loads(canonical(answer(None)))}
    del older["binding"]["plan_sha256"]
    assert TRUST.doubt(signed(parse_entry(json.dumps(older))), None, NINE) is None


def merge_of(number: int, fork: str, *lines: Entry) -> tuple[Entry, str]:
    """Return an entry that merged lines, and the hash of the last of them."""
    texts = [canonical(line) for line in lines]
    branch = {"fork": fork, "lines": texts, "merges": {}}
    return entry_of(Merge, number, branches=[branch]), line_hash(texts[-1])


def test_what_was_merged_is_held_against_what_was_before_it_there() -> None:
    noon, nine = NINE + timedelta(hours=3), NINE
    late, early = answer(number=1, time=noon), answer(number=2, time=nine, id="a" * 32)
    both, _ = merge_of(1, FIRST, late, early)
    assert TrustedLog(TRUST, [both]).doubts.keys() == {early.id}
    first, last = merge_of(1, FIRST, late)
    for fork, doubts in ((last, {early.id}), (FIRST, set())):
        second, _ = merge_of(2, fork, early)
        assert TrustedLog(TRUST, [first, second]).doubts.keys() == doubts
    here = answer(number=2, time=nine, id="b" * 32)
    assert TrustedLog(TRUST, [first, here]).doubts == {}


def test_a_clock_that_is_five_minutes_ahead_dates_what_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trusting, "now", lambda: NINE)
    ahead = answer(number=1, time=NINE + CLOCKS)
    before = answer(number=2, time=NINE - timedelta(seconds=1))
    assert {d.word for d in TrustedLog(TRUST, [ahead, before]).doubts.values()} == {"back-dated"}
    further = answer(number=1, time=NINE + CLOCKS + timedelta(seconds=1))
    assert [d.word for d in TrustedLog(TRUST, [further, before]).doubts.values()] == [
        "of the future"
    ]
