"""What a run sends to its cluster: each content once, and large ones only to who asks for them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from proofbook.fingerprints import known_content
from proofbook.runner.executors.cluster.exchange import Exchange
from proofbook.runner.executors.cluster.fetching import Sent
from proofbook.runner.executors.cluster.streaming import PIECE
from proofbook.runner.executors.pieces import Piece, pieces_of
from proofbook.runner.executors.store import Store
from proofbook.runs.siblings import list_siblings

__all__ = ["Sender", "Sending"]

_READERS = 4
"""How many machines are sent files at a time."""


class Sender:
    """An actor beside the run, which reads its files for machines that do not reach the run."""

    def send(self, path: str) -> Iterator[list[Piece]]:
        """Yield what is at a path, in pieces."""
        yield from pieces_of(Path(path), largest=PIECE)


class Sending:
    """What a run has sent to its cluster.

    Args:
        here: The options of an actor that is beside the run.
        store: What it travels through in place of the cluster's object store.
        exchange: Where machines fetch outputs that reach this one.
    """

    def __init__(
        self, here: dict[str, Any], store: Store | None = None, exchange: Exchange | None = None
    ) -> None:
        self._here, self._store, self._exchange = here, store, exchange
        self._lock = threading.Lock()
        self._sent: dict[str, Sent] = {}
        self._sender: Any = None

    def prepare(self) -> None:
        """Start what sends outputs, as one will be wanted."""
        with self._lock:
            if self._sender is None and self._store is None:
                import ray

                sender: Any = ray.remote(Sender)
                self._sender = sender.options(max_concurrency=_READERS, **self._here).remote()

    def beside(self, runbook: Path) -> Sent:
        """Return what is beside a runbook, as its jobs see it."""
        files = list_siblings(runbook)
        marks = [f"{path.name} {known_content(path).sha256}" for path in files]
        digest = hashlib.sha256("\n".join(marks).encode()).hexdigest()
        return self._once(f"beside-{digest}", str(runbook), lambda: _pieces(files))

    def input(self, path: str) -> Sent:
        """Return the path that another job has left."""
        content = known_content(Path(path))  # hashed when it was verified
        digest = f"input-{content.sha256}"
        self.prepare()
        if self._sender is not None:
            line = None if self._exchange is None else self._exchange.offer(Path(path))
            return Sent(name=path, digest=digest, content=content, line=line, sender=self._sender)
        sent = self._once(digest, path, lambda: _pieces([Path(path)]))
        return replace(sent, content=content)

    def renew(self) -> None:
        """Store again what the run's own store has lost, for want of which an attempt may fail."""
        with self._lock:
            if self._store is not None:
                self._store.forget()
                self._sent.clear()

    def _once(self, digest: str, name: str, pieces: Callable[[], Iterable[list[Piece]]]) -> Sent:
        with self._lock:
            if (key := f"{digest} {name}") not in self._sent:
                bundles: tuple[Any, ...]
                if self._store is None:
                    import ray

                    bundles = tuple(ray.put(bundle) for bundle in pieces())
                else:
                    bundles = self._store.put(pieces())
                self._sent[key] = Sent(name=name, digest=digest, bundles=bundles)
            return self._sent[key]


def _pieces(paths: Iterable[Path]) -> Iterable[list[Piece]]:
    for path in paths:
        yield from pieces_of(path)
