"""What happens in a run, as data: small frozen events, and one kind of function that takes them.

Events can be pickled, as an executor may send them from another machine. Knows nothing about who
shows or records them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proofbook.records import Outcome

__all__ = ["CellStarted", "Event", "JobEnded", "JobStarted", "Note", "Sink", "broadcast", "ignore"]


@dataclass(frozen=True, kw_only=True)
class JobStarted:
    """An executor has begun an attempt at a job."""

    job: str
    attempt: int = 1


@dataclass(frozen=True, kw_only=True)
class CellStarted:
    """An attempt at a job has come to another cell."""

    job: str
    attempt: int = 1
    index: int
    """From 0."""
    total: int
    cell: str
    """The cell's id."""


@dataclass(frozen=True, kw_only=True)
class JobEnded:
    """A job has its last outcome, or will not be started."""

    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something about the whole run that a person should read; an empty text withdraws the last."""

    text: str


Event = JobStarted | CellStarted | JobEnded | Note
Sink = Callable[[Event], None]
"""Takes events, from any thread; it returns soon and does not raise."""


def broadcast(*sinks: Sink) -> Sink:
    """Return a sink that passes each event to all of ``sinks``, in order."""

    def send(event: Event) -> None:
        for sink in sinks:
            sink(event)

    return send


def ignore(event: Event) -> None:
    """Take an event and do nothing with it."""
