"""What may be written into a journal, by whom, and until when.

The records of one execution come from the process that began them, each name once, and none after
the finish. What is refused is written down as a fault, since the one who asked may not listen.
Outside of a run, a cell that is run again takes back what it has written, and the finish goes with
it: one check can be changed without running the others. Knows nothing about what is checked.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from proofbook.checks.cells import after_this_cell, current_cell, tell_of_cells
from proofbook.checks.exceptions import describe
from proofbook.checks.journal import Journal
from proofbook.checks.unawaited import lost_futures, unbegun_coroutines
from proofbook.checks.unseen import unwatch, watch
from proofbook.errors import RunbookStopped, UsageError
from proofbook.records import (
    AnyRecord,
    Check,
    Evidence,
    Fault,
    Finish,
    Identity,
    Output,
    Question,
)
from proofbook.values import printable

__all__ = ["Ledger"]

_LONGEST_FAULT = 1000

Named = Check | Evidence | Identity | Output | Question
_Name = tuple[str, str]
"""Kind and name of a record."""


class Ledger:
    """The records of one execution, from begin to finish."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.records: list[AnyRecord] = []
        """What is written, in order."""
        self._counts: Counter[str] = Counter()
        self._names: dict[_Name, str] = {}
        """The cell of each name that is taken."""
        self._refused: set[tuple[_Name, str]] = set()
        """The names that cells were refused, as another cell has them."""
        self._finished = False
        self._process = os.getpid()
        self._lock = threading.RLock()
        watch(self)
        if journal.interactive:
            tell_of_cells(self.take_back)

    @property
    def faults(self) -> list[str]:
        """What went wrong beside the checks."""
        return [record.what for record in self.records if isinstance(record, Fault)]

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
                self._reopen("finish() was called already; it belongs in the last cell")
            # Counted first: one that cannot be written is missed by whoever reads the finish.
            self._counts[record.kind] += 1
            self._append(record, scrap)

    def _append(self, record: Any, scrap: str) -> None:
        placed = record.model_copy(update={"cell": current_cell()})
        self.journal.write(placed, scrap)
        self.records.append(placed)

    def write_once(self, record: Named, scrap: str = "") -> None:
        """Write a record whose name no other of its kind may have.

        Raises:
            UsageError: Another one has it, or the finish is written already.
        """
        key, cell = (record.kind, record.name), current_cell()
        with self._lock:
            if key in self._names:
                raise UsageError(self._refuse_name(key, cell))
            self.write(record, scrap or f"{record.kind}/{record.name}")
            self._names[key] = cell

    def take_back(self, cell: str) -> None:
        """Remove what a cell has written, as it begins to run again.

        A name that was refused to it because of another cell, which may be deleted by now, becomes
        free too.
        """
        with self._lock:
            freed = {key for key, refused in self._refused if refused == cell}
            self._refused = {each for each in self._refused if each[1] != cell}
            self._drop(lambda key, of: of == cell or key in freed)

    def free_name(self, kind: str, name: str) -> str:
        """Return ``name``, or ``name-2``, ``name-3``, …: the first that none of this kind has."""
        numbers = itertools.count(2)
        free = name
        while (kind, free) in self._names:
            free = f"{name}-{next(numbers)}"
        return free

    def note_fault(self, what: str) -> None:
        """Write down what went wrong beside the checks, at any time and in any process."""
        text = printable(" ".join(what.split()))[:_LONGEST_FAULT]
        fault = Fault(what=text, cell=current_cell())
        if os.getpid() == self._process:  # in a forked one the lock may be held for ever
            with self._lock:
                self.records.append(fault)
                self._counts[fault.kind] += 1
        with contextlib.suppress(OSError):  # on a full disk the finish's counts tell of it
            self.journal.write(fault, f"fault/{len(self.faults)}")

    def finish(self, namespace: Mapping[str, Any]) -> None:
        """Write the finish record; after it, nothing is written but what still goes wrong.

        That is watched until the cell has ended, with the threads that Python would wait for, and
        what the event loop was to do by then is done.

        Args:
            namespace: The variables of the notebook.

        Raises:
            UsageError: It was written already, or this is not the thread that cells run in.
        """
        if threading.current_thread() is not threading.main_thread():
            name = threading.current_thread().name
            raise UsageError(f"finish() was called by thread {name}; it belongs in the last cell")
        self._note_lost(namespace)
        with self._lock:
            if self._finished:
                self._reopen("finish() was called twice; it belongs in the last cell alone")
            self._finished = True
            self._append(Finish(counts=dict(+self._counts)), "proofbook/finish")
        after_this_cell(lambda: self._note_lost(namespace), self._end_watch)

    def _note_lost(self, namespace: Mapping[str, Any]) -> None:
        """Write down, once, what was never awaited."""
        for what in (*unbegun_coroutines(namespace), *lost_futures()):
            if printable(what) not in self.faults:
                self.note_fault(what)

    def _end_watch(self) -> None:
        with self._lock:
            if self._finished:  # outside of a run, another cell may have taken it back
                unwatch(self)

    def _reopen(self, refusal: str) -> None:
        """Take the finish back, as there is more to write.

        Raises:
            UsageError: Never in a run: ``refusal``.
        """
        if not self.journal.interactive:
            raise UsageError(refusal)
        self._drop(lambda key, cell: key[0] == "finish")

    def _refuse_name(self, name: _Name, cell: str) -> str:
        """Return why a name is refused, and outside of a run, how to replace the record."""
        kind, text = name
        refusal = f"two {_plural(kind)} are called {text!r}; give each its own name"
        other = self._names[name]
        if not self.journal.interactive or not cell or other in ("", cell):
            return refusal
        self._refused.add((name, cell))
        return f"{refusal}, or run this cell again to replace that of cell {other}"

    def _drop(self, is_gone: Callable[[_Name, str], bool]) -> None:
        """Remove records, by name and cell, and with any of them the finish; the begin stays."""

        def is_dropped(name: _Name, cell: str) -> bool:
            return name[0] != "begin" and (name[0] == "finish" or is_gone(name, cell))

        if not any(is_gone(_name(r), r.cell) for r in self.records if r.kind != "begin"):
            return
        self.journal.remove(
            lambda line: is_dropped((line["kind"], line.get("name", "")), line.get("cell", ""))
        )
        dropped = [each for each in self.records if is_dropped(_name(each), each.cell)]
        self.records = [each for each in self.records if not is_dropped(_name(each), each.cell)]
        self._counts -= Counter(each.kind for each in dropped if each.kind != "finish")
        for each in dropped:
            self._names.pop(_name(each), None)
        if self._finished:
            self._finished = False
            watch(self)


def _name(record: AnyRecord) -> _Name:
    return record.kind, getattr(record, "name", "")


def _plural(kind: str) -> str:
    irregular = {"identity": "subjects", "evidence": "pieces of evidence"}
    return irregular.get(kind, f"{kind}s")
