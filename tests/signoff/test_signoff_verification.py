"""Whatever is changed is noticed, and what was only moved raises no alarm."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from reviewed_run import ANN, BEN, answer_to, approve_all, make_run, session_of, write_job

from proofbook.records import Check, now
from proofbook.report import load_run, write_report
from proofbook.runs.folder import RunFolder
from proofbook.signoff.entries import FIRST, line_hash
from proofbook.signoff.sealing import broken_seal, seal_run
from proofbook.signoff.verification import Verification, verify_run


def lines_of(run: RunFolder) -> list[str]:
    return (run.path / "signoffs.jsonl").read_text().splitlines(keepends=True)


def texts(found: Verification) -> list[str]:
    return [reason.text for reason in found.reasons]


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
    assert verify_run(run).notes == ("not signed: 4 of 4 answers",)


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


@pytest.mark.exhaustive
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
    assert any(words in text for text in texts(found)), found.reasons


def test_a_report_is_not_green_on_a_log_that_was_tampered_with(signed: RunFolder) -> None:
    assert load_run(signed).verdict == "passed"
    drop_last(signed)
    summary = load_run(signed)
    assert summary.verdict == "incomplete"
    assert summary.cause.startswith("the sign-off log was tampered with: signoffs.jsonl ends aft")


def test_each_state_of_a_run_has_its_verdict(run: RunFolder, tmp_path: Path) -> None:
    write_report(run)
    found = verify_run(run)
    assert (found.verdict, found.exit_code) == ("unsealed", 1)
    seal_run(run, session_of(run).log, run.path.name)
    found = verify_run(run)
    assert (found.verdict, found.exit_code) == ("pending", 1)
    assert "clip, good: nobody has answered" in texts(found)
    session = approve_all(run)
    until = now() + timedelta(hours=1)
    session.answer(answer_to(run, "clip", "good", "waived", comment="ok", expires=until), ANN)
    write_report(run)
    assert verify_run(run).verdict == "waived"
    assert verify_run(run, now() + timedelta(days=1)).verdict == "expired"
    session.answer(answer_to(run, "clip", "good", "needs-work", comment="hiss"), BEN)
    write_report(run)
    assert verify_run(run).verdict == "rejected"
    broken = make_run(tmp_path / "broken", broken=True)
    write_report(broken)
    found = verify_run(broken)
    assert found.verdict == "failed"
    assert texts(found)[0].startswith("clip failed")


def test_a_question_for_a_role_says_whom_it_waits_for(run: RunFolder) -> None:
    assert "looks, picture-good: waits for role 'art director'" in texts(verify_run(run))


def test_a_review_does_not_heal_a_broken_seal(signed: RunFolder) -> None:
    signed.job("clip").log.write_text("another")
    session_of(signed).seal()
    found = verify_run(signed)
    assert found.verdict == "tampered"
    assert texts(found) == ["jobs/clip/output.log has been changed"]


def test_nor_does_the_seal_of_a_resumed_run(signed: RunFolder) -> None:
    log = session_of(signed).log
    signed.job("clip").log.write_text("another")
    seal = log.read().seal
    assert seal is not None
    seal_run(signed, log, signed.path.name, changed=broken_seal(signed.path, seal, ()))
    found = verify_run(signed)
    assert found.verdict == "tampered"
    assert {reason.word for reason in found.reasons} == {"changed", "sealed again", "stale"}
    assert any(
        re.fullmatch(r"jobs/clip/output.log has been changed, before entry \d sealed .*", text)
        for text in texts(found)
    )


def test_a_run_that_asks_nothing_is_passed_and_not_approved(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs")
    info = run.read_info()
    plan = tuple(write_job(run, f"plain-{i}", [Check(name="a", status="passed")]) for i in (1, 2))
    run.write_info(info.model_copy(update={"plan": plan, "verdict": "passed"}))
    assert verify_run(run).verdict == "unsealed"
    seal_run(run, session_of(run).log, info.run_id)
    found = verify_run(run)
    assert (found.verdict, found.exit_code, found.answers) == ("passed", 0, ())
    run.job("plain-1").log.write_text("another")
    assert verify_run(run).verdict == "tampered"
