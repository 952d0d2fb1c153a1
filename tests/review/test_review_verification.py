"""Whatever is changed is found, and what was only moved raises no alarm."""

from __future__ import annotations

import base64
import json
import multiprocessing
import random
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from reviewed_run import ANN, BEN, approve_all, given, make_run, session_of

from proofbook.errors import UsageError
from proofbook.records import now
from proofbook.report import load_run, write_report
from proofbook.review.verification import verify_run
from proofbook.runs.folder import RunFolder
from proofbook.signoff.entries import FIRST, Seal, line_hash
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.signing import envelope, fingerprint, load_key, signature_problem


@pytest.fixture
def signed(run: RunFolder, key: Ed25519PrivateKey) -> RunFolder:
    """A run that is approved, signed and reported."""
    approve_all(run, key=key)
    write_report(run)
    return run


def lines_of(run: RunFolder) -> list[str]:
    return (run.path / "signoffs.jsonl").read_text().splitlines(keepends=True)


def write_lines(run: RunFolder, lines: list[str]) -> None:
    (run.path / "signoffs.jsonl").write_text("".join(lines))


def test_an_approved_run_says_who_approved_it(signed: RunFolder) -> None:
    found = verify_run(signed)
    assert (found.verdict, found.exit_code, found.reasons) == ("approved", 0, ())
    (note,) = found.notes
    assert note.startswith("signed by Ann with SHA256:")


def test_an_unsigned_answer_says_so(run: RunFolder) -> None:
    approve_all(run)
    write_report(run)
    assert verify_run(run).notes == ("4 of 4 answers are not signed",)


def test_moved_copied_zipped_runs_raise_no_alarm(signed: RunFolder, tmp_path: Path) -> None:
    places = [
        shutil.copytree(signed.path, tmp_path / "else" / "where"),
        tmp_path / "unzipped",
        signed.path.rename(tmp_path / "moved"),
    ]
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "moved")
    shutil.unpack_archive(tmp_path / "packed.zip", places[1])
    (tmp_path / "moved" / ".DS_Store").touch()
    (tmp_path / "moved" / "notes.txt").write_text("mine")
    for place in places:
        assert verify_run(RunFolder(Path(place))).verdict == "approved"


@pytest.mark.slow
def test_each_of_a_thousand_changed_bytes_is_found(signed: RunFolder) -> None:
    chance = random.Random(5)
    files = sorted(
        path for path in signed.path.rglob("*") if path.is_file() and path.stat().st_size
    )
    missed = []
    for number in range(1000):
        path = chance.choice(files)
        whole = path.read_bytes()
        place, value = chance.randrange(len(whole)), chance.randrange(1, 256)
        path.chmod(0o644)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ value]) + whole[place + 1 :])
        if verify_run(signed).verdict != "tampered":
            missed.append(f"{number}: {path.name} at {place}")
        path.write_bytes(whole)
    assert missed == []
    assert verify_run(signed).verdict == "approved"


def drop_last(run: RunFolder) -> None:
    write_lines(run, lines_of(run)[:-1])


def drop_middle(run: RunFolder) -> None:
    lines = lines_of(run)
    write_lines(run, lines[:2] + lines[3:])


def swap(run: RunFolder) -> None:
    lines = lines_of(run)
    write_lines(run, [*lines[:1], lines[2], lines[1], *lines[3:]])


def repeat(run: RunFolder) -> None:
    lines = lines_of(run)
    write_lines(run, [*lines, lines[-1]])


def rewrite(run: RunFolder) -> None:
    """Change an answer, and put right every hash that follows."""
    entries = [json.loads(line) for line in lines_of(run)]
    entries[1]["comment"] = "superb"
    previous, made = FIRST, []
    for entry in entries:
        entry["previous"] = previous
        made.append(json.dumps(entry, sort_keys=True, separators=(",", ":")))
        previous = line_hash(made[-1])
    write_lines(run, [f"{line}\n" for line in made])
    head = {"number": len(made) - 1, "sha256": previous}
    (run.path / "signoffs.head").write_text(
        json.dumps(head, sort_keys=True, separators=(",", ":")) + "\n"
    )


def mix(run: RunFolder) -> None:
    other = make_run(run.path.parent, "20260304-100000-demo-cccc")
    approve_all(other)
    write_lines(run, lines_of(run) + lines_of(other)[1:2])


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (drop_last, "signoffs.jsonl ends after 4 lines, and had 5"),
        (drop_middle, "line 3 of signoffs.jsonl does not follow the one before it"),
        (swap, "line 2 of signoffs.jsonl does not follow the one before it"),
        (repeat, "line 6 of signoffs.jsonl is a copy of an earlier one"),
        (rewrite, "entry 1 of Ann: its signature does not fit what it says"),
        (mix, "line 6 of signoffs.jsonl belongs to run 20260304-100000-demo-cccc"),
        (lambda run: (run.path / "signoffs.jsonl").unlink(), "signoffs.jsonl is gone, and"),
        (lambda run: (run.path / "signoffs.head").unlink(), "signoffs.head is gone"),
        (lambda run: next(run.media.glob("*.wav")).unlink(), " is gone"),
        (lambda run: run.job("clip").log.write_text("fine"), "jobs/clip/output.log has been"),
        (lambda run: (run.report / "report.json").write_text("{}"), "report/report.json has been"),
    ],
)
def test_each_kind_of_tampering_is_named(
    signed: RunFolder, deed: Callable[[RunFolder], object], words: str
) -> None:
    deed(signed)
    found = verify_run(signed)
    assert (found.verdict, found.exit_code) == ("tampered", 1)
    assert any(words in reason for reason in found.reasons), found.reasons


