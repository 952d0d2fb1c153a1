"""The papermill engine ``proofbook``: executes cells, and records only what is true of them.

What papermill's own engine gets wrong and this one does not: a cell that never ran is
``not_run``, not ``completed``; a dead kernel and a time-out leave their mark in the notebook; a
runbook without its finish record does not end green, nor does one whose records tell of a failure
that nobody raised. Usable as ``papermill --engine proofbook``.
"""

from __future__ import annotations

from typing import Any

from papermill.engines import Engine
from papermill.log import logger

from proofbook.errors import Incomplete
from proofbook.runner.cell_status import CellLedger
from proofbook.runner.client import TruthfulClient
from proofbook.runner.destinations import Destination, find_destination
from proofbook.runner.execution import Execution
from proofbook.runner.injection import refuse_other_parameters
from proofbook.runner.recording import NotebookRecorder, write_nowhere, write_to
from proofbook.runs.glued import broken_end, glued_records, unproven

__all__ = ["ProofbookEngine"]

_AUTOSAVE_SECONDS = 30
"""What papermill's command passes where nobody has asked for another interval."""

_START_OPTIONS = ("cwd", "env")
"""Options of the kernel's start; all others are the client's."""

_UNHEARD = "finish() came too early to say so, or was kept from it by a try"

_DROPPED = ("input_path", "startup_timeout")
"""What papermill passes and no client takes, and what has another name here."""


class ProofbookEngine(Engine):  # type: ignore[misc]
    """What `registered_engine` stands for among papermill's engines."""

    @classmethod
    def execute_notebook(
        cls,
        nb: Any,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool | dict[str, Any] = True,
        log_output: bool = False,
        autosave_cell_every: float = _AUTOSAVE_SECONDS,
        start_timeout: int = 60,
        execution_timeout: float | None = None,
        execution: Execution | None = None,
        **options: Any,
    ) -> Any:
        """Execute a parameterised notebook in a kernel that ends with it, and return it.

        ``options`` are those of nbclient's client, ``cwd`` and ``env``. While a cell runs, a local
        file is saved as often as it costs little, unless another interval than papermill's default
        is asked for.

        Raises:
            nbclient.exceptions.CellTimeoutError: A cell, the job or the run took too long.
            nbclient.exceptions.DeadKernelError: The kernel died, or the run was cancelled.
            Incomplete: Checks never finished, a cell exited before the last, or records tell more.
            UsageError: A cell of an earlier execution's parameters would undo those asked for.
        """
        refuse_other_parameters(nb)
        execution = execution or Execution()
        options = {name: value for name, value in options.items() if name not in _DROPPED}
        limit = execution_timeout or options.pop("timeout", None)
        execution.limits = execution.limits.with_cell_timeout(limit)
        start = {name: options.pop(name) for name in _START_OPTIONS if name in options}
        recorder = _open_recorder(nb, execution, output_path, autosave_cell_every)
        ledger = CellLedger(nb, recorder=recorder, progress_bar=progress_bar, log_output=log_output)
        client = TruthfulClient(
            ledger,
            execution,
            kernel_name=kernel_name,
            startup_timeout=start_timeout,
            log=logger,
            log_output=log_output,
            **options,
        )
        ledger.notebook_start()
        try:
            client.execute(**{**start, **execution.kernel_options()})
        finally:
            ledger.notebook_complete()
        _refuse_unfinished(ledger, nb, execution)
        # Plain papermill saves what it gets.
        return recorder.without_secrets() if output_path else nb


def _open_recorder(
    nb: Any, execution: Execution, output_path: str | None, every: float
) -> NotebookRecorder:
    if execution.notebook_path:
        nb.metadata.papermill["input_path"] = execution.notebook_path
    if not execution.saving:
        destination = Destination(write_nowhere, True)
    elif execution.notebook is not None:
        destination = Destination(write_to(execution.notebook), True)
    else:
        destination = find_destination(output_path)
    is_default = destination.is_local and every == _AUTOSAVE_SECONDS
    return NotebookRecorder(
        nb,
        destination.write,
        execution.redact,
        every=None if is_default else every,
        each_step=not destination.is_local,
    )


def _refuse_unfinished(ledger: CellLedger, nb: Any, execution: Execution) -> None:
    """Raise where papermill would take for a success what is none."""
    stop = execution.stop
    if stop is not None and stop.kind == "incomplete":
        raise Incomplete(stop.cause)
    # For papermill a SystemExit of 0 ends a notebook well.
    failure = stop.failure if stop is not None else None
    exits_well = (
        failure is not None and failure.ename == "SystemExit" and failure.evalue in ("", "0")
    )
    begun = any(record.kind == "begin" for record in glued_records(nb.cells))
    if not begun or not (stop is None or exits_well):
        return
    end, advice = broken_end(nb.cells), "call checks.finish() in the last code cell, and only there"
    if cause := end or unproven(nb.cells):
        ledger.notebook_exception("Incomplete", cause)
        ledger.recorder.save()
        raise Incomplete(f"{cause}; {advice if end else _UNHEARD}")
