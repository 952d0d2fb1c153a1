"""What a session writes down is what was answered, by whom, about what, for how long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from forging import ANNS, BENS, STRANGERS
from reviewed_run import ANN, BEN, START, answer_to, approve_all, make_run, session_of

from proofbook.errors import UsageError
from proofbook.records import Evidence, MediaFile, Question, RunInfo, now
from proofbook.runs.folder import RunFolder
from proofbook.signoff import answering
from proofbook.signoff.acceptance import parse_answer
from proofbook.signoff.answering import ReviewSession
from proofbook.signoff.binding import bind, bind_check
from proofbook.signoff.entries import Answer, Reviewer, Seal, parse_entry
from proofbook.signoff.sealing import broken_seal, list_files, seal_run
from proofbook.signoff.signers import parse_signers
from proofbook.signoff.signing import public_line, signature_problem
from proofbook.signoff.trust import Trust

LISTED = f'Ann namespaces="proofbook,proofbook:*" {public_line(ANNS)}\nBen {public_line(BENS)}'
TRUST = Trust(signers=parse_signers(LISTED), file=Path("allowed_signers"))
DAY = timedelta(days=1)


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(UsageError) as caught:
        call()
    return str(caught.value)


def test_an_answer_is_written_as_it_was_given(run: RunFolder) -> None:
    session = session_of(run)
    job = session.job("clip")
    given = answer_to(run, "clip", "good", comment="fine", blind=True)
    written = session.answer(given, ANN)
    entries = session.log.read().entries
    assert entries == (entries[0], written)
    assert isinstance(entries[0], Seal)
    assert entries[0].files == list_files(run.path).files
    assert (written.reviewer, written.verdict, written.comment) == (ANN, "approved", "fine")
    assert (written.blind, written.seconds_played) == (True, given.seconds_played)
    assert (written.expires, written.signature, written.supersedes) == (None, None, ())
    assert written.meaning == "I have looked at or listened to it, and it is good for release."
    assert written.binding == bind(job, job.questions[0], run.media)
    assert session.answers() == [written]
    assert session_of(run).answers() == [written]


def test_a_run_is_sealed_once_before_its_first_answer(run: RunFolder) -> None:
    session = session_of(run)
    for _ in range(2):
        session.answer(answer_to(run, "clip", "good"), ANN)
    session_of(run).answer(answer_to(run, "clip", "good"), BEN)
    kinds = [entry.kind for entry in session.log.read().entries]
    assert kinds == ["seal", "answer", "answer", "answer"]


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("rejected", "I have looked at or listened to it, and it must not be released."),
        ("needs-work", "I have looked at or listened to it, and it needs work before release."),
        ("waived", "I know that this is not approved, and answer for releasing without it."),
    ],
)
def test_each_verdict_has_its_meaning_in_words(run: RunFolder, verdict: str, words: str) -> None:
    until = now() + DAY
    given = answer_to(run, "clip", "good", verdict, comment="x", expires=until)
    written = session_of(run, lasting=2 * DAY).answer(given, BEN)
    assert (written.meaning, written.expires) == (words, until)


def test_an_approval_lasts_as_long_as_the_session_says(run: RunFolder) -> None:
    session = session_of(run, lasting=30 * DAY)
    before = now()
    written = session.answer(answer_to(run, "clip", "good"), ANN)
    assert written.expires is not None
    assert before + 30 * DAY <= written.expires <= now() + 30 * DAY
    own = now() + DAY
    assert session.answer(answer_to(run, "clip", "good", expires=own), ANN).expires == own
    rejected = answer_to(run, "clip", "good", "rejected")
    assert session.answer(rejected, ANN).expires is None


def test_an_answer_replaces_ones_own_and_those_that_it_names(run: RunFolder) -> None:
    session = session_of(run)

    def given(who: Reviewer, job: str = "clip", question: str = "good", *old: Answer) -> Answer:
        names = tuple(answer.id for answer in old)
        return session.answer(answer_to(run, job, question, supersedes=names), who)

    elsewhere = given(ANN, "looks", "story-good")
    first, bens = given(ANN), given(BEN)
    assert (elsewhere.supersedes, first.supersedes, bens.supersedes) == ((), (), ())
    second = given(ANN)
    assert second.supersedes == (first.id,)
    cem = given(Reviewer(name="Cem"), "clip", "good", bens)
    assert cem.supersedes == (bens.id,)
    last = given(ANN, "clip", "good", cem)
    assert last.supersedes == tuple(sorted((second.id, cem.id)))
    unknown = ("f" * 32, "0" * 32)
    for names, named in ((unknown, "0" * 32), ((last.id, first.id), first.id),
                         ((elsewhere.id,), elsewhere.id)):  # fmt: skip
        answer = answer_to(run, "clip", "good", supersedes=names)
        problem = refused(lambda answer=answer: session.answer(answer, ANN))
        assert problem == f"there is no answer {named} that could be replaced"


def test_what_would_not_count_is_not_taken(run: RunFolder) -> None:
    unsigned = session_of(run, trust=TRUST)
    approval = answer_to(run, "clip", "good")
    waiver = answer_to(run, "clip", "good", "waived", comment="x", expires=now() + DAY)
    for answer in (approval, waiver):
        assert refused(lambda answer=answer: unsigned.answer(answer, ANN)) == (
            "clip, good: answers must be signed here; give --key"
        )
    for verdict in ("rejected", "needs-work"):
        assert unsigned.answer(answer_to(run, "clip", "good", verdict), BEN).signature is None
    stranger = session_of(run, trust=TRUST, key=STRANGERS)
    assert refused(lambda: stranger.answer(approval, ANN)) == (
        "clip, good: allowed_signers does not list that key"
    )
    bens = session_of(run, trust=TRUST, key=BENS)
    assert refused(lambda: bens.answer(approval, ANN)) == "clip, good: that key is not Ann's"
    written = parse_entry(bens.answer(approval, BEN).model_dump_json())
    assert isinstance(written, Answer)
    assert written.signature is not None
    assert written.signature.key == public_line(BENS)
    assert signature_problem(written) == ""


def test_what_is_not_asked_is_named(run: RunFolder) -> None:
    session = session_of(run)
    values = {"job": "clip", "question": "bad", "verdict": "rejected"}
    assert refused(lambda: session.answer(parse_answer(values), ANN)) == (
        "job clip asks no question 'bad'"
    )
    assert refused(lambda: session.job("clap")) == f"run {run.path.name} has no job 'clap'"
    assert session.job("looks") is session.job("looks")
    assert [session.job(name).id for name in ("looks", "clip")] == ["looks", "clip"]


def test_a_waived_check_is_bound_to_its_job(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs", broken=True)
    session = session_of(run)
    values = {"job": "clip", "question": "check:audible", "verdict": "waived", "comment": "known",
              "expires": now() + DAY}  # fmt: skip
    written = session.answer(parse_answer(values), ANN)
    assert written.binding == bind_check(session.job("clip"), "audible")
    assert written.binding.question == "check:audible"
    assert refused(lambda: session.answer(parse_answer({**values, "comment": ""}), ANN)) == (
        "clip, check:audible: a waiver needs a reason"
    )


def changed_run(tmp_path: Path, **more: Any) -> Any:
    run = make_run(tmp_path / "outputs")
    session = session_of(run, **more)
    session.seal()
    run.job("clip").log.write_text("another")
    return session


def test_a_change_is_accepted_by_a_signature_that_counts(tmp_path: Path) -> None:
    session = changed_run(tmp_path)
    paths = ["jobs/clip/output.log"]
    assert refused(lambda: session.accept_changes(paths, ANN, "fine")) == (
        "only a signed entry accepts a change: give --key"
    )
    session.key, session.trust = STRANGERS, TRUST
    assert refused(lambda: session.accept_changes(paths, ANN, "fine")) == (
        "cannot accept a change: allowed_signers does not list that key"
    )
    session.key = ANNS
    assert refused(lambda: session.accept_changes([*paths, "run.json", "nothing"], ANN, "x")) == (
        "nothing is as it was sealed, or never was: nothing to accept"
    )
    assert len(session.log.read().entries) == 1
    written = session.accept_changes(paths, ANN, "a secret was blackened")
    assert (written.run, written.reviewer) == (session.info.run_id, ANN)
    assert written.comment == "a secret was blackened"
    assert written.files == {paths[0]: list_files(session.run.path).files[paths[0]]}
    read = session.log.read()
    assert (read.acceptances, read.problems) == ((written,), ())
    assert signature_problem(read.acceptances[0]) == ""
    run = session.run
    (run.path / "run.json").unlink()
    assert session.accept_changes(["run.json"], ANN, "gone").files == {"run.json": None}


def test_what_a_resumed_run_found_changed_can_be_accepted_too(tmp_path: Path) -> None:
    session = changed_run(tmp_path, key=ANNS)
    (seal,) = session.log.read().seals
    changed = broken_seal(session.run.path, seal, ())
    seal_run(session.run, session.log, session.info.run_id, changed=changed)
    session.run.job("looks").log.write_text("another")
    paths = ["jobs/clip/output.log", "jobs/looks/output.log"]
    assert set(session.accept_changes(paths, ANN, "fine").files) == set(paths)


def test_nothing_of_a_run_that_was_never_sealed_is_accepted(run: RunFolder) -> None:
    session = session_of(run, key=ANNS)
    assert refused(lambda: session.accept_changes(["run.json"], ANN, "x")).startswith("run.json is")


@pytest.mark.parametrize("form", ["ab", "abx"])
def test_only_an_approval_of_a_blind_question_is_compared(tmp_path: Path, form: str) -> None:
    outputs = tmp_path / "outputs"
    approve_all(make_run(outputs, form=form))
    run = make_run(outputs, "20260305-090000-demo-bbbb", hertz=500, form=form, started=START + DAY)
    session = session_of(run)
    told = "clip, good: compare it blind with the approved take first"
    assert refused(lambda: session.answer(answer_to(run, "clip", "good"), ANN)) == told
    for verdict in ("rejected", "needs-work"):
        session.answer(answer_to(run, "clip", "good", verdict), ANN)
    session.answer(answer_to(run, "scored", "scores"), ANN)
    first = session_of(RunFolder(outputs / "20260304-090000-demo-aaaa"))
    assert first.baselines == {}
    first.answer(answer_to(first.run, "clip", "good"), ANN)


def test_a_take_is_compared_with_the_approved_one_of_its_runbook_job_and_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = ReviewSession(
        RunFolder(tmp_path / "run"), RunInfo(run_id="r", profile="p", plan=()), trust=TRUST
    )
    asked: list[Any] = []

    def find_baselines(outputs: Path, **more: Any) -> Any:
        asked.append((outputs, more))
        return {("demo/clip", "clip", "take"): SimpleNamespace(evidence=theirs)}

    monkeypatch.setattr(answering, "find_baselines", find_baselines)
    mine, theirs = (
        Evidence(name="take", media_kind="text", file=MediaFile(
            sha256=sha256 * 64, suffix=".txt", size=1, media_type="text/plain"
        )) for sha256 in "ab"
    )  # fmt: skip
    question = Question(name="good", text="?", form="ab", about=("a" * 64,))
    answer: Any = parse_answer({"job": "clip", "question": "good", "verdict": "approved"})
    for runbook, job, evidence, is_asked in (
        ("demo/clip", "clip", {"a" * 64: mine}, True),
        ("demo/other", "clip", {"a" * 64: mine}, False),
        ("demo/clip", "other", {"a" * 64: mine}, False), ("demo/clip", "clip", {}, False),
        ("demo/clip", "clip", {"a" * 64: mine.model_copy(update={"name": "x"})}, False),
    ):  # fmt: skip
        where: Any = SimpleNamespace(runbook=runbook, id=job, evidence=evidence)
        told = "compare it blind with the approved take first" if is_asked else ""
        assert session._comparison_problem(answer, question, where) == told
    assert asked == [(tmp_path, {"before": "r", "trust": TRUST})]


def test_approved_takes_are_looked_for_again_only_when_that_is_asked(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    first = make_run(outputs)
    run = make_run(outputs, "20260305-090000-demo-bbbb", started=START + DAY)
    session = session_of(run)
    assert session.baselines == {}
    approve_all(first)
    assert session.baselines == {}
    assert len(session.find_baselines()) == len(session.baselines) == 4
    assert session_of(run, trust=TRUST).baselines == {}
