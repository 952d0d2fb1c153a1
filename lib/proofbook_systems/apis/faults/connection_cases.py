"""What goes wrong with connections: refused, reset, closed, hanging, cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proofbook_systems.apis.faults.cases import ALWAYS, BODY, BREAKS, LATE, Case

__all__ = ["CONNECTION_CASES"]

lost = "an answer that was lost on the way is told as such, or fetched again"
cut = "half an answer that is taken for a whole one is wrong without a sign of it"
twice = "a reader sees the beginning of the answer twice"
endless = "a caller that is never answered holds its slot, its thread and its user for ever"
at = "before_headers"


def always(kind: str, when: str, **more: Any) -> tuple[dict[str, Any]]:
    return ({"kind": kind, "when": when, "times": ALWAYS, **more},)


def once(kind: str, when: str, **more: Any) -> tuple[dict[str, Any]]:
    return ({"kind": kind, "when": when, **more},)


body, four = "in_body", {"after": 5}
CONNECTION_CASES: Sequence[Case] = [
    Case(name="refused-at-first", title="nothing listens for 0.3 s", why=lost, names=(
        *BREAKS, "refused"), faults=({"kind": "refuse", "seconds": 0.3},)),
    Case(name="refused", title="nothing listens", right="error", names=(*BREAKS, "refused"),
         why="a wrong address must be named, not waited for", retryable=True,
         faults=({"kind": "refuse", "seconds": 3600.0},)),
    Case(name="reset-on-connect", title="one connection is reset on arrival", why=lost,
         names=BREAKS, faults=once("reset", "connect")),
    Case(name="reset-once", title="one reset before the headers", why=lost, names=BREAKS,
         faults=once("reset", at)),
    Case(name="reset-always", title="resets before the headers", why=lost, names=BREAKS,
         right="error", faults=always("reset", at), retryable=True),
    Case(name="reset-in-headers", title="one reset within the headers", why=lost,
         names=BREAKS, faults=once("reset", "in_headers")),
    Case(name="reset-in-body", title="resets within the body", why=cut, names=BREAKS,
         right="error", faults=always("reset", body), retryable=True),
    Case(name="closed-once", title="closed once before the headers", why=lost, names=BREAKS,
         faults=once("close", at)),
    Case(name="closed-in-body", title="closed within the body", why=cut, names=BREAKS,
         right="error", faults=always("close", body), retryable=True),
    Case(name="half-closed-in-body", title="half-closed within the body", why=cut,
         names=BREAKS, right="error", faults=always("half_close", body), retryable=True),
    Case(name="stale-connection", title="a kept connection that closes at its next request",
         why="after each pause the first request fails", names=BREAKS, asked_times=2,
         faults=({"kind": "stale"},)),
    Case(name="hang", title="no answer at all", why=endless, names=LATE, right="error",
         faults=always("hang", at), retryable=True),
    Case(name="hang-in-body", title="an answer that stops in its middle", why=endless,
         names=LATE, right="error", faults=always("hang", body), retryable=True),
    Case(name="hang-in-stream", title="a stream that stops in its middle", why=endless,
         names=LATE, right="error", stream=True, faults=always("hang", body, **four)),
    Case(name="slow-answer", title="an answer after half of the time-out", right="answer",
         why="an answer that is asked for twice is paid for twice",
         faults=({"kind": "delay", "seconds_timeouts": 0.5},)),
    Case(name="slow-body", title="a body that trickles in", why=cut, names=LATE,
         faults=({"kind": "slow_body", "seconds_timeouts": 1.5, "times": ALWAYS},)),
    Case(name="slow-stream", title="a stream that takes longer than the time-out", stream=True,
         why=cut, names=LATE,
         faults=({"kind": "slow_body", "seconds_timeouts": 1.5, "times": ALWAYS},)),
    Case(name="truncated-chunk", title="a chunk that ends early", why=cut, names=BREAKS,
         right="error", faults=({"kind": "truncated_chunk", "times": ALWAYS},)),
    Case(name="truncated-stream", title="a stream whose chunk ends early", why=cut,
         names=BREAKS, right="error", stream=True,
         faults=({"kind": "truncated_chunk", "times": ALWAYS, **four},)),
    Case(name="length-too-large", title="fewer bytes than Content-Length says", why=cut,
         names=(*BREAKS, *BODY), faults=({"kind": "wrong_length", "times": ALWAYS},)),
    Case(name="length-too-small", title="a Content-Length that cuts the answer", why=cut,
         names=(*BREAKS, *BODY), right="error",
         faults=({"kind": "wrong_length", "by": -150, "times": ALWAYS},)),
    Case(name="stream-reset", title="a stream that is reset once in its middle", why=twice,
         names=BREAKS, stream=True, faults=once("reset", body, **four)),
    Case(name="stream-closed", title="a stream that is closed once in its middle", why=twice,
         names=BREAKS, stream=True, faults=once("close", body, **four)),
    Case(name="stream-reset-early", title="a stream that is reset once before its headers",
         why=lost, names=BREAKS, stream=True, faults=once("reset", at)),
    Case(name="many-broken-streams", title="12 streams that break, then a right answer",
         why="a slot that each broken stream keeps ends in a client that waits for ever",
         names=BREAKS, stream=True, asked_times=12, right="error",
         faults=always("reset", body, **four)),
    Case(name="cancelled-stream", title="a long stream that the caller cancels", stream=True,
         why="what nobody reads is still computed, paid for, and holds a slot",
         pace=0.05, cancel_after=3),
]  # fmt: skip
