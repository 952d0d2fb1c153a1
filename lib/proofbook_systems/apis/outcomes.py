"""What became of one request to a client under test."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Delta", "Outcome", "Sent", "Usage"]

Ended = Literal["done", "error", "lost", "late"]
Usage = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Delta:
    """A part of a stream as the caller got it."""

    text: str
    at: float
    """When, on the clock of ``time.monotonic()``."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a request ended, as its caller saw it."""

    ended: Ended
    """``late``: it has not ended in the time that it was waited for; ``lost``: the client died."""
    started: float
    seconds: float
    """From being sent until it ended, or was waited for no more."""
    deltas: Sequence[Delta] = ()
    text: str = ""
    usage: Usage | None = None
    kind: str = ""
    """Of an error: the exception's class, or the command's own word."""
    message: str = ""
    status: int | None = None
    causes: Sequence[str] = ()
    """The exceptions behind the error."""
    key_in_message: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else the client told of a request that is done."""

    @property
    def streamed_text(self) -> str:
        """All deltas, joined."""
        return "".join(delta.text for delta in self.deltas)

    @property
    def is_undone(self) -> bool:
        """Whether the client says that it does not do this."""
        return self.kind == "NotImplementedError"


_KNOWN = {"id", "event", "text", "usage", "seconds", "kind", "message", "status", "causes",
          "key_in_message"}  # fmt: skip
_HIDDEN = "[key]"


class Sent:
    """A request that was sent; its outcome is there once the client has told it."""

    def __init__(self, number: int, key: str) -> None:
        self.id = number
        self._key = key
        self._started = time.monotonic()
        self._deltas: list[Delta] = []
        self._lock = threading.Lock()
        self._end: Outcome | None = None
        self._ended = threading.Event()

    @property
    def deltas(self) -> Sequence[Delta]:
        """What has come so far."""
        with self._lock:
            return tuple(self._deltas)

    def wait(self, timeout: float) -> Outcome:
        """Return the outcome; after ``timeout`` seconds from now, that it is late."""
        self._ended.wait(timeout)
        with self._lock:
            return self._end or self._outcome("late", {})

    def wait_deltas(self, number: int, timeout: float) -> bool:
        """Wait until so many deltas have come; return whether they have."""
        deadline = time.monotonic() + timeout
        while len(self.deltas) < number:
            if self._ended.is_set() or time.monotonic() > deadline:
                return len(self.deltas) >= number
            time.sleep(0.005)
        return True

    def take(self, line: Mapping[str, Any]) -> bool:
        """Take a line of the client's; return whether it is one of ours."""
        event = line.get("event")
        with self._lock:
            if self._end is not None:
                return event in ("delta", "done", "error")
            if event == "delta":
                at = line.get("at")
                when = float(at) if isinstance(at, int | float) else time.monotonic()
                self._deltas.append(Delta(text=str(line.get("text", "")), at=when))
                return True
            if event not in ("done", "error"):
                return False
            self._end = self._outcome("done" if event == "done" else "error", line)
        self._ended.set()
        return True

    def lose(self, why: str) -> None:
        """Note that no more comes."""
        with self._lock:
            if self._end is None:
                self._end = self._outcome("lost", {"message": why})
        self._ended.set()

    def _outcome(self, ended: Ended, line: Mapping[str, Any]) -> Outcome:
        message = str(line.get("message", ""))
        status = line.get("status")
        has_key = len(self._key) > 3 and self._key in message
        return Outcome(
            ended=ended, started=self._started, seconds=time.monotonic() - self._started,
            deltas=tuple(self._deltas), text=str(line.get("text") or ""),
            usage=line["usage"] if isinstance(line.get("usage"), dict) else None,
            kind=str(line.get("kind", "")),
            message=message.replace(self._key, _HIDDEN) if has_key else message,
            status=status if isinstance(status, int) else None,
            causes=tuple(str(cause) for cause in line.get("causes") or ()),
            key_in_message=has_key or bool(line.get("key_in_message")),
            more={name: value for name, value in line.items() if name not in _KNOWN},
        )  # fmt: skip
