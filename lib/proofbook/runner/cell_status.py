"""The state of every cell in the notebook's own metadata, in papermill's format.

Replaces papermill's execution manager, which calls every cell ``completed`` in the end.
"""

from __future__ import annotations

from typing import Any

import dateutil.parser
import nbformat.v4
from papermill.engines import NotebookExecutionManager

from proofbook.records import Failure
from proofbook.runner.recording import NotebookRecorder

__all__ = ["CellLedger"]


class CellLedger(NotebookExecutionManager):  # type: ignore[misc]
    """Keeps ``metadata.papermill`` of notebook and cells true, and saves through a recorder."""

    # papermill's name for "has not run yet", which it later turns into "completed"
    PENDING = "not_run"
    INTERRUPTED = "interrupted"

    def __init__(self, nb: Any, *, recorder: NotebookRecorder, **kwargs: Any) -> None:
        self.recorder = recorder
        super().__init__(nb, **kwargs)

    def save(self, **kwargs: Any) -> None:
        """Save at the start or end of a cell; :meth:`notebook_complete` saves in any case."""
        self.recorder.save_step()

    def autosave_cell(self) -> None:
        """Save while a cell runs, if it is time; never raises."""
        self.recorder.autosave()

    def cell_start(self, cell: Any, cell_index: int | None = None, **kwargs: Any) -> None:
        """Mark a cell as running."""
        self.recorder.changed(int(cell_index or 0))
        super().cell_start(cell, cell_index, **kwargs)

    def cell_complete(self, cell: Any, cell_index: int | None = None, **kwargs: Any) -> None:
        """Mark a cell as completed, unless it failed."""
        self.recorder.changed(int(cell_index or 0))
        super().cell_complete(cell, cell_index, **kwargs)

    def cell_exception(self, cell: Any, cell_index: int | None = None, **kwargs: Any) -> None:
        """Mark a cell as failed: its code raised."""
        self.recorder.changed(int(cell_index or 0))
        super().cell_exception(cell, cell_index, **kwargs)

    def cell_interrupted(self, cell: Any, cell_index: int, failure: Failure) -> None:
        """Mark a cell as interrupted by what happened to its kernel, and say so in its output."""
        end = self.now()
        state = cell.metadata.papermill
        state.update(status=self.INTERRUPTED, exception=True, end_time=end.isoformat())
        if state.get("start_time"):
            begun = dateutil.parser.parse(state["start_time"])
            state["duration"] = (end - begun).total_seconds()
        if cell.cell_type == "code":
            cell.outputs.append(
                nbformat.v4.new_output(
                    "error",
                    ename=failure.ename,
                    evalue=failure.evalue,
                    traceback=[f"{failure.ename}: {failure.evalue}"],
                )
            )
        self.recorder.changed(cell_index)
        self.notebook_exception(failure.ename, failure.evalue)

    def notebook_exception(self, ename: str, evalue: str) -> None:
        """Mark the whole notebook as not successful; :meth:`notebook_complete` saves it."""
        self.nb.metadata.papermill["exception"] = True
        self.nb.metadata.papermill["exception_cause"] = f"{ename}: {evalue}"

    def notebook_complete(self, **kwargs: Any) -> None:
        """Close the book and save. A cell that never ran stays ``not_run``."""
        self.end_time = self.now()
        state = self.nb.metadata.papermill
        state["end_time"] = self.end_time.isoformat()
        state["duration"] = (self.end_time - self.start_time).total_seconds()
        self.cleanup_pbar()
        self.recorder.save()
