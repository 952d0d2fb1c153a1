"""Put files into the cluster's object store, each content once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from proofbook.fingerprints import content_of, known_content
from proofbook.runner.executors.cluster.attempt import Sent
from proofbook.runner.executors.pieces import Piece, pieces_of
from proofbook.runner.executors.store import Store
from proofbook.runs.siblings import list_siblings

__all__ = ["Sending"]


class Sending:
    """What a run has sent to its cluster; it stays there while this object lives.

    Args:
        store: What it travels through in place of the cluster's object store.
    """

    def __init__(self, store: Store | None = None) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._sent: dict[str, Sent] = {}

    def beside(self, runbook: Path) -> Sent:
        """Return what is beside a runbook, as its jobs see it."""
        files = list_siblings(runbook)
        marks = [f"{path.name} {_digest(path)}" for path in files]
        digest = hashlib.sha256("\n".join(marks).encode()).hexdigest()
        return self._once(f"beside-{digest}", str(runbook), lambda: _pieces(files))

    def input(self, path: str) -> Sent:
        """Return the path that another job has left."""
        digest = f"input-{known_content(Path(path)).sha256}"  # hashed when it was verified
        return self._once(digest, path, lambda: _pieces([Path(path)]))

    def renew(self) -> None:
        """Store again what the run's own store has lost, for want of which an attempt may fail."""
        with self._lock:
            if self._store is not None:
                self._store.forget()
                self._sent.clear()

    def _once(self, digest: str, name: str, pieces: Callable[[], Iterable[list[Piece]]]) -> Sent:
        import ray

        with self._lock:
            if (key := f"{digest} {name}") not in self._sent:
                bundles: tuple[Any, ...]
                if self._store is None:
                    bundles = tuple(ray.put(bundle) for bundle in pieces())
                else:
                    bundles = self._store.put(pieces())
                self._sent[key] = Sent(name=name, digest=digest, bundles=bundles)
            return self._sent[key]


def _pieces(paths: Iterable[Path]) -> Iterable[list[Piece]]:
    for path in paths:
        yield from pieces_of(path)


def _digest(path: Path) -> str:
    return content_of(path).sha256
