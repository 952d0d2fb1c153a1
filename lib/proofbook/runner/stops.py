"""Say what stopped an execution: a cell's exception, a lost kernel, a limit, or the runbook itself.

Knows the words, not the kernel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proofbook.records import Failure
from proofbook.runner.execution import Stop, StopKind
from proofbook.runner.truncation import LARGEST_ERROR, shorten
from proofbook.runs.executed_notebook import plain_text

__all__ = [
    "allowed_exception",
    "cancelled",
    "exited",
    "kernel_lost",
    "kernel_lost_at_end",
    "named_error",
    "raised",
    "timed_out",
]

_LONGEST_CAUSE = 400


def raised(cell: Any, index: int, ename: str, evalue: str, traceback: str) -> Stop:
    """Return the stop of a cell that raised an exception."""
    kind: StopKind = "failed" if ename == "ChecksFailed" else "error"
    failure = _failure(cell, index, ename, plain_text(evalue), plain_text(traceback))
    what = failure.evalue if kind == "failed" else f"{ename}: {failure.evalue}"
    return Stop(kind=kind, cause=_one_line(f"{what} (cell {failure.cell_id})"), failure=failure)


def named_error(reply: Mapping[str, Any], outputs: Sequence[Any]) -> Mapping[str, Any]:
    """Return a kernel's reply with the exception that the cell shows, where the reply names none.

    What drawing a value raised, IPython shows, and the kernel then replies with ``NoneType: None``.
    """
    shown = [output for output in outputs if output.get("output_type") == "error"]
    if reply.get("ename") != type(None).__name__ or not shown:
        return reply
    return {**reply, "ename": shown[-1]["ename"], "evalue": shown[-1]["evalue"]}


def allowed_exception(ename: str) -> str:
    """Return what a cell says that raised, and is tagged so that it may raise anything."""
    return (
        f"[{ename}, as the tag raises-exception allows any; a tag raises:{ename} beside it would "
        "allow no other]\n"
    )


def exited(cell: Any) -> Stop:
    """Return the stop of a cell that asked its kernel to exit before other cells had run."""
    cause = (
        f"the cell called exit(), and the cells after it did not run (cell {cell.get('id')}); "
        "remove the call"
    )
    return Stop(kind="incomplete", cause=cause)


def cancelled(cell: Any, index: int) -> Stop:
    """Return the stop of a run that was cancelled while a cell ran."""
    cause = "the run was cancelled"
    return Stop(kind="cancelled", cause=cause, failure=_failure(cell, index, "Cancelled", cause))


def timed_out(cell: Any, index: int, cause: str) -> Stop:
    """Return the stop of a cell at a limit of time."""
    failure = _failure(cell, index, "TimedOut", cause)
    return Stop(kind="timed_out", cause=f"{cause} (cell {failure.cell_id})", failure=failure)


def kernel_lost(cell: Any, index: int, reason: str) -> Stop:
    """Return the stop of a cell whose kernel died: how, in words."""
    failure = _failure(cell, index, "KernelDied", f"the kernel {reason}")
    cause = f"the kernel {reason} (cell {failure.cell_id})"
    return Stop(kind="crashed", cause=cause, failure=failure)


def kernel_lost_at_end(reason: str) -> Stop:
    """Return the stop of a kernel that died when all cells had run."""
    return Stop(kind="crashed", cause=f"the kernel {reason} after the last cell")


def _failure(cell: Any, index: int, ename: str, evalue: str, traceback: str = "") -> Failure:
    return Failure(
        cell_index=index,
        cell_id=cell.get("id"),
        source=cell.source,
        ename=ename,
        evalue=shorten(evalue, LARGEST_ERROR),
        traceback=shorten(traceback, LARGEST_ERROR),
    )


def _one_line(text: str) -> str:
    return " ".join(text[: 4 * _LONGEST_CAUSE].split())[:_LONGEST_CAUSE]
