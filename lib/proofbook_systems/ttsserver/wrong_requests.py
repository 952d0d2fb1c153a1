"""Ask a speech server for what cannot be spoken, and see that it refuses.

A refusal is an answer from 400 to 499, or a generation that fails. Anything else misleads whoever
asks: an error of 500 and more says that the server is at fault, a success that there is speech.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from proofbook_systems.serving.client import ServerError, shorten
from proofbook_systems.ttsserver.answers import Spoken, read_field
from proofbook_systems.ttsserver.client import SpeechClient
from proofbook_systems.ttsserver.contract import SpeechRequest
from proofbook_systems.ttsserver.contract_files import Contract, Request
from proofbook_systems.ttsserver.event_stream import follow
from proofbook_systems.ttsserver.templates import fill_request, without_placeholder

__all__ = ["WHY", "WRONG_REQUESTS", "find_acceptance"]

_NOBODY = "nobody-of-this-name"


@dataclass(frozen=True)
class _Wrong:
    """A request, and what is wrong with it."""

    request: Request
    values: SpeechRequest
    raw: bytes | None = None


def _empty(contract: Contract, asked: SpeechRequest) -> _Wrong:
    return _Wrong(contract.speak, replace(asked, text=""))


def _missing(contract: Contract, asked: SpeechRequest) -> _Wrong:
    speak = contract.speak
    without = {
        "query": without_placeholder(speak.query, "text"),
        "body": without_placeholder(speak.body, "text"),
        "form": without_placeholder(speak.form, "text"),
        "text": "" if "{text}" in speak.text else speak.text,
    }
    return _Wrong(speak.model_copy(update=without), asked)


def _unknown_voice(contract: Contract, asked: SpeechRequest) -> _Wrong:
    profile = str(uuid.uuid4()) if asked.profile else ""
    return _Wrong(contract.speak, replace(asked, voice=_NOBODY, profile=profile))


def _unknown_path(contract: Contract, asked: SpeechRequest) -> _Wrong:
    path = f"{contract.speak.path.rstrip('/')}/no-such-path"
    return _Wrong(contract.speak.model_copy(update={"path": path}), asked)


def _broken(contract: Contract, asked: SpeechRequest) -> _Wrong:
    return _Wrong(contract.speak, asked, raw=b'{"text": "Hel')


WRONG_REQUESTS: dict[str, Callable[[Contract, SpeechRequest], _Wrong]] = {
    "refuses-empty-text": _empty,
    "refuses-missing-text": _missing,
    "refuses-unknown-voice": _unknown_voice,
    "refuses-broken-body": _broken,
    "refuses-unknown-path": _unknown_path,
}
"""By the check that they make."""
WHY = {
    **dict.fromkeys(WRONG_REQUESTS, "who asks must learn that the mistake is theirs"),
    "speaks-after-refusals": "one wrong request must not cost everybody else the server",
}
"""What breaks where one of these checks, or the one after them, is red."""


def find_acceptance(
    client: SpeechClient, check: str, asked: SpeechRequest, *, timeout: float
) -> str:
    """Return how a server fails to refuse a wrong request; empty where it refuses it.

    Args:
        client: Where it is sent to.
        check: One of :data:`WRONG_REQUESTS`.
        asked: A right request.
        timeout: Seconds that the answer may take.
    """
    wrong = WRONG_REQUESTS[check](client.contract, asked)
    path, options = fill_request(wrong.request, {**client.contract.values, **wrong.values.values()})
    if wrong.raw is not None:
        options.pop("json")
        options["content"] = wrong.raw
        options.setdefault("headers", {})["Content-Type"] = "application/json"
    try:
        response = client.send(wrong.request.method, path, timeout=timeout, **options)
        if client.contract.job is None:
            kind = response.headers.get("content-type", "")
            return f"it answers {response.status_code}, as if that were right, with " + _describe(
                Spoken(response.content, kind)
            )
        followed = follow(client, read_field(response, client.contract.job.id), timeout)
    except ServerError as error:
        return "" if error.status is not None and 400 <= error.status < 500 else str(error)
    if followed.end in ("failed", "not_found"):
        return ""
    return f"it takes that, and the generation ends as {followed.end!r}"


def _describe(spoken: Spoken) -> str:
    if spoken.kind:
        return f"a {spoken.kind} file of {len(spoken.content)} bytes"
    text = spoken.content[:300].decode(errors="replace")
    try:
        text = json.dumps(json.loads(text))
    except ValueError:
        text = shorten(text)
    return f"{spoken.content_type or 'no content type'}: {text!r}"
