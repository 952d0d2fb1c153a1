"""What is wrong within a stream, and what only looks so."""

from __future__ import annotations

from collections.abc import Sequence

from proofbook_systems.apis.faults.cases import ALWAYS, BODY, Case

__all__ = ["STREAM_CASES"]

lost = "words are missing, and nobody is told"
unusual = "the stream is right: other servers and proxies write it so"
whole = "half an answer that is taken for a whole one is wrong without a sign of it"


def odd(how: str, title: str) -> Case:
    return Case(
        name=f"stream-{how.replace('_', '-')}", title=title, why=unusual, stream=True,
        right="answer", faults=({"kind": "unusual", "how": how, "times": ALWAYS},),
    )  # fmt: skip


def broken(name: str, kind: str, title: str, why: str, names: Sequence[str]) -> Case:
    return Case(
        name=name, title=title, why=why, stream=True, right="error", names=names,
        faults=({"kind": kind, "after": 7, "times": ALWAYS},),
    )  # fmt: skip


STREAM_CASES: Sequence[Case] = [
    broken("malformed-event", "malformed", "an event that is cut", lost, BODY),
    broken("error-event", "error_event", "an error event in the middle", whole,
           ("misbehaves", "error", "overload")),
    broken("no-end", "no_end", "a stream without its last events", whole,
           ("end", "complete", "stop", "finish", "closed", "broke", "early")),
    odd("crlf", "lines that end with CR LF"),
    odd("comments", "comments between the events, or spaces around them"),
    odd("no_space", "no space after the colon"),
    odd("split", "events that are cut anywhere, within a character too"),
    Case(name="duplicate-event", title="an event that is sent twice", stream=True,
         why="no client can tell it from a word that is said twice", told_only=True,
         faults=({"kind": "duplicate", "after": 7},)),
]  # fmt: skip
