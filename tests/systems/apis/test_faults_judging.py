"""What is wrong with a text, a run of calls, or a list of names, without any client."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from runbook_defaults import config_of

from proofbook_systems.apis.faults.bench import Judged
from proofbook_systems.apis.faults.cases import PROMPT, WORDS, Case
from proofbook_systems.apis.faults.catalogue import CASES, choose_cases
from proofbook_systems.apis.faults.judging import Promises, declines, judge, names_cause
from proofbook_systems.apis.faults.running import CaseRun, Terms
from proofbook_systems.apis.faults.suite import after_controls, in_order, left_out
from proofbook_systems.apis.faults.table import (
    describe_row,
    list_doubts,
    seconds_by_case,
    summarise,
    write_tables,
)
from proofbook_systems.apis.faults.texts import find_text_fault
from proofbook_systems.apis.faulty_server import Call
from proofbook_systems.apis.outcomes import Delta, Outcome

BY_NAME = {case.name: case for case in CASES}
TERMS = Terms(
    protocol="openai_api", model="m", key="test-key", timeout=2.0, patience=30.0,
    longest_sleep=125.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (PROMPT, ""),
        (PROMPT.replace(" ", ""), ""),
        (f"  {PROMPT}\n", ""),
        (" ".join(WORDS[:5]), "5 of 24 words"),
        ("", "0 of 24 words"),
        (f"{' '.join(WORDS[:3])} {PROMPT}", "3 words came twice"),
        (" ".join((*WORDS[:4], *WORDS[5:])), "1 word of its middle is missing, the first is"),
        (" ".join((WORDS[1], WORDS[0], *WORDS[2:])), "another order"),
        ("<html>Sign in</html>", "something else"),
        (PROMPT.replace("größe", "gr��e"), "something else"),
    ],
)
def test_a_text_is_compared_word_by_word(text: str, fault: str) -> None:
    found = find_text_fault(text)
    assert fault in found and bool(fault) == bool(found)


@pytest.mark.parametrize("text", ["", "anchor brid", " ".join(WORDS[:9])])
def test_the_beginning_is_enough_for_a_stream_that_broke(text: str) -> None:
    assert find_text_fault(text, may_end_early=True) == ""


def call(started: float, ended: float, **values: Any) -> Call:
    """Return a call of the server's log."""
    given: dict[str, Any] = {
        "number": 1, "started": started, "ended": ended, "in_flight": 1, "method": "POST",
        "path": "/", "model": "m", "streamed": False, "key": "right", "body": "", "fault": "",
        "status": 200, "wait_told": None, "parts": 1, "how": "answered", **values,
    }  # fmt: skip
    return Call.model_validate(given)


def outcome(**values: Any) -> Outcome:
    return Outcome(**{"ended": "done", "started": 0.0, "seconds": 0.1, "text": PROMPT, **values})


def run_of(
    name: str, *calls: Call, outcomes: list[Outcome] | None = None, **values: Any
) -> CaseRun:
    given: dict[str, Any] = {
        "case": BY_NAME[name], "terms": TERMS, "outcomes": outcomes or [outcome()],
        "calls": calls, "left_open": 0, "next_outcome": outcome(), "next_calls": 1,
        "key_in_log": False, "patience": 30.0, **values,
    }  # fmt: skip
    return CaseRun(**given)


def rules(run: CaseRun, **promises: Any) -> set[str]:
    return {issue.rule for issue in judge(run, Promises(**promises))}


ERROR = outcome(ended="error", text="", kind="APIError", message="500 from the server", status=500)
FAILED = [call(n, n + 0.1, status=500, how="fault") for n in (0.0, 1.0, 2.5)]


def test_retries_are_policy_until_they_are_promised() -> None:
    run = run_of("constant-500", *FAILED, outcomes=[ERROR])
    assert rules(run) == rules(run, retries=2) == set()
    assert rules(run, retries=3) == rules(run, retries=1) == {"calls"}
    assert rules(run_of("constant-500", FAILED[0], outcomes=[ERROR])) == set()


