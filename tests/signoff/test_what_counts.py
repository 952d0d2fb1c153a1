"""What an answer is bound to, and which entries count for a question, a check and a run."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from reviewed_run import ANN, BEN, EVERYTHING, START, answer_to, approve_all, make_run, session_of

from proofbook.errors import RunFolderError, UsageError
from proofbook.records import Evidence, MediaFile, Question, Resumption, now
from proofbook.report import write_report
from proofbook.runs.folder import RunFolder
from proofbook.signoff.acceptance import parse_answer, refusal
from proofbook.signoff.binding import (
    AskedJob,
    bind,
    bind_check,
    differences,
    made_with_hash,
    plan_hash,
)
from proofbook.signoff.entries import Answer, Binding, Reviewer, Seal
from proofbook.signoff.question_status import in_force, question_state
from proofbook.signoff.run_status import read_run
from proofbook.signoff.sealing import list_files, seal_run
from proofbook.signoff.trust import EVERYBODY, TrustedLog
from proofbook.signoff.verification import verify_run


def job_of(run: RunFolder, name: str = "clip") -> AskedJob:
    return session_of(run).job(name)


@pytest.mark.parametrize(
    "change",
    [
        {"text": "Is it loud?"}, {"form": "score"}, {"criteria": ("noise",)}, {"role": "lead"},
        {"required": False}, {"name": "other"},
    ],
)  # fmt: skip
def test_every_word_of_a_question_is_bound(run: RunFolder, change: dict[str, Any]) -> None:
    job = job_of(run)
    question = job.questions[0]
    before, after = (
        bind(job, q, run.media) for q in (question, question.model_copy(update=change))
    )
    assert differences(before, before) == []
    assert differences(before, after) == ["the question"]


def test_each_piece_of_evidence_is_bound(run: RunFolder) -> None:
    job = job_of(run, "looks")
    both = tuple(job.evidence)
    question = Question(name="pair", text="Do they fit?", about=both)
    before = bind(job, question, run.media)
    assert [subject.sha256 for subject in before.subjects] == list(both)
    for sha256 in both:
        path = run.media / job.evidence[sha256].file.filename
        whole = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(whole + b"x")
        assert differences(before, bind(job, question, run.media)) == ["the media"]
        path.unlink()
        assert differences(before, bind(job, question, run.media)) == ["the media"]
        path.write_bytes(whole)
    assert differences(before, bind(job, question, run.media)) == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("run", "another", "another run"), ("notebook_sha256", "0" * 64, "the notebook"),
        ("parameters_sha256", "0" * 64, "the parameters"),
        ("checks_sha256", "0" * 64, "the checks"),
        ("question_sha256", "0" * 64, "the question"), ("plan_sha256", "0" * 64, "the plan"),
        ("made_with_sha256", "0" * 64, "what the run was made with"), ("subjects", (), "the media"),
    ],
)  # fmt: skip
def test_each_difference_has_its_words(
    run: RunFolder, field: str, value: object, words: str
) -> None:
    job = job_of(run)
    current = bind(job, job.questions[0], run.media)
    assert differences(current.model_copy(update={field: value}), current) == [words]


def test_an_answer_of_the_first_edition_binds_what_it_did_then(run: RunFolder) -> None:
    job = job_of(run)
    current = bind(job, job.questions[0], run.media)
    old = Binding.model_validate(
        current.model_dump(exclude={"question_sha256", "plan_sha256", "made_with_sha256"})
    )
    assert differences(old, current) == []


@pytest.mark.parametrize(
    ("change", "is_bound"),
    [
        ({"commit": "b" * 40}, True), ({"dirty": True}, True), ({"environment": {"a": "2"}}, True),
        ({"hardware": {"gpu": "none"}}, True), ({"machine": "other"}, True),
        ({"warm": ("x",)}, True),
        ({"profile": "other"}, True), ({"profile_path": "x"}, True), ({"timeout": 3.0}, True),
        ({"started": START + timedelta(seconds=1)}, True), ({"run_id": "other"}, True),
        ({"resumed": (Resumption(commit="c" * 40),)}, False), ({"ended": None}, False),
        ({"verdict": "failed"}, False), ({"slots": 9}, False), ({"plan": ()}, False),
    ],
)  # fmt: skip
def test_what_a_run_was_made_with_is_bound(
    run: RunFolder, change: dict[str, Any], is_bound: bool
) -> None:
    """But not what it is resumed with: what is run again then is new in any case."""
    info = run.read_info()
    changed = info.model_copy(update=change)
    assert changed != info
    assert (made_with_hash(changed) != made_with_hash(info)) is is_bound


@pytest.mark.parametrize(
    "change",
    [
        {"timeout": 61.0}, {"parameters": {"seed": 8}}, {"needs": ("scored",)}, {"retries": 1},
        {"allow_skips": ("*",)}, {"id": "other"}, {"runbook": "demo/other"},
    ],
)  # fmt: skip
def test_every_job_of_the_plan_is_bound(run: RunFolder, change: dict[str, Any]) -> None:
    info = run.read_info()
    for number in range(len(info.plan)):
        plan = list(info.plan)
        plan[number] = plan[number].model_copy(update=change)
        assert plan_hash(info.model_copy(update={"plan": tuple(plan)})) != plan_hash(info)
    fewer = info.model_copy(update={"plan": info.plan[:-1]})
    assert plan_hash(fewer) != plan_hash(info)
    assert plan_hash(info.model_copy(update={"slots": 9})) == plan_hash(info)


def test_planned_parameters_are_bound_beside_those_in_force(run: RunFolder) -> None:
    job = job_of(run)
    planned = job.planned.model_copy(update={"parameters": {"depth": 3, "seed": 1}})
    other = replace(job, planned=planned)
    assert other.parameters == {"depth": 3, "seed": 7}
    assert differences(bind_check(job, "x"), bind_check(other, "x")) == ["the parameters"]


def clip(seconds: float | str | None, kind: str = "audio") -> Evidence:
    file = MediaFile(sha256="a" * 64, suffix=".wav", size=1, media_type="audio/wav")
    facts = [] if seconds is None else [{"name": "duration", "value": seconds, "unit": "s"}]
    return Evidence.model_validate(
        {"name": "clip", "media_kind": kind, "facts": facts, "file": file}
    )


@pytest.mark.parametrize(
    ("seconds", "needed"),
    [(30.0, 0.5), (1.0, 0.5), (0.8, 0.4), (0.1, 0.05), (None, 0.25), ("long", 0.25)],
)
@pytest.mark.parametrize("kind", ["audio", "video"])
def test_half_a_second_of_a_clip_or_half_of_it_is_played(
    run: RunFolder, seconds: float | str | None, needed: float, kind: str
) -> None:
    job = job_of(run)
    shown = clip(seconds, kind)
    heard = replace(job, records=(shown,))
    question = Question(name="good", text="Good?", about=("a" * 64,))
    for played, problem in ((needed, ""), (needed - 0.01, "clip has not been played; listen")):
        values = {"job": "clip", "question": "good", "verdict": "approved",
                  "seconds_played": {"a" * 64: played}}  # fmt: skip
        assert refusal(parse_answer(values), question, heard, ANN).startswith(problem)
        assert bool(refusal(parse_answer(values), question, heard, ANN)) == bool(problem)


def forged(run: RunFolder, question: str, verdict: str, binding: Binding, **more: Any) -> Answer:
    """Write an answer past the desk."""

    def make(number: int, previous: str) -> Answer:
        return Answer.model_validate({
            "number": number, "previous": previous, "id": uuid.uuid4().hex, "reviewer": ANN,
            "meaning": "", "verdict": verdict, "comment": "x",
            "binding": binding.model_copy(update={"question": question}), **more,
        })  # fmt: skip

    written = session_of(run).log.append(make)
    assert isinstance(written, Answer)
    return written


@pytest.mark.parametrize(
    ("verdict", "lasting", "counts"),
    [
        ("waived", timedelta(days=1), True), ("waived", timedelta(days=-1), False),
        ("waived", None, False), ("approved", timedelta(days=1), False),
        ("rejected", timedelta(days=1), False), ("needs-work", timedelta(days=1), False),
    ],
)  # fmt: skip
def test_only_a_waiver_that_lasts_waives_a_check(
    tmp_path: Path, verdict: str, lasting: timedelta | None, counts: bool
) -> None:
    run = make_run(tmp_path / "outputs", broken=True)
    binding = bind_check(job_of(run), "audible")
    forged(run, "check:audible", verdict, binding, expires=lasting and now() + lasting)
    (job, *_) = read_run(run).jobs
    assert (set(job.waived_checks) == {"audible"}) is counts


def test_a_waiver_ends_with_what_it_was_given_for(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs", broken=True)
    binding = bind_check(job_of(run), "audible")
    stale = binding.model_copy(update={"checks_sha256": "0" * 64})
    forged(run, "check:audible", "waived", stale, expires=now() + timedelta(days=1))
    assert read_run(run).jobs[0].waived_checks == {}


def waive_and_approve(run: RunFolder) -> None:
    session_of(run).seal()
    values = {"job": "clip", "question": "check:audible", "verdict": "waived", "comment": "known",
              "expires": now() + timedelta(days=1)}  # fmt: skip
    session_of(run).answer(parse_answer(values), ANN)
    for job, question in EVERYTHING:
        session_of(run).answer(answer_to(run, job, question), ANN)
    write_report(run)


def without_finish(run: RunFolder) -> None:
    path = run.job("clip").records
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True)
                            if '"kind":"finish"' not in line))  # fmt: skip


def never_ended(run: RunFolder) -> None:
    run.write_info(run.read_info().model_copy(update={"ended": None}))


def cancelled(run: RunFolder) -> None:
    run.write_info(run.read_info().model_copy(update={"verdict": "cancelled"}))


@pytest.mark.parametrize("damage", [without_finish, never_ended, cancelled])
def test_a_waiver_covers_a_failed_check_and_nothing_else(
    tmp_path: Path, damage: Callable[[RunFolder], object]
) -> None:
    whole = make_run(tmp_path / "whole", broken=True)
    waive_and_approve(whole)
    assert verify_run(whole).verdict == "waived"
    run = make_run(tmp_path / "damaged", broken=True)
    damage(run)
    waive_and_approve(run)
    assert verify_run(run).verdict == "failed"


@pytest.mark.parametrize("damage", [never_ended, cancelled])
def test_a_run_that_did_not_end_well_is_never_approved(
    run: RunFolder, damage: Callable[[RunFolder], object]
) -> None:
    damage(run)
    session_of(run).seal()
    approve_all(run)
    write_report(run)
    assert verify_run(run).verdict == "failed"


def test_an_answer_that_does_not_count_takes_nothing_back(run: RunFolder) -> None:
    session = session_of(run)
    rejection = session.answer(answer_to(run, "clip", "good", "rejected", comment="x"), ANN)
    session.answer(answer_to(run, "clip", "good", supersedes=(rejection.id,)), BEN)
    answers = session.answers()
    assert [a.verdict for a in in_force(answers)] == ["approved"]
    assert [a.verdict for a in in_force(answers, [])] == ["rejected", "approved"]


def test_an_approval_in_another_spelling_of_the_role_counts(run: RunFolder) -> None:
    session = session_of(run)
    other = Reviewer(name="Cem", role="Art Director")
    session.answer(answer_to(run, "looks", "picture-good"), other)
    job = session.job("looks")
    question = next(q for q in job.questions if q.name == "picture-good")
    state = question_state(
        question, bind(job, question, run.media), session.answers(), now(), session.trusted()
    )
    assert state.status == "approved"


def test_answers_after_a_long_line_are_read_and_follow_it(run: RunFolder) -> None:
    session = session_of(run)
    files = {f"jobs/clip/work/{number:06}": (1, "0" * 64) for number in range(2_000)}
    session.log.append(lambda n, p: Seal(number=n, previous=p, run=run.path.name, files=files))
    assert session.log.path.stat().st_size > 2 * 65_536
    for comment in ("a", "b" * 9_000):
        session.answer(answer_to(run, "clip", "good", "rejected", comment=comment), BEN)
    assert [a.comment[:1] for a in session.answers()] == ["a", "b"]
    state = session.log.read()
    assert (len(state.entries), state.problems) == (3, ())


def test_what_resumed_is_the_seals_explanation(run: RunFolder) -> None:
    seals = TrustedLog(EVERYBODY, ())
    assert seals.answers == []
    log = session_of(run).log
    first = seal_run(run, log, run.path.name)
    approval = session_of(run).answer(answer_to(run, "clip", "good"), ANN)
    assert TrustedLog(EVERYBODY, log.read().entries).resealed(approval) == []
    run.job("looks").log.write_text("another job ran again")
    seal_run(run, log, run.path.name)
    assert TrustedLog(EVERYBODY, log.read().entries).resealed(approval) == []
    run.job("clip").log.write_text("this one did")
    seal_run(run, log, run.path.name)
    assert TrustedLog(EVERYBODY, log.read().entries).resealed(approval) == ["the job's files"]
    state = log.read()
    assert state.seal_before(approval.number) == first
    assert state.seal_before(0) is None


def test_a_log_that_cannot_be_followed_is_one_line(run: RunFolder) -> None:
    session_of(run).seal()
    (run.path / "signoffs.jsonl").write_text("{}\n")
    with pytest.raises(RunFolderError, match="its last line cannot be read"):
        session_of(run).answer(answer_to(run, "clip", "good", "rejected", comment="x"), BEN)


def test_nothing_is_accepted_without_a_name_of_a_changed_file(run: RunFolder, key: Any) -> None:
    session = session_of(run, key=key)
    session.seal()
    run.job("clip").log.write_text("another")
    for paths in (["jobs/clip/output.log", "run.json"], ["nothing"]):
        with pytest.raises(UsageError, match="is as it was sealed, or never was"):
            session.accept_changes(paths, ANN, "fine")
    session.accept_changes(["jobs/clip/output.log"], ANN, "fine")
    with pytest.raises(UsageError, match=r"output.log is as it was sealed"):
        session.accept_changes(["jobs/clip/output.log"], ANN, "fine")
    run.job("clip").log.unlink()
    accepted = session.accept_changes(["jobs/clip/output.log"], ANN, "gone")
    assert accepted.files == {"jobs/clip/output.log": None}
    assert "jobs/clip/output.log" not in list_files(run.path).files
    write_report(run)
    assert verify_run(run).verdict == "pending"
