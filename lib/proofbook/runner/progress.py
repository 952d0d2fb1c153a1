"""Show a run as it happens: each job, its cell, elapsed and expected time.

A live table on a terminal, plain lines elsewhere. Of a plan that is longer than the terminal is
high, the table has what runs, what ended last, and counts of the rest.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proofbook.records import Outcome, RunInfo
from proofbook.runner.events import CellStarted, Event, JobEnded, JobStarted, Note
from proofbook.terminal import as_shown
from proofbook.values import count_noun

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["Progress"]

_STYLES = {
    "passed": "green",
    "failed": "red",
    "error": "red",
    "timed_out": "red",
    "crashed": "red",
    "cancelled": "yellow",
    "skipped": "yellow",
    "incomplete": "yellow",
}
_HEADINGS = ("job", "state", "cell", "elapsed", "expected", "")
_OTHER_LINES = 4
"""Lines of a terminal that are not rows of the table: title, headings, counts, note."""


@dataclass(kw_only=True, slots=True)
class _Row:
    state: str = "waiting"
    cell: str = ""
    begun: float | None = None
    seconds: float | None = None
    cause: str = ""


class Progress:
    """Follows one run.

    Args:
        console: Where to show it.
        expected: Seconds that a job took the last time it passed, by job id.
    """

    def __init__(self, console: Console, expected: Mapping[str, float]) -> None:
        self._console = console
        self._expected = expected
        self._rows: dict[str, _Row] = {}
        self._running: dict[str, None] = {}
        self._ended: deque[str] = deque(maxlen=console.height)
        self._counts: Counter[str] = Counter()
        self._note = ""
        self._lock = threading.Lock()

    @contextmanager
    def showing(self, info: RunInfo, done: Mapping[str, Outcome]) -> Iterator[None]:
        """Show the run until it is over."""
        for job in info.plan:
            kept = done.get(job.id)
            state = f"{kept.status} (kept)" if kept else "waiting"
            self._rows[job.id] = _Row(state=state, seconds=kept.seconds if kept else None)
            self._counts[state] += 1
        jobs = count_noun(len(info.plan), "job")
        self._console.print(f"[bold]{info.run_id}[/bold]: {jobs}, {info.slots} at a time")
        if not self._console.is_terminal:
            yield
            return
        from rich.live import Live

        with Live(get_renderable=self._table, console=self._console, refresh_per_second=5):
            yield

    def handle(self, event: Event) -> None:
        """Take an event, from any thread."""
        match event:
            case JobStarted():
                with self._lock:
                    self._change(event.job, "running")
                    self._running[event.job] = None
                    self._rows[event.job].begun = time.monotonic()
            case CellStarted():
                with self._lock:
                    cell = f"{event.index + 1}/{event.total} {event.cell}"
                    self._rows[event.job].cell = cell
            case JobEnded():
                self._end(event.outcome)
            case Note():
                self._note = event.text
                if event.text and not self._console.is_terminal:
                    self._print(f"            {event.text}")

    def _end(self, outcome: Outcome) -> None:
        with self._lock:
            row = self._change(outcome.job, outcome.status)
            row.seconds, row.cause = outcome.seconds, outcome.cause
            self._running.pop(outcome.job, None)
            self._ended.append(outcome.job)
        if not self._console.is_terminal:
            took = f" in {outcome.seconds:.1f} s" if outcome.seconds is not None else ""
            why = f": {outcome.cause}" if outcome.cause else ""
            self._print(f"{outcome.status:>10}  {outcome.job}{took}{why}")

    def _change(self, job: str, state: str) -> _Row:
        row = self._rows[job]
        self._counts.subtract([row.state])
        self._counts[state] += 1
        row.state, row.cell = state, ""
        return row

    def _print(self, line: str) -> None:
        self._console.print(as_shown(line), markup=False, highlight=False, soft_wrap=True)

    def _table(self) -> Table:
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=None, pad_edge=False, caption_justify="left")
        for heading in _HEADINGS:
            table.add_column(
                heading, justify="right" if heading in ("elapsed", "expected") else "left"
            )
        with self._lock:
            shown = list(self._shown())
            for job in shown:
                row = self._rows[job]
                style = _STYLES.get(row.state.partition(" ")[0], "dim" if row.begun is None else "")
                table.add_row(
                    job,
                    f"[{style}]{row.state}[/{style}]" if style else row.state,
                    escape(as_shown(row.cell)),
                    _seconds(self._elapsed(row)),
                    _seconds(self._expected.get(job)),
                    escape(as_shown(row.cause)),
                )
            counts = self._count_words() if len(shown) < len(self._rows) else ""
        table.caption = escape(as_shown("\n".join(line for line in (counts, self._note) if line)))
        return table

    def _shown(self) -> Iterable[str]:
        """Return the jobs of the table, at a cost that does not grow with the plan."""
        room = max(1, self._console.height - _OTHER_LINES)
        if len(self._rows) <= room:
            return self._rows
        running = list(self._running)[:room]
        recent = list(self._ended)[-(room - len(running)) :] if room > len(running) else []
        return [*recent, *running]

    def _count_words(self) -> str:
        counted = ", ".join(f"{number} {state}" for state, number in self._counts.items() if number)
        return f"{count_noun(len(self._rows), 'job')}: {counted}"

    def _elapsed(self, row: _Row) -> float | None:
        if row.seconds is not None or row.begun is None:
            return row.seconds
        return time.monotonic() - row.begun


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"
