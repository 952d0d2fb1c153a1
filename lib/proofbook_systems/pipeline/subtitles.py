"""Read subtitles, SubRip or WebVTT, as cues: when something is said. Knows no scripts."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["read_cues"]

_TIMES = re.compile(
    r"^\s*(?:(\d+):)?(\d{1,2}):(\d{1,2})[,.](\d{1,3})\s*-->"
    r"\s*(?:(\d+):)?(\d{1,2}):(\d{1,2})[,.](\d{1,3})"
)
_VOICE = re.compile(r"<v(?:\.[\w.]+)?\s+([^>]+)>")
_TAG = re.compile(r"</?[^>]+>|\{\\[^}]*\}")


def read_cues(text: str) -> list[dict[str, Any]]:
    """Return the cues: start, end, text, and the voice where one is named.

    Their numbers count cues and not lines, and are left out.

    Raises:
        ValueError: There is no cue, or one ends before it starts.
    """
    cues: list[dict[str, Any]] = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        lines = block.splitlines()
        for place, line in enumerate(lines):
            if times := _TIMES.match(line):
                cues.append(_cue(times, "\n".join(lines[place + 1 :]), len(cues) + 1))
                break
    if not cues:
        raise ValueError("it has no line with two times, 00:00:01,000 --> 00:00:02,500")
    return cues


def _cue(times: re.Match[str], text: str, number: int) -> dict[str, Any]:
    start, end = _seconds(*times.groups()[:4]), _seconds(*times.groups()[4:])
    if end < start:
        raise ValueError(f"cue {number} ends at {end:.3f} s and starts at {start:.3f} s")
    voice = _VOICE.search(text)
    return {
        "start": start, "end": end, "character": voice.group(1).strip() if voice else "",
        "text": " ".join(_TAG.sub("", text).split()),
    }  # fmt: skip


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str) -> float:
    whole = 3600 * int(hours or 0) + 60 * int(minutes) + int(seconds)
    return whole + int(fraction) / 10.0 ** len(fraction)
