"""The client that ``reference:<name>`` stands for in the runbooks on APIs."""

from __future__ import annotations

import json
from pathlib import Path

from proofbook.files import atomic_write
from proofbook.subjects import Makers

__all__ = ["CLIENTS"]


_OPTIONS = {"max_concurrency": 4, "max_retries": 3, "wait_initial": 0.05}
"""What it is asked to keep where a profile says nothing."""

_LOAD_OPTIONS = {"max_concurrency": 10_000, "max_queued": 10_000, "max_retries": 0, "failures": 0}
"""Without a queue, retries, or a circuit that leaves a server alone: load tries the server."""


def _write_client_file(root: Path) -> Path:
    """Write what starts the client, and what it promises; return its path."""
    document = {
        "callable": f"{Path(__file__).with_name('driver.py')}:run", "options": _OPTIONS,
        "load_options": _LOAD_OPTIONS,
        "honours": ["fraction", "milliseconds", "ratelimit"],
    }  # fmt: skip
    path = root / "apis" / "clients" / "client.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, json.dumps(document, indent=2) + "\n")
    return path


CLIENTS: Makers = {"client": _write_client_file}
"""Programs that ask a server."""
