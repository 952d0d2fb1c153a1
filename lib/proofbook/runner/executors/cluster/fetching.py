"""Bring what was sent to a machine: files beside a runbook, and outputs of other jobs.

A machine keeps what it has received for all attempts of a run. The outputs of others are held
against their hash as they arrive.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proofbook.fingerprints import content_of
from proofbook.records import PathContent
from proofbook.runner.executors.arrival import Arrival
from proofbook.runner.executors.cluster.exchange import Line, fetched
from proofbook.runner.executors.cluster.faults import NotStarted
from proofbook.runner.executors.cluster.streaming import STREAM, read_ahead
from proofbook.runner.executors.landing import Mark
from proofbook.runner.executors.pieces import Piece
from proofbook.runner.executors.protocol import InfrastructureFault
from proofbook.runner.executors.store import Store

__all__ = ["Fetching", "Sent"]

_LOOK_EVERY = 0.1


@dataclass(frozen=True, kw_only=True)
class Sent:
    """Files that a machine may fetch: from the run's machine, or from the run's store."""

    name: str
    """Their path on the run's machine."""
    digest: str
    """What tells them from others: a machine that has them does not fetch them again."""
    bundles: tuple[Any, ...] = field(default=(), repr=False)
    """References to lists of pieces; of a run with a store, pieces that are in it."""
    line: Line | None = None
    """In place of bundles: where the path is offered to who reaches the run."""
    sender: Any = field(default=None, repr=False)
    """The actor that reads the path for who does not."""
    content: PathContent | None = None
    """What has to be there when they have arrived."""


@dataclass(frozen=True, kw_only=True)
class Fetching:
    """What one attempt fetches to its machine."""

    folder: Path
    """Where this machine keeps what belongs to the run."""
    store: Store | None
    mark: Mark
    """What this machine finds where it sees the run's folder."""
    is_cancelled: Callable[[], bool]

    def input(self, sent: Sent) -> Path:
        """Return where an output of another job is on this machine: where it is, if it is seen."""
        path = Path(sent.name)
        # The mark is in a folder of the run folder.
        if path.is_relative_to(self.mark.path.parents[1]) and self.mark.is_seen():
            return path
        return self.fetch(sent) / path.name

    def fetch(self, sent: Sent) -> Path:
        """Return the folder on this machine that holds what was sent; it is fetched at most once.

        Raises:
            InfrastructureFault: Something else has arrived.
            NotStarted: The run was cancelled meanwhile.
        """
        place = self.folder / "received" / sent.digest
        if place.is_dir():
            return place
        place.parent.mkdir(exist_ok=True)
        with self._alone(place.with_name(f"{place.name}.lock")):
            if not place.is_dir():
                new = Path(tempfile.mkdtemp(dir=place.parent))
                try:
                    self._fill(new, sent)
                    new.rename(place)
                finally:
                    shutil.rmtree(new, ignore_errors=True)
        return place

    @contextmanager
    def _alone(self, lock: Path) -> Iterator[None]:
        """Let one attempt of this machine at a time run the block."""
        with lock.open("w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    self._go_on()
                    time.sleep(_LOOK_EVERY)
                else:
                    break
            yield

    def _go_on(self) -> None:
        if self.is_cancelled():
            raise NotStarted("the run was cancelled")

    def _fill(self, new: Path, sent: Sent) -> None:
        with Arrival(new) as arrival:
            for bundle in self._bundles(sent):
                self._go_on()
                arrival.take(bundle)
        if sent.content is not None:
            path = new / Path(sent.name).name
            if content_of(path, hash_of=arrival.hash_of) != sent.content:
                raise InfrastructureFault(f"{sent.name} has arrived with other bytes")

    def _bundles(self, sent: Sent) -> Iterable[list[Piece]]:
        import ray

        if (coming := fetched(sent.line)) is not None:
            return coming
        if sent.sender is not None:
            return read_ahead(sent.sender.send.options(**STREAM).remote(sent.name))
        return map(ray.get, sent.bundles) if self.store is None else self.store.get(sent.bundles)
