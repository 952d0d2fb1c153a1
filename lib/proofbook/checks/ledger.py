"""What may be written into a journal, by whom, and until when.

The records of one execution come from the process that began them, each name once, and none after
the finish. What is refused is written down as a fault, since the one who asked may not listen.
Knows nothing about what is checked.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

from proofbook.checks.journal import Journal
from proofbook.checks.unseen import describe, lost_tasks, unwatch, watch
from proofbook.errors import RunbookStopped, UsageError
from proofbook.records import Check, Evidence, Fault, Finish, Identity, Output, Question
from proofbook.values import printable

__all__ = ["Ledger"]

_LONGEST_FAULT = 1000

Named = Check | Evidence | Identity | Output | Question


class Ledger:
    """The records of one execution, from begin to finish."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.faults: list[str] = []
        self._counts: Counter[str] = Counter()
        self._names: set[tuple[str, str]] = set()
        self._finished = False
        self._process = os.getpid()
        self._lock = threading.RLock()
        watch(self)

    @contextlib.contextmanager
    def telling(self, call: str) -> Iterator[None]:
        """Write down that a call was refused if it raises, whoever catches that."""
        try:
            if os.getpid() != self._process:
                raise UsageError(
                    f"process {os.getpid()} may not: checks belong to the process that began them, "
                    f"{self._process}; return the value to it"
                )
            yield
        except RunbookStopped:
            raise
        except BaseException as error:
            self.note_fault(f"{call} was refused: {describe(error)}")
            raise

    def write(self, record: Any, scrap: str) -> None:
        """Write a record.

        Raises:
            UsageError: The finish is written already.
        """
        with self._lock:
            if self._finished:
                raise UsageError("finish() was called already; it belongs in the last cell")
            # Counted first: one that cannot be written is missed by whoever reads the finish.
            self._counts[record.kind] += 1
            self.journal.write(record, scrap)

    def write_once(self, record: Named, scrap: str = "") -> None:
        """Write a record whose name no other of its kind may have.

        Raises:
            UsageError: Another one has it, or the finish is written already.
        """
        key = (record.kind, record.name)
        with self._lock:
            if key in self._names:
                raise UsageError(
                    f"two {_plural(record.kind)} are called {record.name!r}; give each its own name"
                )
            self.write(record, scrap or f"{record.kind}/{record.name}")
            self._names.add(key)

    def free_name(self, kind: str, name: str) -> str:
        """Return ``name``, or ``name-2``, ``name-3``, …: the first that none of this kind has."""
        numbers = itertools.count(2)
        free = name
        while (kind, free) in self._names:
            free = f"{name}-{next(numbers)}"
        return free

    def note_fault(self, what: str) -> None:
        """Write down what went wrong beside the checks, at any time and in any process."""
        fault = Fault(what=printable(" ".join(what.split()))[:_LONGEST_FAULT])
        if os.getpid() == self._process:  # in a forked one the lock may be held for ever
            with self._lock:
                self.faults.append(fault.what)
                self._counts[fault.kind] += 1
        with contextlib.suppress(OSError):  # on a full disk the finish's counts tell of it
            self.journal.write(fault, f"fault/{len(self.faults)}")

    def finish(self) -> None:
        """Write the finish record; nothing is written after it.

        Raises:
            UsageError: It was written already, or this is not the thread that cells run in.
        """
        if threading.current_thread() is not threading.main_thread():
            name = threading.current_thread().name
            raise UsageError(f"finish() was called by thread {name}; it belongs in the last cell")
        for what in lost_tasks():
            self.note_fault(what)
        unwatch(self)
        with self._lock:
            if self._finished:
                raise UsageError("finish() was called twice; it belongs in the last cell alone")
            self._finished = True
            self.journal.write(Finish(counts=dict(self._counts)), "proofbook/finish")


def _plural(kind: str) -> str:
    irregular = {"identity": "subjects", "evidence": "pieces of evidence"}
    return irregular.get(kind, f"{kind}s")