@pytest.mark.parametrize(
    ("form", "honours", "told", "waited", "wrong"),
    [
        ("seconds", set(), 1.0, 0.5, True),
        ("seconds", set(), 1.0, 0.95, False),
        ("seconds", set(), 1.0, 60.0, False),
        ("date", set(), 1.4, 1.0, True),
        ("milliseconds", set(), 0.7, 0.1, False),
        ("milliseconds", {"milliseconds"}, 0.7, 0.1, True),
        ("negative", set(), -5.0, 0.0, False),
        ("day", set(), 86400.0, 0.5, False),
    ],
)
def test_coming_back_early_is_wrong_where_everybody_must_wait(
    form: str, honours: set[str], told: float, waited: float, wrong: bool
) -> None:
    first = call(0.0, 0.1, status=429, wait_told=told, how="fault")
    run = run_of(f"wait-{form}", first, call(0.1 + waited, 0.2 + waited))
    assert rules(run, honours=frozenset(honours)) == ({"waits"} if wrong else set())


def test_a_promise_of_retries_and_waits_is_no_promise_to_give_up() -> None:
    refused = dataclasses.replace(ERROR, message="429, and 700 s are too long", status=429)
    run = run_of("wait-milliseconds", FAILED[0], outcomes=[refused])
    assert rules(run, retries=2, honours=frozenset({"milliseconds"})) == {"calls"}
    assert rules(run, retries=2) == rules(run) == set()
    assert rules(run, retries=0, honours=frozenset({"milliseconds"})) == set()


def test_a_circuit_breaker_declines_and_a_lost_slot_does_not() -> None:
    refused = outcome(ended="error", kind="CircuitOpen", message="open", seconds=0.01)
    waited = dataclasses.replace(refused, kind="PoolTimeout", seconds=2.0)
    breaker = run_of("hang", outcomes=[ERROR], next_outcome=refused, next_calls=0)
    assert declines(breaker) and "next" not in rules(breaker)
    lost = run_of("hang", outcomes=[ERROR], next_outcome=waited, next_calls=0)
    assert not declines(lost) and "next" in rules(lost)
    failed = run_of("hang", outcomes=[ERROR], next_outcome=refused, next_calls=1)
    assert "next" in rules(failed)


def test_a_stream_without_its_end_may_be_told_by_its_finish_reason() -> None:
    begun = " ".join(WORDS[:6])
    deltas = [Delta(text=begun, at=0.1)]
    silent = outcome(text=begun, deltas=deltas)
    told = dataclasses.replace(silent, more={"finish_reason": None})
    claimed = dataclasses.replace(silent, more={"finish_reason": "stop"})
    assert rules(run_of("no-end", outcomes=[silent])) == {"text"}
    assert rules(run_of("no-end", outcomes=[told])) == set()
    assert rules(run_of("no-end", outcomes=[claimed])) == {"text"}
    assert rules(run_of("stream-reset", outcomes=[told])) == {"text"}
    assert rules(run_of("error-event", outcomes=[told])) == {"text"}


def test_nothing_is_no_answer_with_or_without_a_finish_reason() -> None:
    nothing = outcome(text="", more={"finish_reason": None})
    assert rules(run_of("error-body", outcomes=[nothing])) == {"text"}


def test_a_crash_is_told_from_an_error_that_names_its_cause() -> None:
    crash = outcome(ended="error", kind="ValueError", message="sleep length must be non-negative",
                    causes=("ApiError: 429",), text="")  # fmt: skip
    named = dataclasses.replace(crash, message="429 Too Many Requests")
    assert rules(run_of("wait-negative", outcomes=[crash])) == {"crashes"}
    assert rules(run_of("wait-negative", outcomes=[named])) == set()
    assert names_cause(run_of("wait-negative"), crash) == "causes"


def test_a_client_that_still_retries_does_not_hang() -> None:
    late = outcome(ended="late", text="")
    assert rules(run_of("constant-500", *FAILED, outcomes=[late])) == {"ends"}
    assert rules(run_of("constant-500", *FAILED, outcomes=[late], retrying=True)) == set()
    assert rules(run_of("refused", outcomes=[late], retrying=True)) == {"ends"}


