"""The data of a display: one value for each media type, made sound and small enough to be saved.

Knows nothing about messages or cells.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["bundle_size", "sound_bundle"]

_PLAIN = "text/plain"


def bundle_size(data: Mapping[str, Any]) -> int:
    """Return how many characters a bundle takes in a notebook."""
    return sum(_size(value) for value in data.values())


def sound_bundle(data: Mapping[str, Any], largest: int) -> dict[str, Any]:
    """Return a bundle that a notebook may hold, of at most about ``largest`` characters.

    Notebook format 4 has JSON for media types that say so, and text for all others: a value of
    another kind becomes its JSON text. What is too large is left out and named in ``text/plain``,
    the largest first.
    """
    sound = {media_type: _sound(media_type, value) for media_type, value in data.items()}
    sizes = {media_type: _size(value) for media_type, value in sound.items()}
    gone: list[str] = []
    while sizes and sum(sizes.values()) > largest:
        worst = max(sizes, key=lambda each: sizes[each])
        gone.append(f"{worst}, {sizes.pop(worst) / 1e6:.1f} MB")
        del sound[worst]
    if gone:
        note = f"[left out here: {', '.join(gone)}]"
        sound[_PLAIN] = "\n".join(filter(None, (str(sound.get(_PLAIN, "")), note)))
    return sound


def _sound(media_type: str, value: Any) -> Any:
    if _is_json(media_type) or isinstance(value, str) or _is_lines(value):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _is_json(media_type: str) -> bool:
    is_application = media_type.startswith("application/")
    return is_application and (media_type == "application/json" or media_type.endswith("+json"))


def _is_lines(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(line, str) for line in value)


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(json.dumps(value, default=str))
