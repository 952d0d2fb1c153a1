"""Follow one generation to its end, whatever its event stream does.

The stream is opened again when it breaks. Since an event comes about once a second, the history is
asked in between, and its answer is confirmed by a new stream, which begins with the present state.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from proofbook_systems.ttsserver.client import Malformed, ServerError, VoiceboxClient
from proofbook_systems.ttsserver.contract import StatusEvent

__all__ = ["Followed", "follow"]

_TICK = 0.05
"""Seconds between two looks at the history and at the server's process."""
_LONGEST_PAUSE = 1.0

End = Literal["completed", "failed", "not_found", "timeout", "exited"]


@dataclass(kw_only=True)
class Followed:
    """How a generation ended, and how its stream behaved."""

    end: End = "timeout"
    duration: float | None = None
    """Seconds of audio, as the server claims."""
    error: str = ""
    """What the server says went wrong; for ``exited``, how its process ended."""
    noticed_at: float = 0.0
    """Seconds since the epoch at which the end was known here."""
    statuses: list[str] = field(default_factory=list)
    """Of each event."""
    reconnections: int = 0
    malformed: list[str] = field(default_factory=list)
    """Beginnings of the events that are not of the contract."""


def follow(
    client: VoiceboxClient,
    generation_id: str,
    timeout: float,
    *,
    exited: Callable[[], str] = str,
) -> Followed:
    """Return how a generation ends within ``timeout`` seconds.

    Args:
        client: Where it was asked for.
        generation_id: Which it is.
        timeout: Seconds to wait.
        exited: Says how the server's process ended; empty while it runs.
    """
    followed = Followed()
    deadline = time.monotonic() + timeout
    stream = _Stream(client, generation_id)
    history = _History(client, generation_id)
    try:
        while time.monotonic() < deadline:
            event = stream.next_event(followed)
            if event is None and history.is_over():
                event = _first_event(client, generation_id, followed)
            if event is not None:
                _note(event, followed)
            if followed.end != "timeout":
                break
            if event is None and (how := exited()):
                followed.end, followed.error = "exited", how
                break
    finally:
        stream.close()
    followed.noticed_at = followed.noticed_at or time.time()
    return followed


def _note(event: StatusEvent, followed: Followed) -> None:
    followed.statuses.append(event.status)
    if event.terminal:
        followed.end = event.status  # type: ignore[assignment]
        followed.duration, followed.error = event.duration, event.error or ""
        followed.noticed_at = time.time()


def _first_event(
    client: VoiceboxClient, generation_id: str, followed: Followed
) -> StatusEvent | None:
    """Return the first event of a new stream; None where there is none."""
    try:
        for event in client.status_events(generation_id):
            if isinstance(event, StatusEvent):
                return event
            followed.malformed.append(event.raw)
    except ServerError:
        followed.reconnections += 1
    return None


class _Stream:
    """Reads the stream in a thread, opening it again as often as it breaks."""

    def __init__(self, client: VoiceboxClient, generation_id: str) -> None:
        self._client, self._id = client, generation_id
        self._events: queue.Queue[StatusEvent | Malformed | None] = queue.Queue()
        self._closed = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def next_event(self, followed: Followed) -> StatusEvent | None:
        """Return the next event, or None if there is none within a tick."""
        try:
            event = self._events.get(timeout=_TICK)
        except queue.Empty:
            return None
        if isinstance(event, StatusEvent):
            return event
        if event is None:
            followed.reconnections += 1
        else:
            followed.malformed.append(event.raw)
        return None

    def close(self) -> None:
        """Let the thread end, which it does at the next event."""
        self._closed.set()

    def _read(self) -> None:
        pause = _TICK
        while not self._closed.is_set():
            try:
                for event in self._client.status_events(self._id):
                    self._events.put(event)
                    pause = _TICK
                    over = isinstance(event, StatusEvent) and event.terminal
                    if over or self._closed.is_set():
                        return
            except ServerError:
                pause = min(2 * pause, _LONGEST_PAUSE)
            self._events.put(None)
            self._closed.wait(pause)


class _History:
    """Asks the history, until the server refuses that."""

    def __init__(self, client: VoiceboxClient, generation_id: str) -> None:
        self._client, self._id = client, generation_id
        self._tells = True

    def is_over(self) -> bool:
        """Say whether the generation has ended, as far as the history knows."""
        if not self._tells:
            return False
        try:
            return self._client.history(self._id).terminal
        except ServerError as error:
            # A server that does not answer may do so again; one that refuses will not.
            self._tells = error.status is None
            return False
