"""Group 5, API-specific: what this backend offers beside its core, and objects, byte for byte."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from typing import Any

from proofbook_systems.apis.backends.answers import find_answer_fault, find_error
from proofbook_systems.apis.backends.asking import Asker
from proofbook_systems.apis.backends.findings import Finding, Group
from proofbook_systems.apis.outcomes import Outcome
from proofbook_systems.apis.protocols import protocol_of

__all__ = ["try_specifics"]

_GROUP: Group = "specific"
_PART_OF = {"stream": "chat", "predict": "infer"}
"""The action that a server names where it offers this one."""
_NOT_OFFERED = {404, 405, 501}
_WHY = {
    "stream": "users read while the model writes",
    "completion": "older programs ask for a completion, not for a chat",
    "embeddings": "a search is as good as what it compares",
    "models": "a program that offers a choice of models asks for them",
    "predict": "programs written for TensorFlow Serving ask in its form",
}
_BODIES = {
    "plain.txt": b"hello",
    "empty": b"",
    "deep/er/with space+plus=ä.bin": bytes(range(256)) * 8,
    "large.bin": b"\x00\xff" * 600_000,
}
"""Keys with what a path, a query and a signature must encode, and bodies of all bytes."""


def try_specifics(asker: Asker, offered: tuple[str, ...]) -> Iterator[Finding]:
    """Yield a finding for each action that the API may offer.

    ``offered`` are those that a local server says it has; empty leaves it to be found out.
    """
    if protocol_of(asker.api).core == "objects":
        yield from _try_objects(asker)
        return
    for action in protocol_of(asker.api).more:
        needed = _PART_OF.get(action, action)
        if offered and needed not in offered and action not in offered:
            yield _finding(action, untried="this server does not offer it")
        else:
            yield _try_action(asker, action, offered)


def _try_action(asker: Asker, action: str, offered: tuple[str, ...]) -> Finding:
    exchange = asker.ask(action)
    outcome = exchange.outcome
    if outcome.is_undone:
        return _finding(action, untried="the client does not do it")
    refused = [status for status in exchange.statuses if status in _NOT_OFFERED]
    if refused and (not offered or action == "predict"):
        return _finding(action, untried=f"the server does not offer it: it answers {refused[0]}")
    return _finding(action, find_answer_fault(asker.api, outcome, action))


def _try_objects(asker: Asker) -> Iterator[Finding]:
    """Put, get, list and delete in a folder of our own in the bucket, which is left as it was."""
    prefix = f"proofbook-{uuid.uuid4().hex[:12]}"
    keys = {f"{prefix}/{name}": body for name, body in _BODIES.items()}
    try:
        put = {key: _do(asker, "put_object", key, body) for key, body in keys.items()}
        yield _object_finding("put", [_told(key, outcome) for key, outcome in put.items()])
        yield _object_finding("get", [_find_change(asker, key, body) for key, body in keys.items()])
        yield _object_finding("list", [_find_missing(asker, prefix, set(keys))])
    finally:
        gone = {key: _do(asker, "delete_object", key) for key in keys}
    faults = [_told(key, outcome) for key, outcome in gone.items()]
    yield _object_finding("delete", [*faults, *[_find_left(asker, key) for key in keys]])


def _do(asker: Asker, action: str, key: str, body: bytes | None = None) -> Outcome:
    more: dict[str, Any] = {} if body is None else {"body": base64.b64encode(body).decode()}
    return asker.ask(action, bucket=asker.model, key=key, **more).outcome


def _find_change(asker: Asker, key: str, body: bytes) -> str:
    outcome = _do(asker, "get_object", key)
    if error := find_error(outcome):
        return f"{key}: {error}"
    got = base64.b64decode(str(outcome.more.get("body", "")))
    return "" if got == body else f"{key}: {len(body)} bytes were put and {len(got)} others came"


def _find_missing(asker: Asker, prefix: str, keys: set[str]) -> str:
    outcome = asker.ask("list_objects", bucket=asker.model, prefix=f"{prefix}/").outcome
    if error := find_error(outcome):
        return error
    listed = set(outcome.more.get("keys") or ())
    if listed == keys:
        return ""
    return f"missing {sorted(keys - listed)}, and {sorted(listed - keys)} which nobody has put"


def _find_left(asker: Asker, key: str) -> str:
    outcome = _do(asker, "get_object", key)
    return f"{key} is still there" if outcome.ended == "done" else ""


def _told(key: str, outcome: Outcome) -> str:
    error = find_error(outcome)
    return f"{key}: {error}" if error else ""


def _object_finding(name: str, faults: list[str]) -> Finding:
    return Finding(
        group=_GROUP, name=name, fault="; ".join(fault for fault in faults if fault)[:400],
        why="what is stored must come back byte for byte, and go when it is deleted",
    )  # fmt: skip


def _finding(action: str, fault: str = "", *, untried: str = "") -> Finding:
    return Finding(group=_GROUP, name=action, why=_WHY[action], fault=fault, untried=untried)
