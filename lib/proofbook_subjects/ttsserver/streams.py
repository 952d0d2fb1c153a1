"""The event stream of a generation: its state at once, then about every second, until it ends."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator

from proofbook_subjects.ttsserver.faults import Fault, Faults
from proofbook_subjects.ttsserver.store import Row, Store

__all__ = ["Streams"]

_INTERVAL = 1.0
_TERMINAL = ("completed", "failed")


class Streams:
    """Makes the streams, and counts them, as some of them are to break."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store, self._faults = store, faults
        self._opened: Counter[str] = Counter()

    async def events(self, generation_id: str) -> AsyncIterator[str]:
        """Yield the lines of one stream."""
        self._opened[generation_id] += 1
        first = self._opened[generation_id] == 1
        while True:
            row = self._store.find("generations", id=generation_id)
            if row is None:
                yield _line({"id": generation_id, "status": "not_found"})
                return
            fault = self._faults.of(row["engine"], row["model_size"] or "")
            self._refuse(fault, generation_id)
            if first and fault.kind == "malformed":
                yield 'data: {"id": "' + generation_id + '", "status": "gener\n\n'
            first = False
            yield _line(_state(row))
            if row["status"] in _TERMINAL:
                return
            await asyncio.sleep(_INTERVAL)

    def _refuse(self, fault: Fault, generation_id: str) -> None:
        if fault.kind == "dropped" and self._opened[generation_id] <= fault.value:
            raise ConnectionResetError("the stream breaks off (a fault on demand)")


def _state(row: Row) -> Row:
    duration = row["duration"] if row["status"] == "completed" else None
    return {
        "id": row["id"],
        "status": row["status"],
        "duration": duration,
        "error": row["error"],
        "source": "generation",
    }


def _line(state: Row) -> str:
    return f"data: {json.dumps(state)}\n\n"
