"""Follow one generation to its end, whatever its event stream does.

The stream is opened again when it breaks. Since it speaks about once a second, the history is asked
in between, and what it says is confirmed by a fresh stream, which begins with the present state.
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
    """What became of a generation, and what its stream was like."""

    end: End = "timeout"
    duration: float | None = None
    """Seconds of audio, as the server claims."""
    error: str = ""
    """What the server says went wrong; how its process ended where that is what ended."""
    noticed_at: float = 0.0
    """Seconds since the epoch at which the end was known here."""
    statuses: list[str] = field(default_factory=list)
    """Of each event."""
    reconnections: int = 0
    malformed: list[str] = field(default_factory=list)
    """Beginnings of the events that are none of the contract's."""


def follow(
    client: VoiceboxClient,
    generation_id: str,
    timeout: float,
    *,
    exited: Callable[[], str] = str,
) -> Followed:
    """Return what becomes of a generation within ``timeout`` seconds.

    Args:
        client: Where it was asked for.
        generation_id: Which it is.
        timeout: Seconds to wait.
        exited: Says how the server's process ended; empty while it runs.
    """
    found = Followed()
    deadline = time.monotonic() + timeout
    stream = _Stream(client, generation_id)
    history = _History(client, generation_id)
    try:
        while time.monotonic() < deadline:
            event = stream.next_event(found)
            if event is None and history.says_it_is_over():
                event = _first_event(client, generation_id, found)
            if event is not None:
                _note(event, found)
            if found.end != "timeout":
                break
            if event is None and (how := exited()):
                found.end, found.error = "exited", how
                break
    finally:
        stream.close()
    found.noticed_at = found.noticed_at or time.time()
    return found


def _note(event: StatusEvent, found: Followed) -> None:
    found.statuses.append(event.status)
    if event.terminal:
        found.end = event.status  # type: ignore[assignment]
        found.duration, found.error = event.duration, event.error or ""
        found.noticed_at = time.time()


def _first_event(client: VoiceboxClient, generation_id: str, found: Followed) -> StatusEvent | None:
    """Return the first event of a fresh stream; None where there is none."""
    try:
        for event in client.status_events(generation_id):
            if isinstance(event, StatusEvent):
                return event
            found.malformed.append(event.raw)
    except ServerError:
        found.reconnections += 1
    return None


class _Stream:
    """Reads the stream in a thread, opening it again as often as it breaks."""

    def __init__(self, client: VoiceboxClient, generation_id: str) -> None:
        self._client, self._id = client, generation_id
        self._heard: queue.Queue[StatusEvent | Malformed | None] = queue.Queue()
        self._closed = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def next_event(self, found: Followed) -> StatusEvent | None:
        """Return the next event, or None if there is none within a tick."""
        try:
            heard = self._heard.get(timeout=_TICK)
        except queue.Empty:
            return None
        if isinstance(heard, StatusEvent):
            return heard
        if heard is None:
            found.reconnections += 1
        else:
            found.malformed.append(heard.raw)
        return None

    def close(self) -> None:
        """Let the thread end, which it does at the next event."""
        self._closed.set()

    def _read(self) -> None:
        pause = _TICK
        while not self._closed.is_set():
            try:
                for event in self._client.status_events(self._id):
                    self._heard.put(event)
                    pause = _TICK
                    over = isinstance(event, StatusEvent) and event.terminal
                    if over or self._closed.is_set():
                        return
            except ServerError:
                pause = min(2 * pause, _LONGEST_PAUSE)
            self._heard.put(None)
            self._closed.wait(pause)


class _History:
    """Asks the history, until it turns out that it does not tell."""

    def __init__(self, client: VoiceboxClient, generation_id: str) -> None:
        self._client, self._id = client, generation_id
        self._tells = True

    def says_it_is_over(self) -> bool:
        """Say whether the generation has ended, as far as the history knows."""
        if not self._tells:
            return False
        try:
            return self._client.history(self._id).terminal
        except ServerError as error:
            # A server that does not answer may do so again; one that refuses will not.
            self._tells = error.status is None
            return False
