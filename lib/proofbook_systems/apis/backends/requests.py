"""Group 2, request: one call each, the answer's usage, a model that is not there."""

from __future__ import annotations

from collections.abc import Iterator

from proofbook_systems.apis.backends.answers import core_action, find_answer_fault, find_error
from proofbook_systems.apis.backends.asking import Asker, Exchange
from proofbook_systems.apis.backends.findings import Finding, Group

__all__ = ["UNKNOWN_MODEL", "try_requests"]

_GROUP: Group = "request"
UNKNOWN_MODEL = "no-such-model-000"
_TEXT_ACTIONS = ("chat", "completion")
_FIXED_MODEL = ("hf_tgi", "hf_tei", "llvm", "opea", "s3_kit")
"""Backends whose server has one model, whatever a request names."""


def try_requests(asker: Asker) -> Iterator[Finding]:
    """Yield what was found about ordinary requests."""
    action = core_action(asker.api)
    exchange = asker.ask(action)
    fault = find_answer_fault(asker.api, exchange.outcome)
    calls = len(exchange.calls)
    yield Finding(
        group=_GROUP, name="one-call",
        fault=fault or ("" if calls == 1 else f"one request made {calls} calls"),
        why="what is sent twice is paid for twice",
    )  # fmt: skip
    if action in _TEXT_ACTIONS:
        yield _count_usage(exchange)
    if asker.api not in _FIXED_MODEL:
        yield _without_model(asker)


def _count_usage(exchange: Exchange) -> Finding:
    why = "without the tokens of each answer nobody knows what it costs"
    usage = exchange.outcome.usage
    if not usage:
        return Finding(
            group=_GROUP, name="usage", why=why, untried="neither server nor client counts tokens"
        )
    lowest = min(usage.get("input_tokens") or 0, usage.get("output_tokens") or 0)
    fault = "" if lowest > 0 else f"the usage is {usage}, though both texts have words"
    return Finding(group=_GROUP, name="usage", why=why, fault=fault)


def _without_model(asker: Asker) -> Finding:
    why = "a wrong model's name must be told, not answered by whichever model is there"
    exchange = asker.with_(model=UNKNOWN_MODEL).ask(core_action(asker.api))
    sent = {call.model for call in exchange.calls} - {"", UNKNOWN_MODEL}
    if sent:
        fault = f"the client asked for {sorted(sent)[0]!r} in its place"
        return Finding(group=_GROUP, name="unknown-model", why=why, fault=fault)
    refused = any((status or 0) >= 400 for status in exchange.statuses)
    if not refused and exchange.calls:
        return Finding(
            group=_GROUP, name="unknown-model", why=why,
            untried="the server answers for any model's name",
        )  # fmt: skip
    return Finding(group=_GROUP, name="unknown-model", why=why, fault=_find_fault(exchange))


def _find_fault(exchange: Exchange) -> str:
    outcome = exchange.outcome
    if outcome.ended == "done":
        return f"it was answered: {outcome.text[:80]!r}"
    if UNKNOWN_MODEL not in outcome.message and "model" not in outcome.message.lower():
        return f"the error does not say that it is the model: {find_error(outcome)}"
    return ""
