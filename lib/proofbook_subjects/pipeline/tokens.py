"""Keep a refreshed access token, so that the next process uses it.

The file is this user's alone. It names the token of the environment that it replaces by a hash: a
new token in the environment makes it void.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from proofbook_subjects.pipeline.errors import InputError
from proofbook_subjects.pipeline.settings import Project
from proofbook_subjects.pipeline.storing import partial_file, read_json

__all__ = ["Token", "keep_token", "known_token"]

_FILE = "config/.instagram_token.json"


@dataclass(frozen=True, kw_only=True)
class Token:
    """An access token, and until when it holds."""

    text: str = field(repr=False)
    expires: float = 0.0
    """Unix time; 0 where it is not known."""

    def ends_within(self, seconds: float) -> bool:
        """Say whether it is known to end so soon."""
        return bool(self.expires) and self.expires < time.time() + seconds


def known_token(project: Project, given: str) -> Token:
    """Return the token that replaces the environment's, or that one."""
    path = project.root / _FILE
    try:
        kept = read_json(path, "token") if path.is_file() else {}
    except InputError:
        kept = {}  # what cannot be read is refreshed once more
    text, expires = kept.get("access_token"), kept.get("expires_at", 0.0)
    if kept.get("replaces") != _hash(given) or not isinstance(text, str):
        return Token(text=given)
    return Token(text=text, expires=float(expires))


def keep_token(project: Project, given: str, token: Token) -> None:
    """Write down the token that replaces the environment's.

    Raises:
        StorageError: It cannot be written.
    """
    import json

    path: Path = project.root / _FILE
    document = {"replaces": _hash(given), "access_token": token.text, "expires_at": token.expires}
    with partial_file(path) as beside:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file)


def _hash(given: str) -> str:
    return hashlib.sha256(given.encode()).hexdigest()[:16]
