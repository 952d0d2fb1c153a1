"""Short digests, by which kept results are told from stale ones."""

from __future__ import annotations

import hashlib

__all__ = ["digest"]


def digest(*parts: bytes | str) -> str:
    """Digest parts of which none can run into the next."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(f"{len(data)}:".encode())
        whole.update(data)
    return whole.hexdigest()[:16]
