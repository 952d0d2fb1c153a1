"""Judge what a client did: only what is wrong for everybody, and what it has promised.

Whether it retries at all, and after what, is its own policy: that is told, see
:mod:`proofbook_systems.apis.faults.table`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from proofbook_systems.apis.faults.running import CaseRun
from proofbook_systems.apis.faults.texts import find_text_fault
from proofbook_systems.apis.outcomes import Outcome

__all__ = ["ALWAYS_HONOURED", "Issue", "Promises", "declines", "judge", "names_cause"]

ALWAYS_HONOURED = frozenset({"seconds", "date"})
"""The forms of ``Retry-After`` that RFC 9110 knows."""
_EARLY = 0.1
"""Seconds by which a client may come back too early: clocks and headers are rounded."""
_SHARE, _SLACK = 1.5, 1.0
"""An attempt may hold its call for this share of its time-out, and so many seconds more."""
_MOST_CALLS = 20
_STORM = 6
"""Calls of one request within a second."""
_CRASHES = {
    "ArithmeticError", "AssertionError", "AttributeError", "IndexError", "KeyError", "NameError",
    "OverflowError", "RecursionError", "TypeError", "UnboundLocalError", "ValueError",
    "ZeroDivisionError",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Promises:
    """What the client's documentation promises beyond what is right for everybody."""

    retries: int | None = None
    """Retries of a request that fails in a way that is retried."""
    honours: frozenset[str] = frozenset()
    """Forms of waiting that it keeps: fraction, milliseconds, ratelimit."""


@dataclass(frozen=True, kw_only=True)
class Issue:
    """One thing that is wrong."""

    rule: str
    message: str


def judge(run: CaseRun, promises: Promises) -> list[Issue]:
    """Return what is wrong with what a client did in one case; nothing where it is right."""
    issues: dict[tuple[str, str], Issue] = {}
    for rule, find in _RULES.items():
        for message in find(run, promises):
            issues.setdefault((rule, message), Issue(rule=rule, message=message))
    return list(issues.values())


def declines(run: CaseRun) -> bool:
    """Say whether the client refused the request afterwards by itself, as a circuit breaker does.

    Then no call was made, and the error came at once; a lost slot is waited for.
    """
    after = run.next_outcome
    if after is None or after.ended != "error" or run.next_calls:
        return False
    return after.seconds < 0.5 * run.terms.timeout


def names_cause(run: CaseRun, outcome: Outcome) -> str:
    """Say where an error names what happened: ``message``, ``causes``, or nowhere."""
    told = f"{outcome.kind} {outcome.message} {outcome.status or ''}".lower()
    if any(word in told for word in run.case.names):
        return "message"
    behind = " ".join(outcome.causes).lower()
    return "causes" if any(word in behind for word in run.case.names) else ""


def _ends(run: CaseRun, promises: Promises) -> Iterator[str]:
    for outcome in run.outcomes:
        if outcome.ended == "lost":
            yield f"the client died: {outcome.message}"
        elif outcome.ended == "late" and not (run.case.cancel_after or _only_retries(run)):
            limit = f"the request's time-out is {run.terms.timeout_of(run.case):g} s"
            why = "it sleeps for as long as the server says" if run.case.may_sleep else limit
            yield f"it has not ended after {run.patience:g} s; {why}"


def _only_retries(run: CaseRun) -> bool:
    """Say whether a request has not ended because it is still retried, which is policy."""
    return run.retrying and not any(fault["kind"] == "refuse" for fault in run.case.faults)


def _texts(run: CaseRun, promises: Promises) -> Iterator[str]:
    """Judge what was told as an answer, and every part of a stream."""
    if run.case.told_only or run.case.cancel_after:
        return
    for outcome in run.outcomes:
        parts = find_text_fault(outcome.streamed_text, may_end_early=True)
        if outcome.deltas and parts:
            yield f"the parts of the stream are wrong: {parts}"
        if outcome.ended != "done":
            continue
        text = outcome.text or outcome.streamed_text
        fault = find_text_fault(text, may_end_early=bool(text) and _is_flagged(run, outcome))
        if fault and not (outcome.deltas and parts):
            kind = "a broken stream" if outcome.deltas else "what is no whole answer"
            yield f"{kind} is told as complete: {fault}"


def _is_flagged(run: CaseRun, outcome: Outcome) -> bool:
    """Say whether a stream that only lacks its last events was told as such.

    A client cannot know whether that server ever sends them; that a connection broke, it knows.
    """
    reason = outcome.more.get("finish_reason", "unknown")
    return reason is None and any(fault["kind"] == "no_end" for fault in run.case.faults)


