"""What verification says of a run: the verdict, each reason in words, and the notes."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from forging import ANNS, BENS, STRANGERS
from reviewed_run import ANN, BEN, EVERYTHING, answer_to, approve_all, make_run, session_of

from proofbook.errors import RunFolderError
from proofbook.records import now
from proofbook.report import write_report
from proofbook.runs.folder import RunFolder
from proofbook.signoff.acceptance import parse_answer
from proofbook.signoff.entries import Problem, Reviewer
from proofbook.signoff.run_status import read_run
from proofbook.signoff.sealing import seal_run
from proofbook.signoff.signers import parse_signers
from proofbook.signoff.signing import fingerprint, public_line
from proofbook.signoff.trust import Trust
from proofbook.signoff.verification import Reason, Verification, verify_run

LISTED = f'Ann namespaces="proofbook,proofbook:*" {public_line(ANNS)}'
TRUST = Trust(signers=parse_signers(LISTED), file=Path("allowed_signers"))
DAY = timedelta(days=1)
UNSEALED = Reason(
    verdict="unsealed", word="unsealed",
    text="the run was never sealed, so nothing shows that its files are as it left them; "
    "proofbook run --resume ends and seals it",
)  # fmt: skip


def reason(verdict: Any, word: str, text: str) -> Reason:
    return Reason(verdict=verdict, word=word, text=text)


def waive(run: RunFolder, check: str, **more: Any) -> None:
    values = {"job": "clip", "question": f"check:{check}", "verdict": "waived",
              "comment": "known", "expires": now() + DAY, **more}  # fmt: skip
    session_of(run).answer(parse_answer(values), ANN)


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        ("approved", 0), ("passed", 0), ("waived", 1), ("pending", 1), ("unsealed", 1),
        ("expired", 1), ("stale", 1), ("untrusted", 1), ("rejected", 1), ("failed", 1),
        ("tampered", 1),
    ],
)  # fmt: skip
def test_only_what_is_approved_or_asked_nothing_exits_with_0(verdict: Any, code: int) -> None:
    assert Verification(verdict=verdict, reasons=(), notes=(), answers=()).exit_code == code


def test_an_unanswered_run_names_each_required_question(run: RunFolder) -> None:
    found = verify_run(run)
    assert found.verdict == "unsealed"
    pending = (
        reason("pending", "pending", "clip, good: nobody has answered"),
        reason("pending", "pending", "scored, scores: nobody has answered"),
        reason("pending", "pending", "looks, picture-good: waits for role 'art director'"),
    )
    assert found.reasons == (UNSEALED, *pending)
    assert (found.notes, found.answers) == ((), ())
    session_of(run).seal()
    assert verify_run(run).reasons == pending


def test_the_worst_reason_comes_first(run: RunFolder) -> None:
    session = session_of(run)
    for job, question in EVERYTHING[1:]:
        session.answer(answer_to(run, job, question), ANN)
    rejected = answer_to(run, "looks", "picture-good", "needs-work", comment="dull")
    session.answer(rejected, Reviewer(name="Cem", role="art director"))
    waiver = answer_to(run, "scored", "scores", "waived", comment="demo", expires=now() + DAY)
    session.answer(waiver, ANN)
    found = verify_run(run)
    assert found.verdict == "rejected"
    assert [each.verdict for each in found.reasons] == ["rejected", "pending", "waived"]
    assert found.reasons[0] == reason(
        "rejected", "needs-work", "looks, picture-good: needs-work by Cem: dull"
    )
    run.job("clip").log.write_text("another")
    found = verify_run(run)
    assert found.verdict == "tampered"
    assert [each.verdict for each in found.reasons] == [
        "tampered", "rejected", "pending", "waived"
    ]  # fmt: skip
    assert found.reasons[0] == reason(
        "tampered", "changed", "jobs/clip/output.log has been changed"
    )
    assert len(found.answers) == 5


def test_an_answer_that_is_not_trusted_is_called_by_its_word(run: RunFolder) -> None:
    approve_all(run, key=ANNS)
    session_of(run, key=STRANGERS).answer(answer_to(run, "clip", "good"), BEN)
    assert verify_run(run).verdict == "approved"
    found = verify_run(run, trust=TRUST)
    assert found.verdict == "untrusted"
    (only,) = found.reasons
    assert (only.verdict, only.word) == ("untrusted", "unknown key")
    assert only.text.startswith("clip, good: Ben approved it, but it is signed with SHA256:")


def test_who_signed_is_noted_and_what_nobody_signed(run: RunFolder) -> None:
    approve_all(run)
    assert verify_run(run).notes == ("not signed: 4 of 4 answers",)
    written = [session_of(run, key=key).answer(answer_to(run, "clip", "good"), who)
               for key, who in ((BENS, BEN), (ANNS, ANN), (ANNS, ANN))]  # fmt: skip
    keys = [fingerprint(answer.signature) for answer in written if answer.signature]
    assert verify_run(run).notes == (
        "not signed: 4 of 7 answers",
        f"signed by Ann with {keys[1]}",
        f"signed by Ben with {keys[0]}",
    )
    path = run.path / "signoffs.jsonl"
    path.write_text(path.read_text().replace('"name":"Ben"', '"name":"Eve"'))
    assert verify_run(run).notes[1:] == (f"signed by Ann with {keys[1]}",)


def test_what_was_accepted_is_noted(run: RunFolder) -> None:
    session = approve_all(run, key=ANNS)
    for name in ("clip", "looks"):
        run.job(name).log.write_text("another")
    paths = ["jobs/looks/output.log", "jobs/clip/output.log"]
    session.accept_changes(paths, ANN, "a secret was blackened")
    found = verify_run(run, trust=TRUST)
    assert found.verdict == "approved"
    assert found.notes[1:] == (
        "Ann accepted jobs/clip/output.log, jobs/looks/output.log as they are: "
        "a secret was blackened",
    )


@pytest.mark.parametrize(
    ("count", "note"),
    [
        (1, "a leads out of the run: what lies behind is not sealed"),
        (2, "a and 1 more leads out of the run: what lies behind is not sealed"),
        (4, "a and 3 more leads out of the run: what lies behind is not sealed"),
    ],
)
def test_links_that_lead_out_of_the_run_are_noted(run: RunFolder, count: int, note: str) -> None:
    (run.path / "inner").symlink_to("run.json")
    assert verify_run(run).notes == ()
    for name in "abcd"[:count]:
        (run.path / name).symlink_to("/etc/hosts")
    assert verify_run(run).notes == (note,)


def test_what_was_kept_elsewhere_is_held_against_the_log(run: RunFolder) -> None:
    approve_all(run)
    kept: list[Any] = []

    def anchored(log: Any) -> list[Problem]:
        kept.extend(log.entries)
        return [Problem("rolled back", "entry 9 is gone")]

    found = verify_run(run, anchored=anchored)
    assert found.reasons == (reason("tampered", "rolled back", "entry 9 is gone"),)
    assert [entry.number for entry in kept] == [0, 1, 2, 3, 4]


def test_a_run_whose_record_is_gone_is_tampered_with(run: RunFolder) -> None:
    approve_all(run)
    moved = RunFolder(run.path.rename(run.path.parent / "moved"))
    moved.info_file.write_text("{")
    found = verify_run(moved)
    assert found.verdict == "tampered"
    assert found.reasons[0] == reason("tampered", "changed", "run.json has been changed")
    (unreadable,) = found.reasons[1:]
    assert unreadable.word == "unreadable"
    assert "run.json" in unreadable.text
    assert len(found.answers) == 4


def test_what_is_no_run_is_none(run: RunFolder) -> None:
    run.info_file.unlink()
    with pytest.raises(RunFolderError):
        verify_run(run)


def test_a_job_that_failed_is_named_with_its_cause(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs", broken=True)
    approve_all(run)
    found = verify_run(run)
    assert found.verdict == "failed"
    (only,) = found.reasons
    assert (only.word, only.text[:12]) == ("failed", "clip failed:")
    waive(run, "audible")
    found = verify_run(run)
    assert found.reasons == (
        reason("waived", "waived", "clip: every failed check is waived"),
        reason("waived", "waived", "clip, check audible: waived by Ann"),
    )
    assert verify_run(run, now() + 2 * DAY).verdict == "failed"
    assert read_run(run, moment=now() + 2 * DAY).jobs[0].waived_checks == {}


def test_a_run_that_did_not_end_is_named_with_its_cause(run: RunFolder) -> None:
    info = run.read_info()
    for update, word, text in (
        ({"ended": None}, "incomplete", "the run is incomplete: run.json records no end"),
        ({"verdict": "error"}, "error", "the run is error: run.json says error"),
    ):
        run.write_info(info.model_copy(update=update))
        (run.path / "signoffs.jsonl").unlink(missing_ok=True)
        (run.path / "signoffs.head").unlink(missing_ok=True)
        approve_all(run)
        (only,) = verify_run(run).reasons
        assert (only.verdict, only.word) == ("failed", word)
        assert only.text.startswith(text)


def test_a_waiver_does_not_make_an_end_of_a_run_that_had_none(tmp_path: Path) -> None:
    for update, word in (({"ended": None}, "incomplete"), ({"verdict": "error"}, "error")):
        run = make_run(tmp_path / word, broken=True)
        run.write_info(run.read_info().model_copy(update=update))
        waive(run, "audible")
        found = [each for each in verify_run(run).reasons if each.verdict == "failed"]
        assert found == [reason("failed", word, f"run.json says {word}")]


def test_a_waiver_of_a_check_lasts_until_it_expires(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs", broken=True)
    until = now() + DAY
    waive(run, "audible", expires=until)
    second = timedelta(seconds=1)
    for moment, names in ((until - second, {"audible"}), (until, set()), (until + second, set())):
        assert set(read_run(run, moment=moment).jobs[0].waived_checks) == names
    assert read_run(run, trust=TRUST).jobs[0].waived_checks == {}
    run.job("clip").log.write_text("another")
    seal_run(run, session_of(run).log, run.path.name)
    assert read_run(run).jobs[0].waived_checks == {}


def test_what_an_answer_makes_of_a_question_is_read_back(run: RunFolder) -> None:
    session = session_of(run)
    session.answer(answer_to(run, "clip", "good"), ANN)
    session.answer(answer_to(run, "looks", "story-good", "rejected"), BEN)
    status = read_run(run)
    statuses = [question.status for job in status.jobs for question in job.questions]
    assert statuses == ["approved", "pending", "pending", "rejected"]
    assert [set(job.states) for job in status.jobs] == [
        {"good"}, set(), {"picture-good", "story-good"},
    ]  # fmt: skip
    assert status.trusted.answers == list(status.log.answers)
    assert len(status.log.answers) == 2
    assert read_run(run, trust=TRUST).jobs[0].questions[0].status == "untrusted"
    lasting = answer_to(run, "clip", "good", expires=now() + DAY)
    session.answer(lasting, ANN)
    assert read_run(run).jobs[0].questions[0].status == "approved"
    assert read_run(run, moment=now() + DAY).jobs[0].questions[0].status == "expired"


def test_a_log_that_was_tampered_with_makes_nothing_green(run: RunFolder) -> None:
    approve_all(run)
    assert read_run(run).verdict == "passed"
    (run.path / "signoffs.head").unlink()
    status = read_run(run)
    assert (status.supported, status.verdict) == ("passed", "incomplete")
    assert status.cause == "the sign-off log was tampered with: signoffs.head is gone"
    other = make_run(run.path.parent, "20260304-100000-demo-bbbb")
    approve_all(other)
    for name in ("signoffs.jsonl", "signoffs.head"):
        shutil.copy(other.path / name, run.path / name)
    assert read_run(run).cause.endswith(
        f"line 1 of signoffs.jsonl belongs to run {other.path.name}"
    )


def test_a_run_is_verified_by_its_files_and_not_by_its_report(run: RunFolder) -> None:
    approve_all(run)
    write_report(run)
    assert verify_run(run).verdict == "approved"
    (run.report / "report.json").write_text("{}")
    found = verify_run(run)
    assert found.reasons == (reason("tampered", "report", "report/report.json has been changed"),)
