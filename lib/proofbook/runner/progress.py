"""Show a run as it happens: each job, its cell, elapsed and expected time.

A live table on a terminal, plain lines elsewhere. Told from several threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proofbook.records import Outcome, RunInfo
from proofbook.runner.execution import CellProgress

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


@dataclass(kw_only=True)
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
        self._note = ""
        self._lock = threading.Lock()

    @contextmanager
    def showing(self, info: RunInfo, done: Mapping[str, Outcome]) -> Iterator[None]:
        """Show the run until it is over."""
        for job in info.plan:
            kept = done.get(job.id)
            self._rows[job.id] = _Row(
                state=f"{kept.status} (kept)" if kept else "waiting",
                seconds=kept.seconds if kept else None,
            )
        self._console.print(
            f"[bold]{info.run_id}[/bold]: {len(info.plan)} jobs, {info.slots} at a time"
        )
        if not self._console.is_terminal:
            yield
            return
        from rich.live import Live

        with Live(get_renderable=self._table, console=self._console, refresh_per_second=5):
            yield

    def started(self, job: str) -> None:
        """A job has begun."""
        with self._lock:
            row = self._rows[job]
            row.state, row.begun = "running", time.monotonic()

    def cell(self, job: str, progress: CellProgress) -> None:
        """A job has come to another cell."""
        with self._lock:
            self._rows[job].cell = f"{progress.index + 1}/{progress.total} {progress.id}"

    def ended(self, outcome: Outcome) -> None:
        """A job has ended."""
        with self._lock:
            row = self._rows[outcome.job]
            row.state, row.seconds, row.cell = outcome.status, outcome.seconds, ""
            row.cause = outcome.cause
        if not self._console.is_terminal:
            took = f" in {outcome.seconds:.1f} s" if outcome.seconds is not None else ""
            why = f": {outcome.cause}" if outcome.cause else ""
            self._console.print(
                f"{outcome.status:>10}  {outcome.job}{took}{why}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )

    def note(self, text: str) -> None:
        """Something about the whole run."""
        self._note = text
        if text and not self._console.is_terminal:
            self._console.print(
                f"            {text}", markup=False, highlight=False, soft_wrap=True
            )

    def _table(self) -> Table:
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=None, pad_edge=False, caption=self._note, caption_justify="left")
        for heading in ("job", "state", "cell", "elapsed", "expected", ""):
            table.add_column(
                heading, justify="right" if heading in ("elapsed", "expected") else "left"
            )
        with self._lock:
            for job, row in self._rows.items():
                style = _STYLES.get(row.state.partition(" ")[0], "dim" if row.begun is None else "")
                table.add_row(
                    job,
                    f"[{style}]{row.state}[/{style}]" if style else row.state,
                    escape(row.cell),
                    _seconds(self._elapsed(row)),
                    _seconds(self._expected.get(job)),
                    escape(row.cause),
                )
        return table

    def _elapsed(self, row: _Row) -> float | None:
        if row.seconds is not None or row.begun is None:
            return row.seconds
        return time.monotonic() - row.begun


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"
