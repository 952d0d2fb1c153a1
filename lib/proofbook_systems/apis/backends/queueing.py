"""Group 3, queue: the limit is held and used, streams count, what is cancelled is not sent."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from proofbook_systems.apis.backends.answers import core_action, find_answer_fault, find_error
from proofbook_systems.apis.backends.asking import Asker, Exchange
from proofbook_systems.apis.backends.findings import Finding, Group
from proofbook_systems.apis.faulty_server import Call
from proofbook_systems.apis.protocols import protocol_of

__all__ = ["try_queue", "utilisation"]

_GROUP: Group = "queue"
_ROUNDS = 3
_BLOCKING = "the client blocks its caller, who has nothing to cancel with"
_UNLIMITED = 4
"""What takes the place of a limit that nobody has promised."""
_WHY = {
    "limit-held": "a server that is asked more at once than agreed throttles or bans its client",
    "limit-used": "a place in the queue that stays empty is time that users wait for nothing",
    "all-answered": "a request that is lost in the queue is a user without an answer",
    "streams-counted": "a stream occupies the server until its end",
    "cancelled-frees": "where each cancelled request keeps its place, none is left in the end",
    "cancelled-dropped": "what nobody waits for any more must not be sent, and paid for",
}


def try_queue(asker: Asker, seconds: float) -> Iterator[Finding]:
    """Yield what was found about more requests at once than the client may send.

    A client that promises no limit is only asked to lose nothing. ``seconds`` is how long each call
    is held up, so that they meet.
    """
    count = _ROUNDS * (asker.limit or _UNLIMITED)
    exchange = asker.ask_many(core_action(asker.api), count, faults=_delays(seconds, count))
    yield _finding("all-answered", _find_loss(asker.api, exchange, count))
    if not asker.limit:
        reason = "client_options promises no max_concurrency"
        yield from (_finding(name, untried=reason) for name in _WHY if name != "all-answered")
        return
    yield _finding("limit-held", _find_excess(exchange, asker.limit))
    yield _finding("limit-used", _find_idle(exchange, asker.limit))
    if "stream" in protocol_of(asker.api).more:
        yield _try_streams(asker, seconds)
    yield from _try_cancelling(asker, seconds)
    yield from _try_cancelling_all(asker, seconds)


def utilisation(calls: Sequence[Call], limit: int) -> float:
    """Return which share of the places was occupied, from the first call to the last one's end."""
    spans = [(call.started, call.ended) for call in calls if call.ended is not None]
    elapsed = max(end for _, end in spans) - min(start for start, _ in spans)
    return sum(end - start for start, end in spans) / (limit * elapsed)


def _try_streams(asker: Asker, seconds: float) -> Finding:
    count = 2 * asker.limit
    # Slow in its body: a place that is freed at the headers shows only while the body is read.
    slow = [{"kind": "slow_body", "seconds": seconds, "times": count}]
    exchange = asker.ask_many("stream", count, faults=slow)
    if all(outcome.is_undone for outcome in exchange.outcomes):
        return _finding("streams-counted", untried="the client does not stream")
    loss = _find_loss(asker.api, exchange, count, "stream")
    return _finding("streams-counted", _find_excess(exchange, asker.limit) or loss)


def _try_cancelling(asker: Asker, seconds: float) -> Iterator[Finding]:
    """Fill all places, queue one more request, cancel that one, and see that it is never sent.

    One that is queued behind it shows when its turn would have come. A client that blocks its
    caller has nothing to cancel with, and promises nothing.
    """
    action, name = core_action(asker.api), "cancelled-dropped"
    with asker.watching(_delays(3 * seconds, asker.limit)):
        sent = [asker.send(action) for _ in range(asker.limit)]
        is_full = asker.wait_calls(asker.limit)
        if is_full:
            sent += [asker.send(action), asker.send(action)]
            time.sleep(seconds)  # what has not begun to wait for its turn is no test of the queue
            asker.client.cancel(sent[-2])
        asker.collect(sent)
        time.sleep(seconds)  # queues need not be strict about who comes first
        exchange = asker.collect(sent)
    calls = len(exchange.calls)
    if not is_full:
        yield _finding(name, f"{asker.limit} requests made {calls} calls at the same time")
        return
    cancelled = exchange.outcomes[-2]
    if cancelled.ended == "done":
        yield _finding(name, f"the cancelled request was answered: {cancelled.text[:60]!r}")
    elif cancelled.ended != "error":
        yield _finding(name, f"the cancelled request: {find_error(cancelled)}")
    elif cancelled.more.get("goes_on"):
        yield _finding(name, untried=_BLOCKING)
    else:
        was_sent = "the cancelled request was sent all the same"
        yield _finding(name, was_sent if calls > asker.limit + 1 else "")


def _try_cancelling_all(asker: Asker, seconds: float) -> Iterator[Finding]:
    """Cancel as many running requests as there are places, and see that all places are free."""
    action, name = core_action(asker.api), "cancelled-frees"
    with asker.watching(_delays(3 * seconds, asker.limit)):
        sent = [asker.send(action) for _ in range(asker.limit)]
        if not asker.wait_calls(asker.limit):
            asker.collect(sent)
            return  # told by cancelled-dropped
        for each in sent:
            asker.client.cancel(each)
        outcomes = asker.collect(sent).outcomes
    if any(outcome.more.get("goes_on") for outcome in outcomes):
        yield _finding(name, untried=_BLOCKING)
        return
    again = asker.ask_many(action, asker.limit, faults=_delays(seconds, asker.limit))
    loss = _find_loss(asker.api, again, asker.limit)
    yield _finding(name, _find_idle(again, asker.limit) or loss)


def _delays(seconds: float, count: int) -> list[Mapping[str, Any]]:
    return [{"kind": "delay", "seconds": seconds, "times": count}]


def _find_excess(exchange: Exchange, limit: int) -> str:
    return f"{exchange.peak} in flight at once" if exchange.peak > limit else ""


def _find_idle(exchange: Exchange, limit: int) -> str:
    return f"never more than {exchange.peak} of {limit} at once" if exchange.peak < limit else ""


def _find_loss(api: str, exchange: Exchange, count: int, action: str = "") -> str:
    faults = [find_answer_fault(api, outcome, action) for outcome in exchange.outcomes]
    bad = [fault for fault in faults if fault]
    if bad:
        return f"{len(bad)} of {count} have no answer, the first: {bad[0]}"
    calls = len(exchange.calls)
    return "" if calls == count else f"{count} requests made {calls} calls"


def _finding(name: str, fault: str = "", *, untried: str = "") -> Finding:
    return Finding(group=_GROUP, name=name, why=_WHY[name], fault=fault, untried=untried)
