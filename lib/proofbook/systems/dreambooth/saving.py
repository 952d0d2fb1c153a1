"""Take a snapshot in a moment, and write it while training goes on.

One checkpoint is written at a time; what went wrong is raised at the next one, or at the end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook.systems.dreambooth.checkpoints import Snapshot, write_checkpoint

__all__ = ["Saver", "copied"]


class Saver:
    """Writes checkpoints into a folder, in a thread of its own."""

    def __init__(self, folder: Path, say: Callable[[str], None], step: int) -> None:
        self.step = step
        """The step whose checkpoint was taken last, or that was resumed from."""
        self._folder, self._say = folder, say
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def save(self, snapshot: Snapshot) -> None:
        """Have a snapshot written; waits only for the one before it.

        Raises:
            SubjectError: The one before it could not be written.
        """
        self.finish()
        self.step = snapshot.step
        self._thread = threading.Thread(target=self._write, args=(snapshot,))
        self._thread.start()

    def finish(self) -> None:
        """Wait until everything is written.

        Raises:
            SubjectError: It could not be.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            reason = getattr(error, "strerror", None) or str(error)
            raise SubjectError(
                f"a checkpoint cannot be written to {self._folder}: {reason}; earlier ones are "
                "as they were"
            ) from error

    def _write(self, snapshot: Snapshot) -> None:
        try:
            place = write_checkpoint(self._folder, snapshot)
        except Exception as error:  # noqa: BLE001 - raised again by finish
            self._error = error
        else:
            self._say(f"Saved checkpoint: {place}")


def copied(value: Any) -> Any:
    """Return a copy of a state whose tensors lie in memory and are no one else's."""
    import torch

    if isinstance(value, torch.Tensor):
        found = value.detach()
        return found.cpu() if found.device.type != "cpu" else found.clone()
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(copied(item) for item in value)
    return value
