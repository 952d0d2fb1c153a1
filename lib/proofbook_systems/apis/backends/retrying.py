"""Group 4, retry: what passes is tried again, as often and as late as promised, all else is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from proofbook_systems.apis.backends.answers import core_action, find_answer_fault, find_error
from proofbook_systems.apis.backends.asking import Asker, Exchange
from proofbook_systems.apis.backends.findings import Finding, Group

__all__ = ["try_retries"]

_GROUP: Group = "retry"
_RETRY_AFTER = 1
"""Seconds that the server asks for."""
_EARLY = 0.02
"""Seconds by which two clocks and a timer may differ."""
_FOR_EVER = 1000
_WHY = {
    "passing-fault": "a server that hiccups once must not cost its user the answer",
    "reset": "a connection that breaks before anything was answered can be tried again",
    "lasting-fault": "trying for ever keeps a sick server down, and its user waiting",
    "retry-after": "who asks again too soon is throttled for longer",
    "not-retried": "a request that is wrong stays wrong, however often it is sent",
}


def try_retries(asker: Asker) -> Iterator[Finding]:
    """Yield what was found about faults that pass, last, or are the request's own.

    A client that promises no retries is only asked to end, and not to repeat what is wrong.
    """
    if asker.retries:
        yield from _try_passing(asker, asker.retries)
    else:
        reason = "client_options promises no max_retries"
        for name in ("passing-fault", "reset", "retry-after"):
            yield Finding(group=_GROUP, name=name, why=_WHY[name], untried=reason)
    yield _try_lasting(asker)
    yield _try_wrong(asker)


def _try_passing(asker: Asker, retries: int) -> Iterator[Finding]:
    passing: dict[str, tuple[dict[str, Any], int]] = {
        "passing-fault": (_status(500), min(2, retries)),
        "reset": ({"kind": "reset"}, 1),
    }
    for name, (fault, times) in passing.items():
        exchange = _ask(asker, [{**fault, "times": times}])
        yield _finding(name, _find_lost(asker.api, exchange, times + 1))
    throttled = _status(429, {"Retry-After": str(_RETRY_AFTER)})
    exchange = _ask(asker, [{**throttled, "times": 1}])
    yield _finding("retry-after", _find_lost(asker.api, exchange, 2) or _find_haste(exchange))


def _try_lasting(asker: Asker) -> Finding:
    exchange = _ask(asker, [{**_status(500), "times": _FOR_EVER}])
    calls, outcome = len(exchange.calls), exchange.outcome
    if outcome.ended in ("late", "lost"):
        return _finding("lasting-fault", find_error(outcome))
    if outcome.ended == "done":
        return _finding("lasting-fault", f"an answer came of errors alone: {outcome.text[:80]!r}")
    if asker.retries is not None and calls != asker.retries + 1:
        return _finding(
            "lasting-fault",
            f"{calls} calls, where {asker.retries} retries make {asker.retries + 1}",
        )
    return _finding("lasting-fault")


def _try_wrong(asker: Asker) -> Finding:
    exchange = _ask(asker, [{**_status(400), "times": _FOR_EVER}])
    if exchange.outcome.ended in ("late", "lost"):
        return _finding("not-retried", find_error(exchange.outcome))
    if exchange.outcome.ended == "done":
        return _finding("not-retried", f"a refusal was taken for {exchange.outcome.text[:80]!r}")
    calls = len(exchange.calls)
    return _finding("not-retried", "" if calls == 1 else f"it was sent {calls} times")


def _ask(asker: Asker, faults: Sequence[Mapping[str, Any]]) -> Exchange:
    return asker.ask(core_action(asker.api), faults=faults)


def _status(status: int, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {"kind": "status", "status": status, "headers": dict(headers or {})}


def _find_lost(api: str, exchange: Exchange, calls: int) -> str:
    if fault := find_answer_fault(api, exchange.outcome):
        return f"no answer after {len(exchange.calls)} calls: {fault}"
    made = len(exchange.calls)
    return "" if made == calls else f"{made} calls, where {calls} were enough"


def _find_haste(exchange: Exchange) -> str:
    first, second = exchange.calls[0], exchange.calls[1]
    waited = second.started - (first.ended or first.started)
    if waited >= _RETRY_AFTER - _EARLY:
        return ""
    return f"it asked again after {waited:.2f} s, where the server wants {_RETRY_AFTER} s"


def _finding(name: str, fault: str = "") -> Finding:
    return Finding(group=_GROUP, name=name, why=_WHY[name], fault=fault)
