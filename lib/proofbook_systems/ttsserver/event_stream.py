"""Follow one generation to its end, whatever its event stream does.

The stream is opened again when it breaks. An event comes about once a second: for a quick answer
the history is asked a few times in the beginning, and later only while the stream is silent, so
that the server's log shows its own doings. What the history says is confirmed by a new stream,
which begins with the present state.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import httpx

from proofbook_systems.ttsserver.client import Malformed, ServerError, SpeechClient, hang_up
from proofbook_systems.ttsserver.contract import StatusEvent

__all__ = ["Followed", "follow"]

_TICK = 0.02
"""Seconds between two looks at the events and at the server's process."""
_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
"""Seconds between two openings of a stream that ends at once, at most."""
_STALLED = 15.0
"""Seconds without a byte after which a stream is opened again."""
_FIRST_ASKED = 0.25
_ASKED_AGAIN = 0.1
"""Seconds between two askings of the history in the beginning …"""
_ASKED_UNTIL = 1.5
"""… which ends then; afterwards it is asked only where the stream is silent."""
_NOT_YET = 2.0
"""Seconds within which a server may not know yet what it has just taken."""
_CONFIRMED = 5.0
"""Seconds that the first event of a new stream may take."""

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
    problem: str = ""
    """What was wrong with the stream that broke last."""
    silences: int = 0
    """How often the stream was opened again as it had been silent for long."""
    malformed: list[str] = field(default_factory=list)
    """Beginnings of the events that are not of the contract."""
    silent_for: float = 0.0
    """Seconds since the last event, or since the beginning, at the end."""


def follow(
    client: SpeechClient,
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
    started = heard = time.monotonic()
    stream = _Stream(client, generation_id)
    history = _History(client, generation_id)
    try:
        while (now := time.monotonic()) < started + timeout:
            event = stream.next_event(followed)
            left = started + timeout - now
            if event is None and history.is_over(now - started, now - heard, left):
                event = _first_event(client, generation_id, followed, min(_CONFIRMED, left))
            if event is not None:
                heard = time.monotonic()
                _note(event, followed, heard - started)
            if followed.end != "timeout":
                break
            if event is None and (how := exited()):
                followed.end, followed.error = "exited", how
                break
    finally:
        stream.close()
    if followed.end == "timeout" and followed.statuses[-1:] == ["not_found"]:
        followed.end = "not_found"
    followed.silent_for = time.monotonic() - heard
    followed.noticed_at = followed.noticed_at or time.time()
    return followed


def _note(event: StatusEvent, followed: Followed, age: float) -> None:
    followed.statuses.append(event.status)
    if event.terminal and not _is_early(event, age):
        followed.end = event.status  # type: ignore[assignment]
        followed.duration, followed.error = event.duration, event.error or ""
        followed.noticed_at = time.time()


def _is_early(event: StatusEvent, age: float) -> bool:
    """Say whether a server may not know the generation yet, rather than not at all."""
    return event.status == "not_found" and age < _NOT_YET


def _first_event(
    client: SpeechClient, generation_id: str, followed: Followed, timeout: float
) -> StatusEvent | None:
    """Return the first event of a new stream; None where there is none."""
    try:
        for event in client.status_events(generation_id, timeout=timeout):
            if isinstance(event, StatusEvent):
                return event
            followed.malformed.append(event.raw)
    except ServerError:
        followed.reconnections += 1
    return None


class _Stream:
    """Reads the stream in a thread, opening it again as often as it breaks."""

    def __init__(self, client: SpeechClient, generation_id: str) -> None:
        self._client, self._id = client, generation_id
        self._events: queue.Queue[StatusEvent | Malformed | ServerError | None] = queue.Queue()
        self._closed = threading.Event()
        self._response: httpx.Response | None = None
        self._started = time.monotonic()
        threading.Thread(target=self._read, daemon=True).start()

    def next_event(self, followed: Followed) -> StatusEvent | None:
        """Return the next event, or None if there is none within a tick."""
        try:
            event = self._events.get(timeout=_TICK)
        except queue.Empty:
            return None
        match event:
            case StatusEvent():
                return event
            case Malformed():
                followed.malformed.append(event.raw)
            case ServerError(late=True):
                followed.silences += 1
            case _:
                followed.reconnections += 1
                followed.problem = str(event or "it ended before the generation did")
        return None

    def close(self) -> None:
        """Hang up: a server that is to end would wait for its clients."""
        self._closed.set()
        if self._response is not None:
            hang_up(self._response)

    def _opened(self, response: httpx.Response) -> None:
        self._response = response
        if self._closed.is_set():
            hang_up(response)

    def _read(self) -> None:
        pause = _PAUSE
        while not self._closed.is_set():
            opened = time.monotonic()
            problem: ServerError | None = None
            try:
                if self._pass_on():
                    return
            except ServerError as error:
                problem = error
            self._events.put(problem)
            lasted = time.monotonic() - opened > _LONGEST_PAUSE
            pause = _PAUSE if lasted else min(2 * pause, _LONGEST_PAUSE)
            self._closed.wait(pause)

    def _pass_on(self) -> bool:
        """Pass the events of one stream on; return whether no further stream is needed."""
        for event in self._client.status_events(self._id, timeout=_STALLED, opened=self._opened):
            self._events.put(event)
            age = time.monotonic() - self._started
            over = isinstance(event, StatusEvent) and event.terminal and not _is_early(event, age)
            if over or self._closed.is_set():
                return True
        return False


class _History:
    """Asks the history, rarely, until the server refuses that."""

    def __init__(self, client: SpeechClient, generation_id: str) -> None:
        self._client, self._id = client, generation_id
        self._tells = True
        self._due = _FIRST_ASKED

    def is_over(self, age: float, silent_for: float, left: float) -> bool:
        """Say whether the generation has ended, as far as the history knows.

        Args:
            age: Seconds since it was asked for.
            silent_for: Seconds since the last event of its stream.
            left: Seconds until it is no longer waited for.
        """
        wanted = age < _ASKED_UNTIL or silent_for > _STALLED
        if not self._tells or not wanted or age < self._due:
            return False
        self._due = age + (_ASKED_AGAIN if age < _ASKED_UNTIL else _STALLED)
        try:
            return self._client.history(self._id, timeout=min(_CONFIRMED, left + _TICK)).terminal
        except ServerError as error:
            # A server that does not answer may do so again; one that refuses will not.
            self._tells = error.status is None
            return False
