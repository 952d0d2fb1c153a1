"""Printed text as a terminal would show it: pieces joined, progress bars at their last state."""

from __future__ import annotations

from typing import Any

__all__ = ["collapse_returns", "join_streams"]


def join_streams(outputs: list[Any]) -> None:
    """Join the last output to the one before it, where both are text of the same stream."""
    if len(outputs) < 2:
        return
    before, last = outputs[-2], outputs[-1]
    both = before["output_type"] == last["output_type"] == "stream"
    if both and before["name"] == last["name"]:
        before["text"] = collapse_returns(before["text"] + last["text"])
        del outputs[-1]
    elif last["output_type"] == "stream":
        last["text"] = collapse_returns(last["text"])


def collapse_returns(text: str) -> str:
    """Drop what a carriage return has overwritten; one that ends a line stays."""
    if "\r" not in text:
        return text
    return "\n".join(_last_state(line) for line in text.split("\n"))


def _last_state(line: str) -> str:
    ended = line.endswith("\r")
    kept = line.rstrip("\r").rpartition("\r")[2]
    return kept + "\r" if ended else kept
