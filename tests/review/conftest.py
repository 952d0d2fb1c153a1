"""A run that asks, a key to sign with, and a server with its pages."""

from __future__ import annotations

from reviewed_run import key, key_file, run
from served import open_page, serve

__all__ = ["key", "key_file", "open_page", "run", "serve"]
