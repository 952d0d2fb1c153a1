"""What goes wrong, as data: a fault, and a plan of faults that calls take one by one.

Knows nothing about sockets.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

__all__ = ["KINDS", "Fault", "Plan", "read_plan"]

KINDS: Mapping[str, str] = {
    "none": "the right answer",
    "delay": "the right answer, `seconds` late",
    "refuse": "nothing listens for `seconds`",
    "reset": "a TCP reset; `when`: connect, before_headers, in_headers, in_body (`after` parts)",
    "close": "the connection is closed; `when` as for reset",
    "half_close": "no more is sent, and the connection stays open; `when` as for reset",
    "hang": "nothing more is sent; `when` as for reset",
    "stale": "the right answer; the next request on this connection is not answered, but closed",
    "slow_body": "the right answer, its parts spread over `seconds`",
    "truncated_chunk": "a chunk that ends before its length, after `after` parts",
    "wrong_length": "a Content-Length that is `by` bytes too large, or too small",
    "status": "an error: `status`, `headers`, and `body` or the protocol's own error",
    "body": "`body` as `content_type` in place of the answer: HTML, nothing, another JSON",
    "error_body": "200 with the protocol's own error as its body",
    "error_event": "an error event after `after` parts of a stream, which then ends",
    "no_end": "a stream that ends in good order, but without its last events, after `after` parts",
    "malformed": "the part after `after` parts is cut in its middle; the stream goes on",
    "unusual": "a right stream, unusually written; `how`: crlf, comments, no_space, split",
    "duplicate": "the part after `after` parts is sent twice",
    "content_type": "the right body as `content_type`",
    "broken_gzip": "Content-Encoding: gzip, and not all of the compressed bytes",
}
_WHENS = ("connect", "before_headers", "in_headers", "in_body")
_HOWS = ("", "crlf", "comments", "no_space", "split")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that goes wrong."""

    kind: str
    times: int | None = 1
    """How many calls it befalls; None is every call from then on."""
    when: str = "before_headers"
    after: int = 3
    """Parts that are sent in good order before."""
    seconds: float = 3600.0
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    """``{date+N}`` in a value is an HTTP date N seconds from now, ``{epoch+N}`` a Unix time."""
    body: Any = None
    """In place of the answer; of a fault that is made of the right answer, that answer as JSON."""
    content_type: str = "text/html"
    how: str = ""
    by: int = 20
    path: str = ""
    """What the path of a call must contain, so that the fault befalls it; empty is any call."""

    def __post_init__(self) -> None:
        for name, known in (("kind", KINDS), ("when", _WHENS), ("how", _HOWS)):
            if getattr(self, name) not in known:
                given = getattr(self, name)
                raise ValueError(f"a fault's {name} is {given!r}; known are {', '.join(known)}")


class Plan:
    """Which fault each call takes. Once it is used up, calls are answered rightly."""

    def __init__(
        self, faults: Sequence[Fault] = (), *, share: float = 0.0, seed: int = 0,
        all_calls: bool = False, pace: float = 0.0,
    ) -> None:  # fmt: skip
        self._left = [(fault, fault.times) for fault in faults]
        self._share, self._random = share, random.Random(seed)
        self.all_calls = all_calls
        """Whether requests that only ask (GET, and what lists or shows models) take faults too."""
        self.pace = pace
        """Seconds between the parts of a right stream."""

    def head(self) -> Fault | None:
        """Return the fault that the next call would take, unless a share decides by chance."""
        return None if self._share or not self._left else self._left[0][0]

    def take(self, path: str = "") -> Fault | None:
        """Return the fault of the next call, to a path; None where it is answered rightly."""
        if self._share:
            is_hit = self._random.random() < self._share
            return self._random.choice(self._left)[0] if is_hit else None
        at = next((n for n, (fault, _) in enumerate(self._left) if fault.path in path), None)
        if at is None:
            return None
        fault, times = self._left[at]
        if times is not None:
            self._left[at] = (fault, times - 1)
            if times <= 1:
                del self._left[at]
        return None if fault.kind == "none" else fault


def read_plan(document: Any) -> Plan:
    """Return the plan that was posted: a list of faults, or an object with ``faults``.

    Raises:
        ValueError: It is neither, or a fault has an unknown kind or field.
    """
    if isinstance(document, list):
        document = {"faults": document}
    if not isinstance(document, dict) or not isinstance(document.get("faults", []), list):
        raise ValueError("a plan is a list of faults, or an object with a list of `faults`")
    known = {"faults", "share", "seed", "all_calls", "pace"}
    if unknown := sorted(set(document) - known):
        raise ValueError(f"a plan has no {unknown[0]!r}; known are {', '.join(sorted(known))}")
    faults = [_read_fault(each) for each in document.get("faults", [])]
    share = float(document.get("share", 0.0))
    if share and any(fault.kind == "refuse" for fault in faults):
        raise ValueError("refuse cannot befall a share of the calls: nothing listens meanwhile")
    if share and not faults:
        raise ValueError("a share needs faults to choose from")
    return Plan(
        faults, share=share, seed=int(document.get("seed", 0)),
        all_calls=bool(document.get("all_calls")), pace=float(document.get("pace", 0.0)),
    )  # fmt: skip


def _read_fault(values: Any) -> Fault:
    if not isinstance(values, dict):
        raise ValueError(f"a fault is an object, not {values!r}")
    known = {each.name for each in fields(Fault)}
    if unknown := sorted(set(values) - known):
        raise ValueError(f"a fault has no {unknown[0]!r}; known are {', '.join(sorted(known))}")
    return Fault(**values)