def test_a_cancellation_is_judged_where_a_stream_was_seen() -> None:
    stopped = outcome(ended="error", kind="Cancelled", text="", deltas=[Delta(text="a", at=0.1)])
    name = "cancelled-stream"
    assert rules(run_of(name, call(0, 1, how="client gone"), outcomes=[stopped])) == set()
    assert rules(run_of(name, call(0, 9), outcomes=[stopped])) == {"cancels"}
    assert rules(run_of(name, outcomes=[stopped], left_open=1)) == {"cancels"}
    swallowed = dataclasses.replace(stopped, ended="done", kind="")
    assert rules(run_of(name, outcomes=[swallowed])) == {"cancels"}
    assert rules(run_of(name, outcomes=[swallowed], hosted=False)) == set()
    unseen = dataclasses.replace(stopped, deltas=())
    assert rules(run_of(name, outcomes=[unseen], left_open=1)) == set()


def test_every_case_has_what_a_reader_needs() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 50
    assert [case.name for case in CASES if not case.why or not case.title] == []
    errors = [case for case in CASES if case.right != "answer" and not case.told_only]
    unnamed = [case.name for case in errors if not case.names and not case.cancel_after]
    assert unnamed == []


def test_cases_are_chosen_by_name_and_controls_always_come_first() -> None:
    chosen = choose_cases(["hang", "no-end"])
    assert [case.name for case in chosen] == ["right-answer", "right-stream", "hang", "no-end"]
    assert [case.name for case in after_controls(chosen, streams=False)] == ["hang"]
    assert [case.name for case in left_out(chosen, streams=False)] == ["right-stream", "no-end"]
    assert left_out(chosen, streams=True) == []
    with pytest.raises(ValueError, match="there is no case 'hnag'"):
        choose_cases(["hnag"])
    assert "crowd" not in {case.name for case in choose_cases(skip=["crowd"])}


def test_the_table_tells_what_is_policy(tmp_path: Any) -> None:
    retried = Judged(run=run_of("constant-500", *FAILED, outcomes=[ERROR]), issues=())
    asleep = outcome(ended="late", text="")
    waiting = Judged(
        run=run_of("wait-day", FAILED[0], outcomes=[asleep], next_outcome=None),
        issues=judge(run_of("wait-day", outcomes=[asleep]), Promises()),
    )
    row = describe_row(retried)
    assert (row["calls"], row["waits"], row["got"]) == (3, [0.9, 1.4], "APIError 500")
    assert (row["names_cause"], row["afterwards"]) == (["message"], "works")
    results = in_order([waiting, retried], CASES)
    markdown, document = write_tables(results, tmp_path, "mine")
    lines = markdown.read_text().splitlines()
    assert "| constant-500 | 500 on and on | 3 | 0.90, 1.40 | APIError 500 | yes |" in lines[4]
    assert "sleeps for as long as the server says" in lines[5]
    assert '"client": "mine"' in document.read_text()
    assert summarise(results)["retries_after_500"] == 2
    assert set(seconds_by_case(results)) == {"constant-500", "wait-day"}
    assert list_doubts(results) == "nothing\n"


def test_a_job_may_take_as_long_as_its_cases() -> None:
    few = config_of("apis/faults", only=["hang"]).longest_seconds()
    many = config_of("apis/faults").longest_seconds()
    alone = config_of("apis/faults", workers=1).longest_seconds()
    assert 300 < few < many < alone


def test_names_of_cases_are_read_as_a_command_line_gives_them() -> None:
    assert config_of("apis/faults", only="hang, no-end").only == ["hang", "no-end"]


def test_a_case_scales_its_time_with_the_time_out() -> None:
    timed, other = BY_NAME["hang"], BY_NAME["constant-500"]
    assert TERMS.timeout_of(timed) == 2.0 < TERMS.timeout_of(other)
    assert TERMS.patience_of(BY_NAME["wait-day"]) == 125.0
    short = dataclasses.replace(TERMS, patience=0.1)
    assert short.patience_of(other) > short.timeout_of(other)
    assert isinstance(timed, Case)
