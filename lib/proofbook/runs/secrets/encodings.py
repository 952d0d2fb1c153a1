"""What bytes are in the text of an encoding, whatever is around them there."""

from __future__ import annotations

import base64
from collections.abc import Iterator

__all__ = ["base32_parts", "base64_parts"]


def base64_parts(data: bytes) -> Iterator[str]:
    """Yield what bytes are in base64, at each place in a group of three, whatever is around."""
    for offset in range(3):
        text = base64.b64encode(bytes(offset) + data).decode()
        yield text[-(-8 * offset // 6) : 8 * (offset + len(data)) // 6]


def base32_parts(data: bytes) -> Iterator[str]:
    """Yield what bytes are in base32, at each place in a group of five, whatever is around."""
    for offset in range(5):
        text = base64.b32encode(bytes(offset) + data).decode()
        yield text[-(-8 * offset // 5) : 8 * (offset + len(data)) // 5]
