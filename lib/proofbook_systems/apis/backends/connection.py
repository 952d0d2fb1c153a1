"""Group 1, connection: a server that is there, none, a wrong key, no key."""

from __future__ import annotations

from collections.abc import Iterator

from proofbook_systems.apis.backends.answers import core_action, find_answer_fault, find_error
from proofbook_systems.apis.backends.asking import Asker, Exchange
from proofbook_systems.apis.backends.findings import Finding, Group
from proofbook_systems.serving.ports import choose_port

__all__ = ["try_connection"]

_GROUP: Group = "connection"
_REFUSALS = {400, 401, 403}
"""Gemini answers 400 to a key that it does not know."""
_WRONG_KEY = "wrong-key-0000:wrong-secret-0000"


def try_connection(asker: Asker) -> Iterator[Finding]:
    """Yield what was found about connecting; the first one is the control for all others."""
    exchange = asker.ask(core_action(asker.api))
    yield Finding(
        group=_GROUP, name="answers", fault=find_answer_fault(asker.api, exchange.outcome),
        why="a backend that does not answer is of no use",
    )  # fmt: skip
    yield _without_server(asker)
    yield from _with_wrong_key(asker)


def _without_server(asker: Asker) -> Finding:
    nowhere = asker.with_(base_url=_move(asker.base_url, choose_port()))
    outcome = nowhere.ask(core_action(asker.api)).outcome
    fault = ""
    if outcome.ended == "done":
        fault = f"an answer came from where nothing listens: {outcome.text[:80]!r}"
    elif outcome.ended != "error":
        fault = find_error(outcome)
    return Finding(
        group=_GROUP, name="no-server", fault=fault,
        why="an address where nothing listens must end in an error, and never in an answer",
    )  # fmt: skip


def _with_wrong_key(asker: Asker) -> Iterator[Finding]:
    """Try a wrong key and none; a server that asks for none leaves nothing to try."""
    wrong = asker.with_(key=_WRONG_KEY).ask(core_action(asker.api))
    refused = [status for status in wrong.statuses if status in _REFUSALS]
    for name, exchange, why in (
        ("wrong-key", wrong, "an expired key must be told as such, and asking again does not help"),
        ("no-key", asker.with_(key="").ask(core_action(asker.api)),
         "a missing key must be told as such: a made-up answer would hide it for weeks"),
    ):  # fmt: skip
        if not refused:
            yield Finding(group=_GROUP, name=name, why=why, untried="the server asks for no key")
            continue
        yield Finding(group=_GROUP, name=name, why=why, fault=_find_key_fault(exchange))


def _find_key_fault(exchange: Exchange) -> str:
    outcome = exchange.outcome
    if outcome.ended != "error":
        return find_error(outcome) or f"it was answered: {outcome.text[:80]!r}"
    if len(exchange.calls) > 1:
        return f"the refused request was sent {len(exchange.calls)} times"
    return ""


def _move(url: str, port: int) -> str:
    before, _, after = url.partition("://")
    host, slash, path = after.partition("/")
    return f"{before}://{host.rpartition(':')[0]}:{port}{slash}{path}"
