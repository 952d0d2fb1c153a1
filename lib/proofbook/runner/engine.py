"""The papermill engine ``proofbook``: executes cells, and records only what is true of them.

What papermill's own engine gets wrong and this one does not: a cell that never ran is
``not_run``, not ``completed``; a dead kernel and a time-out leave their mark in the notebook; a
runbook without its finish record does not end green. Usable as ``papermill --engine proofbook``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from papermill.engines import Engine

from proofbook.errors import Incomplete
from proofbook.runner.cell_status import CellLedger
from proofbook.runner.client import TruthfulClient
from proofbook.runner.execution import Execution
from proofbook.runner.recording import NotebookRecorder
from proofbook.runs.glued import broken_end, glued_records

__all__ = ["ProofbookEngine"]


class ProofbookEngine(Engine):  # type: ignore[misc]
    """Registered under the entry-point group ``papermill.engine``."""

    @classmethod
    def execute_notebook(
        cls,
        nb: Any,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool | dict[str, Any] = True,
        log_output: bool = False,
        autosave_cell_every: int = 30,
        start_timeout: int = 60,
        execution_timeout: float | None = None,
        stdout_file: Any = None,
        stderr_file: Any = None,
        execution: Execution | None = None,
        **kwargs: Any,
    ) -> Any:
        """Execute a parameterised notebook in a kernel that ends with it, and return it.

        Raises:
            nbclient.exceptions.CellTimeoutError: A cell, the job or the run took too long.
            nbclient.exceptions.DeadKernelError: The kernel died, or the run was cancelled.
            Incomplete: All cells ran, but checks were begun and never finished.
        """
        execution = execution or Execution()
        execution.limits = execution.limits.with_cell_timeout(execution_timeout)
        ledger = _open_ledger(nb, execution, output_path, progress_bar, log_output)
        client = TruthfulClient(
            ledger,
            execution,
            kernel_name=kernel_name,
            startup_timeout=start_timeout,
            log_output=log_output,
            stdout_file=stdout_file,
            stderr_file=stderr_file,
        )
        ledger.notebook_start()
        try:
            client.execute(**execution.kernel_options())
        finally:
            ledger.notebook_complete()
        if execution.stop is None and (cause := _unfinished(nb)):
            ledger.notebook_exception("Incomplete", cause)
            raise Incomplete(f"{cause}; call checks.finish() in the last code cell, and only there")
        # Plain papermill saves what it gets.
        return ledger.recorder.without_secrets() if output_path else nb


def _open_ledger(
    nb: Any,
    execution: Execution,
    output_path: str | None,
    progress_bar: bool | dict[str, Any],
    log_output: bool,
) -> CellLedger:
    if execution.notebook_path:
        nb.metadata.papermill["input_path"] = execution.notebook_path
    path = execution.notebook or (Path(output_path) if output_path else None)
    recorder = NotebookRecorder(nb, path if execution.saving else None, execution.redact)
    return CellLedger(nb, recorder=recorder, progress_bar=progress_bar, log_output=log_output)


def _unfinished(nb: Any) -> str:
    """Return why checks that were begun in the notebook have not ended with it."""
    begun = any(record.kind == "begin" for record in glued_records(nb.cells))
    return broken_end(nb.cells) if begun else ""
