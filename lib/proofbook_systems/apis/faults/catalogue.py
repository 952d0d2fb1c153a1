"""All cases, the controls first, and the choice among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proofbook_systems.apis.faults.answer_cases import ANSWER_CASES
from proofbook_systems.apis.faults.cases import BREAKS, RATE, Case
from proofbook_systems.apis.faults.connection_cases import CONNECTION_CASES
from proofbook_systems.apis.faults.stream_cases import STREAM_CASES
from proofbook_systems.apis.faults.wait_cases import WAIT_CASES

__all__ = ["CASES", "CONTROLS", "choose_cases"]

CONTROLS: Sequence[Case] = [
    Case(name="right-answer", title="nothing wrong", why="a control", right="answer"),
    Case(name="right-stream", title="nothing wrong", why="a control", right="answer", stream=True),
]

_BROKEN: Sequence[dict[str, Any]] = [
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "0"}},
    {"kind": "reset"},
    {"kind": "close"},
    {"kind": "reset", "when": "in_body", "after": 5},
    {"kind": "truncated_chunk", "after": 5},
]
_CROWD = Case(
    name="crowd", title="many requests and streams at once, a fifth of the calls broken",
    why="under load, what is lost or doubled is never noticed by hand", faults=_BROKEN,
    at_once=60, share=0.2, names=(*BREAKS, *RATE, "50"),
)  # fmt: skip

CASES: tuple[Case, ...] = (
    *CONTROLS, *CONNECTION_CASES, *STREAM_CASES, *ANSWER_CASES, *WAIT_CASES, _CROWD,
)  # fmt: skip


def choose_cases(only: Sequence[str] = (), skip: Sequence[str] = ()) -> list[Case]:
    """Return the cases that are wanted, in order; the controls always come first.

    Raises:
        ValueError: There is no case of that name.
    """
    names = [case.name for case in CASES]
    if unknown := [name for name in (*only, *skip) if name not in names]:
        raise ValueError(f"there is no case {unknown[0]!r}; there are {', '.join(names)}")
    wanted = set(only or names) - set(skip) | {case.name for case in CONTROLS}
    return [case for case in CASES if case.name in wanted]
