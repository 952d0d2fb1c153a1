"""Execute cells in a kernel, notice at once when it dies, and stop at every limit.

An nbclient client with papermill's interface. Knows one execution, not the run around it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import nbformat.v4
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbclient.util import run_hook, run_sync
from nbformat.v4 import output_from_msg

from proofbook.checks.journal import KERNEL, SECRETS, kernel_mark
from proofbook.processes import exit_words
from proofbook.processes.pipes import orphaned_writers
from proofbook.records import Failure
from proofbook.runner import stops
from proofbook.runner.cell_status import CellLedger
from proofbook.runner.execution import Execution, Stop
from proofbook.runner.message_loop import MessageLoopClient, OutputLostError
from proofbook.runner.mimebundles import bundle_size, sound_bundle
from proofbook.runner.output_limits import OutputLimiter, OutputLimits
from proofbook.runner.streams import join_streams
from proofbook.runner.truncation import shorten_error
from proofbook.runs.executed_notebook import MAY_RAISE, RAISES, cell_failure
from proofbook.runs.glued import is_glued

__all__ = ["TruthfulClient"]

_LIMITS = OutputLimits()
_DISPLAYS = ("display_data", "execute_result", "update_display_data")


class TruthfulClient(MessageLoopClient):
    """Runs the cells of one notebook; what stopped it is in ``execution.stop``.

    Options are those of nbclient's client. None of them makes an execution green that is not: an
    exception that ``allow_errors`` or ``allow_error_names`` lets pass still marks its cell and is
    the execution's ``stop``.
    """

    def __init__(self, ledger: CellLedger, execution: Execution, **options: Any) -> None:
        if execution.kernel_manager_class is not None:
            options["kernel_manager_class"] = execution.kernel_manager_class
        if (left := execution.limits.left_for_start()) is not None:
            patience = int(options.get("startup_timeout", 60))
            options["startup_timeout"] = max(1, min(patience, int(left)))
        own_limit = options.pop("timeout_func", None)
        # A flood of output may reach us long after the reply; it is not lost, only late.
        super().__init__(ledger, **{"iopub_timeout": 60, **options})
        self.execution = execution
        self.timeout_func = lambda cell: self._seconds_for(cell, own_limit)
        self.comm_open_handlers[SECRETS] = self._learn_secrets
        self._kept: list[Any] = []
        """Outputs of the running cell that clear_output does not take from the record of it."""
        self._limiters: dict[str, OutputLimiter] = {}
        self._limit: float | None = None
        self._exited: Any = None

    def execute(self, **kwargs: Any) -> Any:
        """Execute the notebook in a kernel that ends with it; ``kwargs`` start the kernel.

        Raises:
            CellTimeoutError: A cell, the job or the run took too long.
            DeadKernelError: The kernel died, or the run was cancelled.
        """
        self.reset_execution_trackers()
        try:
            with self.setup_kernel(**kwargs):
                self.log.info(f"Executing notebook with kernel: {self.kernel_name}")
                information = self.wait_for_reply(self.kc.kernel_info())
                self.nb.metadata["language_info"] = information["content"]["language_info"]
                self.papermill_execute_cells()
                self._refuse_dead_kernel()
                self.set_widgets_metadata()
        except RuntimeError:
            self._call(self.on_notebook_error)
            raise
        finally:
            self._call(self.on_notebook_complete)
        return self.nb

    async def async_start_new_kernel(self, **kwargs: Any) -> None:
        """Start the kernel, and tell it by what it knows itself: children inherit the rest."""
        if kwargs.get("env") is not None:
            key: bytes = self.km.session.key
            kwargs["env"] = {**kwargs["env"], KERNEL: kernel_mark(key)}
        await super().async_start_new_kernel(**kwargs)

    start_new_kernel = run_sync(async_start_new_kernel)

    def papermill_execute_cells(self) -> None:
        """Run cell after cell; stop at the first that does not end well."""
        provisioner = getattr(self.km, "provisioner", None)
        self.execution.kernel = getattr(provisioner, "kind", None) or "ordinary"
        total = len(self.nb.cells)
        for index, cell in enumerate(self.nb.cells):
            if self._is_skipped(cell):
                continue  # it stays "not_run"
            if self._exited is not None and cell.cell_type == "code" and cell.source.strip():
                self.execution.stop = self.execution.stop or stops.exited(self._exited)
                self.nb_man.notebook_exception("Incomplete", self.execution.stop.cause)
                break
            self._limiters.pop("", None)
            self._kept = []
            self.nb_man.cell_start(cell, index)
            self.execution.cell_started(index, total, cell.get("id", ""))
            # JupyterLab tells the kernel with each request; nbclient has no option for it.
            self.kc.session.metadata = {"cellId": cell.get("id", "")}
            try:
                self.execute_cell(cell, index)
            except CellExecutionError as error:
                self._note_exception(cell, index, error)
                self.nb_man.cell_complete(cell, index)
                break
            except (CellTimeoutError, DeadKernelError) as error:
                self._stop_on_loss(cell, index, error)
                raise
            failure = cell_failure(index, cell)
            if failure is not None:
                self._note_failure(cell, index, failure)
            self.nb_man.cell_complete(cell, index)
            if failure is not None and not self._goes_on_after(failure.ename):
                break

    def is_cancelled(self) -> bool:
        """Say whether the run was cancelled."""
        return self.execution.cancelled.is_set()

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Take one message of the kernel; of a flood, the beginning and the end are kept."""
        kind, content = msg["msg_type"], msg["content"]
        self._note_changes(msg, cell_index)
        if kind == "stream" and self.execution.log is not None:
            self.execution.log.write(content["text"], content["name"])
        elif kind in _DISPLAYS:
            if is_glued(content["data"]):
                return self._keep(msg, cell, None)
            content["data"] = sound_bundle(content["data"], _LIMITS.data)
        elif kind == "error":
            content.update(shorten_error(content))
        clears = kind == "clear_output" or self.clear_before_next_output
        output = super().process_message(msg, cell, cell_index)
        if clears:
            here = {id(each) for each in cell.outputs}
            cell.outputs.extend(each for each in self._kept if id(each) not in here)
        if kind == "error":
            output = self._keep(msg, cell, output)
        if kind in (*_DISPLAYS, "stream", "error"):
            self._limit_outputs(msg, cell, cell_index)
        return output

    def _seconds_for(self, cell: Any, own: Callable[[Any], float | None] | None) -> float | None:
        limits = self.execution.limits
        if own is not None:
            limits = replace(limits, cell_timeout=None).with_cell_timeout(own(cell))
        self._limit = limits.cell_timeout
        return limits.remaining()

    def _call(self, hook: Callable[..., Any] | None) -> None:
        if hook is not None:
            run_sync(run_hook)(hook, notebook=self.nb)

    def _is_skipped(self, cell: Any) -> bool:
        return self.skip_cells_with_tag in cell.metadata.get("tags", [])

    def _refuse_dead_kernel(self) -> None:
        if self.execution.stop is not None or self._exited is not None:
            return
        try:
            run_sync(self._async_check_alive)()
        except DeadKernelError:
            self.execution.stop = stops.kernel_lost_at_end(self._death())
            self.nb_man.notebook_exception("KernelDied", self.execution.stop.cause)
            raise

    async def _check_raise_for_error(
        self, cell: Any, cell_index: int, exec_reply: dict[str, Any] | None
    ) -> None:
        content = (exec_reply or {}).get("content", {})
        if any(_is_exit(each) for each in content.get("payload") or ()):
            self._exited = cell
        if content.get("status") != "error":
            return
        content = shorten_error(stops.named_error(content, cell.outputs))
        await super()._check_raise_for_error(cell, cell_index, {**exec_reply, "content": content})  # type: ignore[dict-item]
        tags = cell.metadata.get("tags", [])
        if MAY_RAISE not in tags:
            error = CellExecutionError.from_cell_and_msg(cell, content)
            self._note_exception(cell, cell_index, error)
        elif not any(tag.startswith(RAISES) for tag in tags):
            text = stops.allowed_exception(content["ename"])
            cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text=text))

    def _note_exception(self, cell: Any, index: int, error: CellExecutionError) -> None:
        stop = stops.raised(cell, index, error.ename, error.evalue, str(error.traceback))
        self.execution.stop = self.execution.stop or stop
        self.nb_man.cell_exception(cell, index, exception=error)

    def _goes_on_after(self, ename: str) -> bool:
        """Say whether an option of the client lets the next cell run after this exception."""
        return bool(self.allow_errors) or ename in self.allow_error_names

    def _note_failure(self, cell: Any, index: int, failure: Failure) -> None:
        """Note an exception that the kernel has shown and survived, or one that did not come."""
        parts = failure.traceback, failure.ename, failure.evalue
        self._note_exception(cell, index, CellExecutionError(*parts))

    def _stop_on_loss(self, cell: Any, index: int, error: Exception) -> None:
        # The kernel is dead or does not answer: asking it to end would only take time.
        self.shutdown_kernel = "immediate"
        self.execution.stop = stop = self._describe_loss(cell, index, error)
        if stop.failure is not None:
            self.nb_man.cell_interrupted(cell, index, stop.failure)

    def _describe_loss(self, cell: Any, index: int, error: Exception) -> Stop:
        if self.is_cancelled():
            return stops.cancelled(cell, index)
        if isinstance(error, OutputLostError):
            cause = "the kernel stopped sending output; the cell's record is not whole"
            return stops.timed_out(cell, index, cause)
        if isinstance(error, CellTimeoutError):
            return stops.timed_out(cell, index, self._describe_timeout())
        return stops.kernel_lost(cell, index, self._death())

    def _describe_timeout(self) -> str:
        which = self.execution.limits.exceeded()
        pid = getattr(getattr(self.km, "provisioner", None), "pid", None)
        held = "".join(
            f"; process {each.pid} ({each.command}) still holds a pipe that the cell reads: end it "
            "in the cell, or send its output to a file"
            for each in orphaned_writers(pid or 0)[:1]
        )
        if which == "cell" and self._limit is not None:
            return f"the cell took longer than {self._limit:g} s{held}"
        return f"the {which} took longer than its time limit{held}"

    def _death(self) -> str:
        provisioner = getattr(self.km, "provisioner", None)
        return getattr(provisioner, "exit_reason", "") or exit_words(None)

    def _learn_secrets(self, message: dict[str, Any]) -> None:
        """Take the secrets of the kernel's environment; what it has printed may hold them."""
        values = message["content"]["data"].get("values", {})
        if self.execution.redact.add({str(value): str(name) for value, name in values.items()}):
            self.execution.has_learned = True
            self.nb_man.recorder.changed()

    def _note_changes(self, msg: Mapping[str, Any], cell_index: int) -> None:
        self.nb_man.recorder.changed(cell_index)
        if msg["msg_type"] == "update_display_data":
            for index in self._display_id_map.get(_display_id(msg), {}):
                self.nb_man.recorder.changed(index)

    def _keep(self, msg: dict[str, Any], cell: Any, output: Any) -> Any:
        """Have a record or an exception stay in its cell: a widget would take it, or clear_output.

        ``output`` is what the message became already, if it is in the cell.
        """
        if output is None:
            output = output_from_msg(msg)
            cell.outputs.append(output)
        self._kept.append(output)
        return output

    def _limit_outputs(self, msg: Mapping[str, Any], cell: Any, cell_index: int) -> None:
        hooks = self.output_hook_stack[msg["parent_header"].get("msg_id")]
        outputs, name = (hooks[-1].outputs, hooks[-1].comm_id) if hooks else (cell.outputs, "")
        limiter = self._limiters.setdefault(name, OutputLimiter(_LIMITS))
        content = msg["content"]
        if msg["msg_type"] == "stream":
            join_streams(outputs)
            moves = limiter.limit(outputs, text=len(content["text"]) or 1)
        else:
            moves = limiter.limit(outputs, data=bundle_size(content.get("data", {})) or 1)
        if moves and not hooks:
            for places in self._display_id_map.values():
                kept = [moves[old] for old in places.get(cell_index, ()) if old in moves]
                places[cell_index] = kept


def _display_id(msg: Mapping[str, Any]) -> Any:
    return (msg["content"].get("transient") or {}).get("display_id")


def _is_exit(payload: Mapping[str, Any]) -> bool:
    return payload.get("source") == "ask_exit" and not payload.get("keepkernel")
