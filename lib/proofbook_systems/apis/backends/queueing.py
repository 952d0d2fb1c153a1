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
_LONGER = 4
"""For so many times the seconds calls are held up when what was found at first is tried again."""
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
    is held up, so that they meet. Where they did not, or a cancellation came late, that is tried
    again with calls that are held up longer: a busy machine is no fault of the client's.
    """
    count = _ROUNDS * (asker.limit or _UNLIMITED)
    exchange = _ask_held(asker, count, seconds)
    yield _finding("all-answered", _find_loss(asker.api, exchange, count))
    if not asker.limit:
        reason = "client_options promises no max_concurrency"
        yield from (_finding(name, untried=reason) for name in _WHY if name != "all-answered")
        return
    yield _finding("limit-held", _find_excess(exchange, asker.limit))
    if _find_idle(exchange, asker.limit):
        exchange = _ask_held(asker, count, _LONGER * seconds)
    yield _finding("limit-used", _find_idle(exchange, asker.limit))
    if "stream" in protocol_of(asker.api).more:
        yield _try_streams(asker, seconds)
    yield _try_cancelling(asker, seconds)
    if (found := _try_cancelling_all(asker, seconds)) is not None:
        yield found


def _ask_held(asker: Asker, count: int, seconds: float) -> Exchange:
    return asker.ask_many(core_action(asker.api), count, faults=_delays(seconds, count))


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


def _try_cancelling(asker: Asker, seconds: float) -> Finding:
    """Judge a request that is cancelled while it waits for its turn: it is never sent.

    A client that blocks its caller has nothing to cancel with, and promises nothing.
    """
    name = "cancelled-dropped"
    exchange, is_full = _cancel_waiting(asker, seconds)
    if is_full and _is_sent(asker, exchange):
        exchange, is_full = _cancel_waiting(asker, _LONGER * seconds)
    if not is_full:
        calls = len(exchange.calls)
        return _finding(name, f"{asker.limit} requests made {calls} calls at the same time")
    cancelled = exchange.outcomes[-2]
    if cancelled.ended == "done":
        return _finding(name, f"the cancelled request was answered: {cancelled.text[:60]!r}")
    if cancelled.ended != "error":
        return _finding(name, f"the cancelled request: {find_error(cancelled)}")
    if cancelled.more.get("goes_on"):
        return _finding(name, untried=_BLOCKING)
    was_sent = "the cancelled request was sent all the same"
    return _finding(name, was_sent if _is_sent(asker, exchange) else "")


def _cancel_waiting(asker: Asker, seconds: float) -> tuple[Exchange, bool]:
    """Fill all places, queue one more request, cancel that one; return whether all were full.

    One that is queued behind it shows when its turn would have come.
    """
    action = core_action(asker.api)
    with asker.watching(_delays(3 * seconds, asker.limit)):
        sent = [asker.send(action) for _ in range(asker.limit)]
        is_full = asker.wait_calls(asker.limit)
        if is_full:
            sent += [asker.send(action), asker.send(action)]
            time.sleep(seconds)  # what has not begun to wait for its turn is no test of the queue
            asker.client.cancel(sent[-2])
        asker.collect(sent)
        time.sleep(seconds)  # queues need not be strict about who comes first
        return asker.collect(sent), is_full


def _is_sent(asker: Asker, exchange: Exchange) -> bool:
    cancelled = exchange.outcomes[-2]
    if cancelled.ended == "error" and cancelled.more.get("goes_on"):
        return False
    return cancelled.ended == "done" or len(exchange.calls) > asker.limit + 1


def _try_cancelling_all(asker: Asker, seconds: float) -> Finding | None:
    """Cancel as many running requests as there are places, and see that all places are free.

    None where not all of them could be made to run, which the trial before has told.
    """
    action, name = core_action(asker.api), "cancelled-frees"
    with asker.watching(_delays(3 * seconds, asker.limit)):
        sent = [asker.send(action) for _ in range(asker.limit)]
        if not asker.wait_calls(asker.limit):
            asker.collect(sent)
            return None
        for each in sent:
            asker.client.cancel(each)
        outcomes = asker.collect(sent).outcomes
    if any(outcome.more.get("goes_on") for outcome in outcomes):
        return _finding(name, untried=_BLOCKING)
    again = _ask_held(asker, asker.limit, seconds)
    loss = _find_loss(asker.api, again, asker.limit)
    if not loss and _find_idle(again, asker.limit):
        again = _ask_held(asker, asker.limit, _LONGER * seconds)
        loss = _find_loss(asker.api, again, asker.limit)
    return _finding(name, _find_idle(again, asker.limit) or loss)


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
