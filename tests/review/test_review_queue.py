"""What the review page is sent."""

from __future__ import annotations

from reviewed_run import ANN, EVERYTHING, answer_to, session_of

from proofbook.review.queue import question_states
from proofbook.runs.folder import RunFolder
from proofbook.signoff.verification import verify_run


def test_only_what_was_answered_since_is_told(run: RunFolder) -> None:
    session = session_of(run)
    assert question_states(session) == {"answers": 0, "questions": {}}
    (job, question), *_ = EVERYTHING
    session.answer(answer_to(run, job, question), ANN)
    changed = question_states(session)
    assert list(changed["questions"]) == [f"{job}\n{question}"]
    assert changed["questions"][f"{job}\n{question}"]["status"] == "approved"
    assert question_states(session, changed["answers"]) == {"answers": 1, "questions": {}}


def test_a_line_that_cannot_be_read_stops_no_review_and_is_told_of(run: RunFolder) -> None:
    session = session_of(run)
    (job, question), (other, another), *_ = EVERYTHING
    session.answer(answer_to(run, job, question), ANN)
    lines = session.log.path.read_text().splitlines(keepends=True)
    session.log.path.write_text("".join([*lines[:-1], "no entry\n", lines[-1]]))
    later = session_of(run)
    assert question_states(later)["answers"] == 1
    later.answer(answer_to(run, other, another), ANN)
    assert verify_run(run).verdict == "tampered"
