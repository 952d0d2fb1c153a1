"""Is an answer one? Judged by what its action promises, not by its words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from proofbook_systems.apis.outcomes import Outcome
from proofbook_systems.apis.protocols import protocol_of

__all__ = ["core_action", "find_answer_fault", "find_error"]

_SAME = 1e-3
"""Distance below which two embeddings are one, where vectors are about 1 long."""
_LONGEST = 240
_NEAR = 0.5
"""Share of the distance to another text that one text's two embeddings may be apart: a server
computes batches in another order, and at half precision."""


def core_action(api: str) -> str:
    """Return the action that stands for a backend; for object storage, listing a bucket."""
    core = protocol_of(api).core
    return "list_objects" if core == "objects" else core


def find_answer_fault(api: str, outcome: Outcome, action: str = "") -> str:
    """Return what is wrong with the outcome to an action, by default the core one; or nothing."""
    if error := find_error(outcome):
        return error
    match action or core_action(api):
        case "chat" | "completion":
            return "" if outcome.text.strip() else "the answer is empty"
        case "stream":
            return find_stream_fault(outcome)
        case "embeddings":
            return _find_embedding_fault(outcome.more.get("embeddings"))
        case "models":
            return "" if outcome.more.get("models") else "the list of models is empty"
        case "infer" | "predict":
            return _find_output_fault(outcome.more.get("outputs"))
        case _:
            return ""


def find_error(outcome: Outcome) -> str:
    """Return in one line how a request ended without an answer; empty where it has one."""
    match outcome.ended:
        case "done":
            return ""
        case "late":
            return f"it has not ended after {outcome.seconds:.1f} s"
        case "lost":
            return outcome.message
        case _:
            return " ".join(f"{outcome.kind}: {outcome.message}".split())[:_LONGEST]


def find_stream_fault(outcome: Outcome) -> str:
    """Return what is wrong with a stream: no pieces, or others than the whole text."""
    pieces = outcome.streamed_text
    if not pieces.strip():
        return "nothing was streamed"
    if outcome.text and pieces != outcome.text:
        return f"the pieces are {pieces[:60]!r} and the whole is {outcome.text[:60]!r}"
    return ""


def _find_embedding_fault(vectors: Any) -> str:
    if not isinstance(vectors, list) or len(vectors) != 3:
        count = len(vectors) if isinstance(vectors, list) else 0
        return f"three texts were sent and {count} embeddings came back"
    first, other, again = vectors
    if not first or len({len(vector) for vector in vectors}) != 1:
        return f"the embeddings have {', '.join(str(len(v)) for v in vectors)} numbers"
    if not all(math.isfinite(number) for vector in vectors for number in vector):
        return "an embedding has a number that is not finite"
    if _distance(first, other) <= _SAME < _distance(first, again):
        return "one text has two embeddings: they come in another order than the texts"
    if (apart := _distance(first, other)) <= _SAME:
        return "two texts of other content have the same embedding"
    if _distance(first, again) > _NEAR * apart:
        return "one text has two embeddings: they are in another order, or not deterministic"
    return ""


def _distance(a: Sequence[float], b: Sequence[float]) -> float:
    length = math.hypot(*a) or 1.0
    return math.dist(a, b) / length


def _find_output_fault(outputs: Any) -> str:
    numbers = list(_numbers(outputs))
    if not numbers:
        return "the answer has no outputs"
    return "" if all(map(math.isfinite, numbers)) else "an output is not finite"


def _numbers(value: Any) -> Sequence[float]:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return ()
    if isinstance(value, int | float):
        return (float(value),)
    if isinstance(value, dict):
        # Of KServe's tensors the numbers alone: their shape is none of them.
        parts = [value["data"]] if "data" in value else list(value.values())
    else:
        parts = value
    return [number for part in parts for number in _numbers(part)]
