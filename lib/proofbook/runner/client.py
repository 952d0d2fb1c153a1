"""Execute cells in a kernel, notice at once when it dies, and stop at every limit.

An nbclient client with papermill's interface. Knows one execution, not the run around it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import nbformat.v4
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient

from proofbook.checks.journal import KERNEL, SECRETS, kernel_mark
from proofbook.processes import exit_words
from proofbook.records import Failure
from proofbook.runner.cell_status import CellLedger
from proofbook.runner.execution import Execution, Stop, StopKind
from proofbook.runner.streams import join_streams
from proofbook.runs.executed_notebook import plain_text

__all__ = ["TruthfulClient"]

_POLL_SECONDS = 0.1
# More output in one cell than anyone reads: the notebook keeps the beginning, the log the rest.
_LARGEST_STREAM = 1_000_000
_LARGEST_DISPLAY = 32_000_000
_MOST_OUTPUTS = 2_000


class TruthfulClient(PapermillNotebookClient):  # type: ignore[misc]
    """Runs the cells of one notebook; what stopped it is in ``execution.stop``."""

    def __init__(self, ledger: CellLedger, execution: Execution, **kwargs: Any) -> None:
        # A flood of output may reach us long after the reply; it is not lost, only late.
        options: dict[str, Any] = {"iopub_timeout": 60}
        if execution.kernel_manager_class is not None:
            options["kernel_manager_class"] = execution.kernel_manager_class
        if (left := execution.limits.remaining()) is not None:
            patience = int(kwargs.get("startup_timeout", 60))
            kwargs["startup_timeout"] = max(1, min(patience, int(left)))
        super().__init__(ledger, **options, **kwargs)
        self.execution = execution
        self.timeout_func = lambda cell: execution.limits.remaining()
        self._streamed = 0
        self._displayed = 0
        self.comm_open_handlers[SECRETS] = self._learn_secrets

    async def async_start_new_kernel(self, **kwargs: Any) -> None:
        """Start the kernel, and tell it by what it knows itself: children inherit the rest."""
        if kwargs.get("env") is not None:
            key: bytes = self.km.session.key
            kwargs["env"] = {**kwargs["env"], KERNEL: kernel_mark(key)}
        await super().async_start_new_kernel(**kwargs)

    def papermill_execute_cells(self) -> None:
        """Run cell after cell; stop at the first that does not end well."""
        provisioner = getattr(self.km, "provisioner", None)
        self.execution.kernel = getattr(provisioner, "kind", "ordinary")
        total = len(self.nb.cells)
        for index, cell in enumerate(self.nb.cells):
            if self.skip_cells_with_tag in cell.metadata.get("tags", []):
                continue  # it stays "not_run"
            self._streamed = self._displayed = 0
            self.nb_man.cell_start(cell, index)
            self.execution.cell_started(index, total, cell.get("id", ""))
            try:
                self.execute_cell(cell, index)
            except CellExecutionError as error:
                self._stop_on_exception(cell, index, error)
                break
            except (CellTimeoutError, DeadKernelError) as error:
                self._stop_on_loss(cell, index, error)
                raise
            self.nb_man.cell_complete(cell, index)

    def _stop_on_exception(self, cell: Any, index: int, error: CellExecutionError) -> None:
        kind: StopKind = "failed" if error.ename == "ChecksFailed" else "error"
        trace = plain_text(str(error.traceback))
        failure = _failure(cell, index, error.ename, plain_text(error.evalue), trace)
        what = failure.evalue if kind == "failed" else f"{error.ename}: {failure.evalue}"
        self.execution.stop = Stop(
            kind=kind, cause=_one_line(f"{what} (cell {failure.cell_id})"), failure=failure
        )
        self.nb_man.cell_exception(cell, index, exception=error)
        self.nb_man.cell_complete(cell, index)

    def _stop_on_loss(self, cell: Any, index: int, error: Exception) -> None:
        # The kernel is dead or does not answer: asking it to end would only take time.
        self.shutdown_kernel = "immediate"
        self.execution.stop = stop = self._describe_loss(cell, index, error)
        if stop.failure is not None:
            self.nb_man.cell_interrupted(cell, index, stop.failure)

    def _describe_loss(self, cell: Any, index: int, error: Exception) -> Stop:
        if self.execution.cancelled.is_set():
            failure = _failure(cell, index, "Cancelled", "the run was cancelled")
            return Stop(kind="cancelled", cause="the run was cancelled", failure=failure)
        if isinstance(error, CellTimeoutError):
            if "IOPub" in str(error):
                cause = "the kernel stopped sending output; the cell's record is not whole"
            else:
                cause = self._describe_timeout()
            failure = _failure(cell, index, "TimedOut", cause)
            return Stop(
                kind="timed_out", cause=f"{cause} (cell {failure.cell_id})", failure=failure
            )
        provisioner = getattr(self.km, "provisioner", None)
        reason = getattr(provisioner, "exit_reason", "") or exit_words(None)
        failure = _failure(cell, index, "KernelDied", f"the kernel {reason}")
        cause = f"the kernel {reason} (cell {failure.cell_id})"
        return Stop(kind="crashed", cause=cause, failure=failure)

    def _describe_timeout(self) -> str:
        which = self.execution.limits.exceeded()
        if which == "cell":
            return f"the cell took longer than {self.execution.limits.cell_timeout:g} s"
        return f"the {which} took longer than its time limit"

    async def _async_poll_kernel_alive(self) -> None:
        """Watch the kernel while a cell runs; nbclient looks once a second, this ten times."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            self.nb_man.autosave_cell()
            dead = not await self.kc._async_is_alive()
            if dead or self.execution.cancelled.is_set():
                assert self.task_poll_for_reply is not None
                self.task_poll_for_reply.cancel()
                return

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Take one message of the kernel; more output than a notebook can hold is left out."""
        self._note_changes(msg, cell_index)
        if msg["msg_type"] == "stream" and self.execution.log is not None:
            self.execution.log.write(msg["content"]["text"], msg["content"]["name"])
        if self._is_too_much(msg, cell):
            return None
        output = super().process_message(msg, cell, cell_index)
        if msg["msg_type"] == "stream":
            join_streams(cell.outputs)
        return output

    def _learn_secrets(self, message: dict[str, Any]) -> None:
        """Take the secrets of the kernel's environment; what it has printed may hold them."""
        values = message["content"]["data"].get("values", {})
        if self.execution.redact.add({str(value): str(name) for value, name in values.items()}):
            self.execution.has_learned = True
            self.nb_man.recorder.changed()

    def _note_changes(self, msg: dict[str, Any], cell_index: int) -> None:
        self.nb_man.recorder.changed(cell_index)
        if msg["msg_type"] == "update_display_data":
            shown = msg["content"].get("transient", {}).get("display_id")
            for index in self._display_id_map.get(shown, {}):
                self.nb_man.recorder.changed(index)

    def _is_too_much(self, msg: dict[str, Any], cell: Any) -> bool:
        if msg["msg_type"] not in ("stream", "display_data", "execute_result"):
            return False
        is_stream = msg["msg_type"] == "stream"
        size = len(msg["content"]["text"]) if is_stream else _size(msg["content"]["data"])
        before = self._streamed if is_stream else self._displayed
        limit = _LARGEST_STREAM if is_stream else _LARGEST_DISPLAY
        crowded = not is_stream and len(cell.outputs) >= _MOST_OUTPUTS
        if before + size <= limit and not crowded:
            if is_stream:
                self._streamed += size
            else:
                self._displayed += size
            return False
        if before < limit:
            self._mark_cut(cell, is_stream)
            if is_stream:
                self._streamed = limit
            else:
                self._displayed = limit
        return True

    def _mark_cut(self, cell: Any, is_stream: bool) -> None:
        what = "printed more than 1 MB" if is_stream else "displayed too much"
        note = f"\n[this cell {what}; the rest is left out here]\n"
        cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text=note))


def _failure(cell: Any, index: int, ename: str, evalue: str, traceback: str = "") -> Failure:
    return Failure(
        cell_index=index,
        cell_id=cell.get("id"),
        source=cell.source,
        ename=ename,
        evalue=evalue,
        traceback=traceback,
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:400]


def _size(data: dict[str, Any]) -> int:
    return sum(len(v) for v in data.values() if isinstance(v, str))
