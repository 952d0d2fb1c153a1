"""Printed text as a terminal would show it: pieces joined, progress bars at their last state."""

from __future__ import annotations

from typing import Any

__all__ = ["collapse_returns", "join_streams"]


def join_streams(outputs: list[Any]) -> None:
    """Join the last output to the one before it, where both are text of the same stream."""
    if not outputs or outputs[-1]["output_type"] != "stream":
        return
    last = outputs[-1]
    before = outputs[-2] if len(outputs) > 1 else {"output_type": ""}
    if before["output_type"] == "stream" and before["name"] == last["name"]:
        # Nothing that follows can change a line that has ended: what was joined before is not
        # read again, and a flood of small pieces costs no more than its size.
        ended, newline, line = before["text"].rpartition("\n")
        before["text"] = ended + newline + collapse_returns(line + last["text"])
        del outputs[-1]
    else:
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
