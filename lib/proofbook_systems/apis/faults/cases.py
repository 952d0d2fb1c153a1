"""The cases, as data: what the server does, what it is asked, what a right client does, and why.

Knows nothing about clients, and runs nothing. Times in faults are in shares of the client's own
time-out where they end in ``_timeouts``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["ALWAYS", "BODY", "BREAKS", "LATE", "PROMPT", "RATE", "WORDS", "Case"]

WORDS = (
    "anchor", "bridge", "candle", "dragon", "engine", "forest", "garden", "harbor", "island",
    "jungle", "kettle", "ladder", "größe", "nectar", "orchid", "pillow", "quartz", "ribbon",
    "saddle", "timber", "umbrella", "東京", "window", "zipper",
)  # fmt: skip
"""What every right answer says, in this order; no word is part of another."""
PROMPT = " ".join(WORDS)

Right = Literal["answer", "error", "either"]
ALWAYS = None
"""As how often a fault befalls: every call from then on."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of misbehaviour."""

    name: str
    title: str
    """What the server does, in a few words."""
    why: str
    """What breaks for whom where a client gets it wrong."""
    faults: Sequence[Mapping[str, Any]] = ()
    stream: bool = False
    right: Right = "either"
    """``either``: the right answer, perhaps after a retry, or an error that says what happened."""
    names: Sequence[str] = ()
    """Words, lower-case, one of which names the cause in an error's message."""
    asked_times: int = 1
    """Requests, one after the other."""
    at_once: int = 0
    """Requests that are sent together instead."""
    share: float = 0.0
    pace: float = 0.0
    cancel_after: int = 0
    """Parts of the stream after which it is cancelled."""
    wrong: Literal["", "key", "model"] = ""
    """What is wrong with the request itself."""
    never_retried: bool = False
    retryable: bool = False
    """Whether it fails on and on in a way that retries are made for."""
    wait_form: str = ""
    """In which form the server says how long to wait."""
    may_sleep: bool = False
    """Whether the server asks for a wait that no caller wants."""
    told_only: bool = False
    """Whether no client can know better, so that what it gets is told and not judged."""

    @property
    def is_timed(self) -> bool:
        """Whether the client's own time-out decides how it ends."""
        return any(fault["kind"] in ("hang", "delay", "slow_body") for fault in self.faults)


BREAKS = ("connection", "reset", "disconnect", "closed", "eof", "incomplete", "peer", "protocol",
           "network", "broke", "chunk", "remote", "read", "bytes", "complete")  # fmt: skip
LATE = ("time", "late", "seconds")
BODY = ("json", "pars", "decod", "expect", "content", "html", "body", "empty", "answer", "invalid",
         "response", "complet", "misbehaves")  # fmt: skip
RATE = ("429", "rate", "too many", "quota", "retry")
"""Words that name a cause in an error's message."""