def _refusals(run: CaseRun, promises: Promises) -> Iterator[str]:
    if run.case.right == "answer":
        for outcome in run.outcomes:
            if outcome.ended == "error":
                told = f"{outcome.kind}: {outcome.message}"
                yield f"a right answer ends in an error: {told[:200]}"


def _crashes(run: CaseRun, promises: Promises) -> Iterator[str]:
    """Find a client that falls over an answer in good form: an HTTP error with odd headers."""
    if not any(fault["kind"] == "status" for fault in run.case.faults) or run.case.at_once:
        return
    for outcome in run.outcomes:
        if outcome.kind in _CRASHES and names_cause(run, outcome) != "message":
            yield f"it falls over the server's answer: {outcome.kind}: {outcome.message[:150]}"


def _counts(run: CaseRun, promises: Promises) -> Iterator[str]:
    calls, asked = len(run.calls), max(1, len(run.outcomes))
    one = f"{calls} calls for {'one request' if asked == 1 else f'{asked} requests'}"
    if run.case.cancel_after:
        return
    if run.case.never_retried and calls > asked:
        yield f"{one}: it asks again after {run.calls[0].status}, which no repetition makes right"
    elif run.case.right == "answer" and calls > asked:
        yield f"{one}, of which each is answered: it is paid for more than once"
    elif promises.retries is not None and calls > (promises.retries + 1) * asked:
        yield f"{one}; {promises.retries} retries are promised"
    elif promises.retries is None and _is_storm(run, calls, asked):
        yield f"{one}, at most {_burst(run)} within a second"
    if _gives_up(run, promises):
        yield f"{one}: it gives up, though it promises retries, and to wait as the server asks"
    if run.case.name == "constant-500" and calls <= (promises.retries or 0):
        yield f"{one}; {promises.retries} retries are promised"


def _gives_up(run: CaseRun, promises: Promises) -> bool:
    """Say whether a client that promises retries makes none after a wait that it promises."""
    is_promised = run.case.wait_form in ALWAYS_HONOURED | promises.honours
    failed = any(outcome.ended == "error" for outcome in run.outcomes)
    return is_promised and failed and bool(promises.retries) and len(run.calls) == 1


def _is_storm(run: CaseRun, calls: int, asked: int) -> bool:
    return calls > _MOST_CALLS * asked or (asked == 1 and _burst(run) >= _STORM)


def _burst(run: CaseRun) -> int:
    starts = [call.started for call in run.calls]
    return max((sum(0 <= s - start < 1.0 for s in starts) for start in starts), default=0)


def _waits(run: CaseRun, promises: Promises) -> Iterator[str]:
    if run.case.wait_form not in ALWAYS_HONOURED | promises.honours:
        return
    for call, waited in zip(run.calls, run.waits, strict=False):
        told = call.wait_told
        if told is not None and waited < told - _EARLY:
            yield f"it comes back after {waited:.2f} s; the server asked for {told:.2f} s"


def _holds(run: CaseRun, promises: Promises) -> Iterator[str]:
    limit = run.terms.timeout_of(run.case)
    if any(fault["kind"] == "hang" for fault in run.case.faults):
        for call in run.calls:
            held = (call.ended or call.started) - call.started
            if held > limit * _SHARE + _SLACK:
                yield f"it holds a call for {held:.1f} s; its time-out is {limit:g} s"


def _cancels(run: CaseRun, promises: Promises) -> Iterator[str]:
    if not run.case.cancel_after or not run.outcomes:
        return
    outcome = run.outcomes[0]
    if not outcome.deltas:
        return  # it hands streams over as a whole, and what computes in a thread cannot be ended
    if outcome.kind == "Cancelled":
        if run.left_open or any(call.how == "answered" for call in run.calls):
            yield "the stream goes on between client and server after it was cancelled"
    elif run.hosted and outcome.ended in ("done", "late"):
        yield "it goes on after it was cancelled"


def _keys(run: CaseRun, promises: Promises) -> Iterator[str]:
    if any(outcome.key_in_message for outcome in run.outcomes):
        yield "the key is in the error's message"
    if run.key_in_log:
        yield "the key is in what the client prints"


def _next(run: CaseRun, promises: Promises) -> Iterator[str]:
    after = run.next_outcome
    if after is None or declines(run):
        return
    if after.ended == "done":
        fault = find_text_fault(after.text)
    else:
        fault = f"{after.kind}: {after.message}" if after.kind else after.message or after.ended
    if fault:
        yield f"the next request, to a server that is right again, fails: {fault[:200]}"


_RULES: dict[str, Callable[[CaseRun, Promises], Iterator[str]]] = {
    "ends": _ends, "text": _texts, "refuses": _refusals, "crashes": _crashes, "calls": _counts,
    "waits": _waits, "time-out": _holds, "cancels": _cancels, "key": _keys, "next": _next,
}  # fmt: skip
