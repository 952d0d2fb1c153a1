"""A run that asks, and a key to sign with."""

from __future__ import annotations

from reviewed_run import key, key_file, run

__all__ = ["key", "key_file", "run"]
