"""Run all rows, strictly one after the other, so that none costs another.

After a row that did not pass, the server is brought into a state in which it can work: its queue
is cancelled, and where the server does not heed that, or has ended, it is started again; where it
does not come back, the next row says so.

A row that may have failed for its predecessor is run once more on a fresh server, as a control: one
that does not pass right after a row that did not, one whose time ran out before the server is known
to have begun with it, and one during which a server ended that had spoken another row before. A row
that the server refused, or that fails on the fresh server too, failed by itself; the same failure
is not tried again, so that ten failures are not nine restarts.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from proofbook.errors import SubjectError
from proofbook_systems.ttsserver.client import ServerError
from proofbook_systems.ttsserver.config import MOST_RERUNS
from proofbook_systems.ttsserver.contract import TERMINAL
from proofbook_systems.ttsserver.matrix import Row
from proofbook_systems.ttsserver.rows import RowOptions, RowResult, run_row
from proofbook_systems.ttsserver.server import SpeechServer
from proofbook_systems.ttsserver.voices import Voices

__all__ = ["RowOptions", "run_rows"]

_HEED_SECONDS = 5.0
"""How long the server may take to give up a cancelled generation."""
_PAUSE = 0.1
_LONGEST_PAUSE = 1.0
_VARYING = re.compile(r"[\d.]+")
"""What may differ between two failures that are the same."""


def run_rows(
    server: SpeechServer, rows: Sequence[Row], voices: Voices, options: RowOptions
) -> Iterator[RowResult]:
    """Run each row and yield its result as soon as it is there; what it left is cleared after that.

    Nothing that the server does ends this: each fault costs the row that it happens to.
    """
    state = _State(server, voices, options)
    for row in rows:
        result = state.run(row)
        yield result
        state.recover(result)


@dataclass
class _State:
    """What is known of the server between two rows."""

    server: SpeechServer
    voices: Voices
    options: RowOptions
    before: RowResult | None = None
    """The row before, where it did not pass and the server was not started again since."""
    fresh: bool = True
    """Whether no row has been run since the last start."""
    last: str = ""
    """The row that was run last."""
    lost: str = ""
    """Why the server did not come back; empty while it is there."""
    carries_over: bool = False
    """Whether a failure is known to spoil the next row: then the server is started after each."""
    reruns: int = 0
    given: dict[str, str] = field(default_factory=dict)
    """The row of each generation since the last start."""
    own_failures: set[str] = field(default_factory=set)
    """Failures that a fresh server had, too."""

    def run(self, row: Row) -> RowResult:
        """Run a row, and run it again on a fresh server where another may be to blame."""
        if self.lost and not self._restart(f"before {row.name}: {self.lost}"):
            return RowResult(
                row=row, error=f"the server does not come back: {self.lost}",
                server_log_tail=self.server.tail(), refused=True,
            )  # fmt: skip
        was_fresh, last = self.fresh, self.last
        ended = "" if was_fresh else self.server.exited()
        if ended and self._restart(f"before {row.name}: {ended}"):
            result = self._run(row)
            result.paid_for = f"{row.name}: {ended} before it began, after {last} had passed"
            return result
        result = self._run(row)
        suspect = "" if result.passed or was_fresh else self._suspect(result, last)
        if not suspect:
            return result
        if _kind(result) in self.own_failures:
            result.notes.append("another row failed alike on a fresh server: not run again")
            return result
        if self.reruns >= MOST_RERUNS:
            result.notes.append(f"{suspect}; not run again, as {self.reruns} rows were")
            return result
        return self._run_again(result, suspect)

    def recover(self, result: RowResult) -> None:
        """Bring the server back after a row that did not pass."""
        if result.passed or self.lost:
            self.before = None
            return
        why = self.server.exited() or (result.frozen and f"it is frozen ({result.frozen})")
        if not why and not result.over:
            why = self._free(result)
        if not why and (fault := self.server.find_fault()):
            why = f"the server is not healthy: {fault}"
        if not why and self.carries_over and not result.refused:
            why = "this server is known to spoil the row after one that failed"
        self.before = None if why or result.refused else result
        if why and self._restart(f"after {result.row.name}: {why}"):
            result.notes.append(f"the server was started again, as {why}")

    def _run(self, row: Row) -> RowResult:
        result = run_row(self.server, row, self.voices, self.options)
        self.fresh, self.last = False, row.name
        self._refuse_known(result)
        return result

    def _refuse_known(self, result: RowResult) -> None:
        """Fail a row for which the server has given the generation of another one."""
        number = result.generation_id
        if number is None or self.given.setdefault(number, result.row.name) == result.row.name:
            return
        fault = f"the server gave it generation {number}, which is that of {self.given[number]}"
        result.error = f"{fault}; {result.error}" if result.error else fault
        result.status = "failed"
        result.server_log_tail = result.server_log_tail or self.server.tail()

    def _suspect(self, result: RowResult, last: str) -> str:
        """Return who else may be to blame for a row that did not pass; empty where nobody is.

        Args:
            result: The row's.
            last: The row before it.
        """
        if result.refused:
            return ""
        if self.before is not None:
            return f"it may have paid for {self.before.row.name}, which did not pass"
        if self.server.exited():
            when = "before it took it" if result.generation_id is None else "while it ran"
            return f"the server ended {when}, which {last} may have caused, after it had passed"
        if result.may_have_waited:
            return "it may have waited behind what an earlier row had left"
        return ""

    def _run_again(self, first: RowResult, suspect: str) -> RowResult:
        self.reruns += 1
        after_failure = self.before is not None
        if not self._restart(f"{first.row.name}: {suspect}"):
            first.notes.append(f"it was not run again: {self.lost}")
            return first
        result = self._run(first.row)
        result.run_again = True
        result.notes.insert(0, f"run again on a fresh server; the first time: {first.error}")
        if result.passed:
            result.paid_for = f"{first.row.name}: {first.error}; {suspect}"
            self.carries_over = self.carries_over or after_failure
        else:
            self.own_failures.add(_kind(result))
        return result

    def _free(self, result: RowResult) -> str:
        """Cancel what a row has left in the queue; return why that failed, or nothing."""
        if result.generation_id is None:
            return "it is not known what the row has left in its queue"
        try:
            self.server.client.cancel(result.generation_id)
        except ServerError as error:
            return f"the row cannot be cancelled ({error})"
        started, pause = time.monotonic(), _PAUSE
        while time.monotonic() - started < _HEED_SECONDS:
            if self._is_over(result.generation_id):
                result.notes.append(f"cancelled in {time.monotonic() - started:.1f} s")
                return ""
            time.sleep(pause)
            pause = min(1.5 * pause, _LONGEST_PAUSE)
        return f"the server did not heed the cancellation within {_HEED_SECONDS:g} s"

    def _is_over(self, generation_id: str) -> bool:
        """Ask the event stream, which begins with the present state."""
        try:
            for event in self.server.client.status_events(generation_id, timeout=_HEED_SECONDS):
                return getattr(event, "status", "") in TERMINAL
        except ServerError:
            return False
        return False

    def _restart(self, why: str) -> bool:
        """Start the server again; return whether it came back."""
        try:
            self.server.restart(why)
        except SubjectError as error:
            self.lost = str(error)
            return False
        self.voices.create(self.server.client)
        self.lost, self.fresh, self.before, self.given = "", True, None, {}
        return True


def _kind(result: RowResult) -> str:
    """Return what two results have in common that failed alike."""
    return f"{result.status}: {_VARYING.sub('', result.error or '')}"
