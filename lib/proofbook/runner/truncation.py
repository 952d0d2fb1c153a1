"""Shorten a text in the middle: its beginning and its end say the most.

Knows nothing about where the text comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["LARGEST_ERROR", "shorten", "shorten_error"]

LARGEST_ERROR = 20_000
"""Characters of an exception's message, and of its traceback, that a person may still read."""

_LARGEST_NAME = 200


def shorten(text: str, largest: int) -> str:
    """Return a text of about ``largest`` characters: beginning, a note of what is gone, end."""
    if len(text) <= largest:
        return text
    half = largest // 2
    note = f"\n[{len(text) - 2 * half:,} characters left out here]\n"
    return text[:half] + note + text[-half:]


def shorten_error(content: Mapping[str, Any], largest: int = LARGEST_ERROR) -> dict[str, Any]:
    """Return a kernel's account of an exception, with its message and traceback shortened."""
    traceback = [str(line) for line in content.get("traceback") or ()]
    if sum(map(len, traceback)) > largest:
        traceback = [shorten("\n".join(traceback), largest)]
    return {
        **content,
        "ename": shorten(str(content.get("ename", "")), _LARGEST_NAME),
        "evalue": shorten(str(content.get("evalue", "")), largest),
        "traceback": traceback,
    }
