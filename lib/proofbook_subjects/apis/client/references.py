"""The client that ``reference:<name>`` stands for in the runbooks on APIs."""

from __future__ import annotations

from pathlib import Path

from proofbook.subjects import Makers

__all__ = ["CLIENTS"]


def _driver(_root: Path) -> Path:
    return Path(__file__).with_name("driver.py")


CLIENTS: Makers = {"client": _driver}
"""Programs that ask a server."""
