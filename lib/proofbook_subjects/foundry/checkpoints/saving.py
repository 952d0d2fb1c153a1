"""Write checkpoints while the training goes on.

Weights and optimizer change only at the end of a step: until the next one's end they can be copied
without stopping anybody, and the copy is written after that. One checkpoint is written at a time;
what went wrong is raised at the next one, or at the end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.checkpoints.folders import remove_old, write_checkpoint
from proofbook_subjects.foundry.checkpoints.snapshots import Snapshot, copied_snapshot, room_for

__all__ = ["Saver"]


class Saver:
    """Writes checkpoints into a folder, in a thread of its own."""

    def __init__(
        self,
        folder: Path,
        say: Callable[[str], None],
        *,
        keep: int | None = None,
        background: bool = True,
    ) -> None:
        self._folder, self._say, self._keep = folder, say, keep
        self._background = background
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._copied = threading.Event()
        self._copied.set()
        self._kept: Snapshot | None = None
        self.last: tuple[int, int] | None = None
        """Step and passes of the checkpoint that was handed over last."""

    def reserve(self, snapshot: Snapshot) -> None:
        """Have memory ready for copies of such snapshots, ahead of the first."""
        if self._background:
            self._start(self._make_room, snapshot)

    def save(self, snapshot: Snapshot) -> None:
        """Have a snapshot written, whose tensors are still in use; waits for the one before it.

        Raises:
            SubjectError: It, or the one before it, could not be written.
        """
        self.finish()
        self.last = (snapshot.step, snapshot.passes)
        self._copied.clear()
        self._start(self._write, snapshot)
        if not self._background:
            self.finish()

    def release(self) -> None:
        """Wait until what was handed over may change."""
        self._copied.wait()

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

    def _start(self, work: Callable[[Snapshot], None], snapshot: Snapshot) -> None:
        self.finish()
        self._thread = threading.Thread(target=self._guarded, args=(work, snapshot))
        self._thread.start()

    def _guarded(self, work: Callable[[Snapshot], None], snapshot: Snapshot) -> None:
        try:
            work(snapshot)
        except Exception as error:  # noqa: BLE001 - raised again by finish
            self._error = error
        finally:
            self._copied.set()

    def _make_room(self, snapshot: Snapshot) -> None:
        self._kept = room_for(snapshot)

    def _write(self, snapshot: Snapshot) -> None:
        if self._background:
            snapshot = self._kept = copied_snapshot(snapshot, self._kept)
        self._copied.set()
        place = write_checkpoint(self._folder, snapshot)
        self._say(f"Saved checkpoint: {place}")
        for path in remove_old(self._folder, self._keep):
            self._say(f"Removed checkpoint: {path}")