def test_a_report_is_not_green_on_a_log_that_was_tampered_with(signed: RunFolder) -> None:
    assert load_run(signed).verdict == "passed"
    drop_last(signed)
    summary = load_run(signed)
    assert summary.verdict == "incomplete"
    assert summary.cause.startswith("the sign-off log was tampered with: signoffs.jsonl ends aft")


def test_each_state_of_a_run_has_its_verdict(run: RunFolder, tmp_path: Path) -> None:
    write_report(run)
    found = verify_run(run)
    assert (found.verdict, found.exit_code) == ("pending", 1)
    assert "clip, good: nobody has answered" in found.reasons
    session = approve_all(run)
    until = now() + timedelta(hours=1)
    session.answer(given(run, "clip", "good", "waived", comment="ok", expires=until), ANN)
    write_report(run)
    assert verify_run(run).verdict == "waived"
    assert verify_run(run, now() + timedelta(days=1)).verdict == "expired"
    session.answer(given(run, "clip", "good", "needs-work", comment="hiss"), BEN)
    write_report(run)
    assert verify_run(run).verdict == "rejected"
    broken = make_run(tmp_path / "broken", broken=True)
    write_report(broken)
    found = verify_run(broken)
    assert found.verdict == "failed"
    assert found.reasons[0].startswith("clip failed")


def test_a_run_that_changed_before_it_was_sealed_again_says_so(signed: RunFolder) -> None:
    signed.job("clip").log.write_text("another")
    session_of(signed).seal()
    found = verify_run(signed)
    assert found.verdict == "approved"
    assert "sealed again after 1 files had changed" in found.notes
    seal = session_of(signed).log.read().seal
    assert seal is not None
    assert seal.changed == ("jobs/clip/output.log has been changed",)


def test_a_torn_last_line_is_dropped_and_said(signed: RunFolder) -> None:
    with (signed.path / "signoffs.jsonl").open("a") as file:
        file.write('{"kind":"answer","number":5,')
    found = verify_run(signed)
    assert found.verdict == "approved"
    assert "the last line is torn; it counts for nothing" in found.notes
    session = session_of(signed)
    log = session.log
    log.append(lambda n, p: Seal(number=n, previous=p, run=session.info.run_id, files={}))
    assert log.repaired == ["dropped a torn last line of 28 bytes"]
    assert len(log.read().entries) == 6
    assert log.read().problems == ()


def test_a_head_that_a_crash_left_behind_is_no_alarm(signed: RunFolder) -> None:
    head = (signed.path / "signoffs.head").read_bytes()
    session_of(signed).answer(given(signed, "clip", "good"), BEN)
    (signed.path / "signoffs.head").write_bytes(head)
    assert session_of(signed).log.read().problems == ()


def test_a_clock_that_goes_backwards_is_remarked(signed: RunFolder) -> None:
    session = session_of(signed)
    early = now() - timedelta(days=400)
    session.log.append(
        lambda n, p: Seal(number=n, previous=p, run=session.info.run_id, files={}, time=early)
    )
    state = session.log.read()
    assert state.problems == ()
    assert state.notes == ("entry 5 is dated before entry 4: a clock went backwards",)


def append_many(folder: str, run: str, count: int) -> None:
    log = SignoffLog(Path(folder), run)
    for _ in range(count):
        log.append(lambda n, p: Seal(number=n, previous=p, run=run, files={}))


def test_many_processes_append_and_none_is_lost(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=append_many, args=(str(tmp_path), "r", 20)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    state = SignoffLog(tmp_path, "r").read()
    assert [entry.number for entry in state.entries] == list(range(60))
    assert state.problems == ()


def test_an_envelope_is_verified_without_us(signed: RunFolder, key: Ed25519PrivateKey) -> None:
    answer = session_of(signed).log.read().answers[0]
    found = envelope(answer)
    payload, kind = base64.b64decode(found["payload"]), found["payloadType"].encode()
    encoded = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    key.public_key().verify(base64.b64decode(found["signatures"][0]["sig"]), encoded)
    statement = json.loads(payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"][0]["digest"]["sha256"] == answer.binding.subjects[0].sha256
    assert answer.signature is not None
    assert found["signatures"][0]["keyid"] == fingerprint(answer.signature)


def test_keys_that_cannot_be_used_are_one_line(tmp_path: Path, key_file: Path) -> None:
    assert load_key(key_file).private_bytes_raw() == bytes(range(32))
    (tmp_path / "x").write_text("no key")
    for path, problem in (
        (tmp_path / "none", "No such file"),
        (tmp_path / "x", "not a private SSH key that can be opened"),
    ):
        with pytest.raises(UsageError, match=problem):
            load_key(path)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    other = ec.generate_private_key(ec.SECP256R1())
    for how, problem in (
        (NoEncryption(), "not an Ed25519 key; make one: ssh-keygen"),
        (BestAvailableEncryption(b"secret"), "PROOFBOOK_KEY_PASSPHRASE opens a locked one"),
    ):
        (tmp_path / "k").write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, how))
        with pytest.raises(UsageError, match=problem):
            load_key(tmp_path / "k")


def test_a_broken_signature_is_said(signed: RunFolder) -> None:
    answer = session_of(signed).log.read().answers[0]
    assert answer.signature is not None
    for update, problem in (
        ({"value": "!"}, "its signature cannot be read"),
        ({"key": "ssh-ed25519 AAAA"}, "its signature cannot be read"),
    ):
        broken = answer.signature.model_copy(update=update)
        assert signature_problem(answer.model_copy(update={"signature": broken})) == problem
