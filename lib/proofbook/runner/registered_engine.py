"""What papermill finds under the name ``proofbook``: the engine, loaded when it is first used.

papermill imports each registered engine while it is being imported, and ours needs papermill.
"""

from __future__ import annotations

from typing import Any

__all__ = ["registered_engine"]


class _RegisteredEngine:
    """Has the members of `proofbook.runner.engine.ProofbookEngine`."""

    def __getattr__(self, name: str) -> Any:
        from proofbook.runner.engine import ProofbookEngine

        return getattr(ProofbookEngine, name)


registered_engine = _RegisteredEngine()
"""Registered under the entry-point group ``papermill.engine``."""
