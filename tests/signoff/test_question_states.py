"""Which answers decide a question, and what is said of those that do not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from forging import ANNS, STRANGERS
from made_entries import NINE, entry_of, signed

from proofbook.records import Question
from proofbook.signoff.entries import Answer, Reviewer, Seal
from proofbook.signoff.question_status import (
    QuestionState,
    in_force,
    pending_reason,
    question_state,
)
from proofbook.signoff.signers import parse_signers
from proofbook.signoff.signing import public_line
from proofbook.signoff.trust import EVERYBODY, Trust, TrustedLog

QUESTION = Question(name="good", text="Good?")
LEADS = Question(name="good", text="Good?", role="lead")
TRUST = Trust(signers=parse_signers(f"Ann {public_line(ANNS)}"), file=Path("allowed_signers"))
HOUR = timedelta(hours=1)


def answer(number: int, verdict: str = "approved", **more: Any) -> Answer:
    name, role = more.pop("name", "Ann"), more.pop("role", "")
    return entry_of(  # type: ignore[no-any-return]
        Answer, number, verdict=verdict, reviewer=Reviewer(name=name, role=role), **more
    )


def stale(number: int, *parts: str, **more: Any) -> Answer:
    made = answer(number, **more)
    change = dict.fromkeys(parts, "f" * 64)
    return made.model_copy(update={"binding": made.binding.model_copy(update=change)})


def state(
    *answers: Answer, question: Question = QUESTION, trust: Trust = EVERYBODY, seals: Any = ()
) -> QuestionState:
    log = TrustedLog(trust, [*seals[:1], *answers, *seals[1:]])
    return question_state(question, answer(99).binding, answers, NINE, log)


def test_without_an_answer_it_is_said_whom_a_question_waits_for() -> None:
    assert state() == QuestionState(status="pending", reason="nobody has answered")
    assert state(question=LEADS).reason == pending_reason(LEADS) == "waits for role 'lead'"


def test_an_approval_decides_with_the_role_that_is_asked_for() -> None:
    plain, lead = answer(1), answer(2, role="Lead")
    assert state(plain) == QuestionState(status="approved", answers=(plain,))
    assert state(plain, lead) == QuestionState(status="approved", answers=(plain, lead))
    assert state(plain, question=LEADS) == QuestionState(
        status="pending", reason="waits for role 'lead'"
    )
    assert state(plain, lead, question=LEADS) == QuestionState(status="approved", answers=(lead,))


@pytest.mark.parametrize("question", [QUESTION, LEADS])
def test_the_least_favourable_answer_decides(question: Question) -> None:
    approved = answer(1, role="lead")
    waived = answer(2, "waived", comment="demo", expires=NINE + HOUR)
    needs = answer(3, "needs-work")
    rejected = answer(4, "rejected", comment="hiss", name="Ben")
    assert state(waived, question=question) == QuestionState(
        status="waived", reason="waived by Ann until 2026-03-04: demo", answers=(waived,)
    )
    assert state(waived, approved, question=question).answers == (approved,)
    assert state(needs, approved, waived, question=question) == QuestionState(
        status="needs-work", reason="needs-work by Ann", answers=(needs,)
    )
    assert state(rejected, needs, approved, question=question) == QuestionState(
        status="rejected", reason="rejected by Ben: hiss", answers=(rejected,)
    )


def test_the_last_of_those_who_decide_is_named() -> None:
    first, second = answer(1, "rejected", name="Ann"), answer(2, "rejected", name="Ben")
    assert state(first, second).reason == "rejected by Ben"
    assert state(first, second).answers == (first, second)


def test_an_answer_that_was_taken_back_is_an_earlier_one() -> None:
    first = answer(1, "rejected")
    second = answer(2, supersedes=(first.id,))
    assert in_force([first, second]) == [second]
    assert in_force([first, second], []) == [first, second]
    assert in_force([first], [second]) == []
    assert state(first, second) == QuestionState(
        status="approved", answers=(second,), earlier=(first,)
    )
    assert state(first, second, question=LEADS) == QuestionState(
        status="pending", reason="waits for role 'lead'", earlier=(first,)
    )


def test_an_answer_lasts_until_it_expires() -> None:
    lasting = answer(1, expires=NINE + timedelta(seconds=1))
    assert state(lasting) == QuestionState(status="approved", answers=(lasting,))
    over = [answer(number, name=name, expires=NINE - (3 - number) * timedelta(days=1))
            for number, name in ((1, "Ann"), (2, "Ben"), (3, "Cem"))]  # fmt: skip
    assert state(*over[2:]) == QuestionState(
        status="expired", reason="Cem's answer expired on 2026-03-04", earlier=tuple(over[2:])
    )
    assert state(*over[:2]) == QuestionState(
        status="expired", reason="Ben's answer expired on 2026-03-03", earlier=tuple(over[:2])
    )
    assert state(*over).reason == "Cem's answer expired on 2026-03-04"
    assert state(*over, lasting).earlier == tuple(over)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (["notebook_sha256"], "the notebook"),
        (["notebook_sha256", "checks_sha256"], "the notebook and the checks"),
        (["run", "notebook_sha256", "parameters_sha256", "checks_sha256"],
         "another run, the notebook, the parameters and the checks"),
    ],
)  # fmt: skip
def test_a_stale_answer_says_what_has_changed(parts: list[str], words: str) -> None:
    old = stale(1, *parts, name="Ben", verdict="rejected")
    assert state(old) == QuestionState(
        status="stale", reason=f"Ben rejected it before {words} changed", earlier=(old,)
    )


def test_the_last_stale_answer_is_named_and_outweighs_an_expired_one() -> None:
    answers = [stale(number, "run", name=name) for number, name in ((1, "A"), (2, "B"), (3, "C"))]
    over = answer(4, expires=NINE)
    for count in (2, 3):
        found = state(*answers[:count], over)
        assert found.reason == f"{'ABC'[count - 1]} approved it before another run changed"
        assert found.earlier == (*answers[:count], over)
    assert state(*answers, answer(5)).status == "approved"


def test_an_answer_is_stale_once_its_job_was_sealed_again() -> None:
    old, new = (entry_of(Seal, number, files={"jobs/clip/log": (number, "0" * 64)})
                for number in (0, 5))  # fmt: skip
    given = stale(1, "checks_sha256")
    words = "the checks and the job's files"
    assert state(given, seals=(old, new)).reason == f"Ann approved it before {words} changed"
    assert state(answer(1), seals=(old,)).status == "approved"


def test_an_answer_that_is_not_trusted_decides_nothing() -> None:
    trusted = signed(answer(1))
    strangers = [signed(answer(2, name=name), STRANGERS) for name in ("Ben", "Cem")]
    strangers[1] = signed(answer(3, name="Cem"))
    found = state(trusted, strangers[0], trust=TRUST)
    assert (found.status, found.doubt, found.answers) == ("untrusted", "unknown key", ())
    assert found.reason.startswith("Ben approved it, but it is signed with SHA256:")
    assert found.reason.endswith(", and allowed_signers does not list that key")
    assert found.earlier == (strangers[0],)
    last = state(trusted, *strangers, trust=TRUST)
    assert last.doubt == "another name"
    assert last.reason.startswith("Cem approved it, but ")
    assert last.reason.endswith(", and that key is not Cem's")
    assert last.earlier == tuple(strangers)
    third = signed(answer(4, "waived", name="Dan"), STRANGERS)
    assert state(*strangers, third, trust=TRUST).doubt == "unknown key"
    assert state(*strangers, third, trust=TRUST).reason.startswith("Dan waived it, but ")


def test_a_rejection_outweighs_doubt() -> None:
    doubted = answer(1)
    rejected = answer(2, "rejected", name="Ben")
    found = state(doubted, rejected, trust=TRUST)
    assert (found.status, found.answers, found.earlier) == ("rejected", (rejected,), (doubted,))


def test_a_doubted_answer_is_taken_back_only_by_one_that_counts() -> None:
    doubted = answer(1)
    replacing = signed(answer(2, supersedes=(doubted.id,)))
    assert state(doubted, replacing, trust=TRUST).status == "approved"
    doubtful = answer(3, "waived", supersedes=(replacing.id,))
    assert state(doubted, replacing, doubtful, trust=TRUST).status == "untrusted"
    first, second = answer(4), answer(5, supersedes=(f"{4:032x}",))
    assert state(first, trust=TRUST).status == "untrusted"
    circle = first.model_copy(update={"supersedes": (second.id,)})
    assert state(circle, second, trust=TRUST).status == "untrusted"


def test_who_is_not_trusted_may_stop_a_release_and_takes_back_no_rejection() -> None:
    rejected = signed(answer(1, "rejected", comment="hiss"))
    theirs = signed(answer(2, "needs-work", supersedes=[rejected.id]), STRANGERS)
    assert state(theirs, trust=TRUST).status == "needs-work"
    found = state(rejected, theirs, trust=TRUST)
    assert (found.status, found.answers) == ("rejected", (rejected,))
