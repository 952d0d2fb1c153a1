"""Ask a server, once, for a generation that it never made."""

from __future__ import annotations

import uuid

from proofbook_systems.ttsserver.client import Malformed, ServerError, SpeechClient
from proofbook_systems.ttsserver.contract import StatusEvent

__all__ = ["find_fault"]

_SECONDS = 10.0
_UNKNOWN = ("not_found", "failed")
_REFUSED = (400, 404, 410, 422)


def find_fault(client: SpeechClient) -> str:
    """Return how the server fails to say that it does not know a generation; empty where it does.

    The event ``not_found`` says so, and a refusal does.
    """
    number = str(uuid.uuid4())
    try:
        for event in client.status_events(number, timeout=_SECONDS):
            return _fault_of(event)
    except ServerError as error:
        return "" if error.status in _REFUSED else str(error)
    return "its stream ends without an event"


def _fault_of(event: StatusEvent | Malformed) -> str:
    if isinstance(event, Malformed):
        return f"it says {event.raw!r}, which is no status"
    return "" if event.status in _UNKNOWN else f"it says {event.status!r} of what it never made"
