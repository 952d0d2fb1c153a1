"""Copy a training's state out while the next step is computed, and write it after that.

Nothing of the state changes before the next step's very end: until then it can be copied without
stopping anybody. One checkpoint is written at a time; what went wrong is raised at the next one, or
at the end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook_subjects.dreambooth.checkpoints import Snapshot, write_checkpoint

__all__ = ["Saver", "copied"]


class Saver:
    """Writes checkpoints into a folder, in a thread of its own."""

    def __init__(self, folder: Path, say: Callable[[str], None], step: int) -> None:
        self.step = step
        """The step whose checkpoint was taken last, or that was resumed from."""
        self._folder, self._say = folder, say
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._copied = threading.Event()
        self._copied.set()
        self._kept: Snapshot | None = None

    def reserve(self, snapshot: Snapshot) -> None:
        """Make room for copies of such snapshots ahead of the first: new memory is slow."""
        self.finish()
        self._thread = threading.Thread(target=self._make_room, args=(snapshot,))
        self._thread.start()

    def save(self, snapshot: Snapshot) -> None:
        """Have a snapshot written, whose tensors are still in use; waits for the one before it.

        Raises:
            SubjectError: The one before it could not be written.
        """
        self.finish()
        self.step = snapshot.step
        self._copied.clear()
        self._thread = threading.Thread(target=self._write, args=(snapshot,))
        self._thread.start()

    @property
    def writing(self) -> bool:
        """Whether a checkpoint is not on the disk yet."""
        return self._thread is not None and self._thread.is_alive()

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

    def _make_room(self, snapshot: Snapshot) -> None:
        try:
            weights, states = _room_for(snapshot.weights), _room_for(dict(snapshot.states))
            self._kept = replace(snapshot, weights=weights, states=states)
        except Exception as error:  # noqa: BLE001 - raised again by finish
            self._error = error

    def _write(self, snapshot: Snapshot) -> None:
        try:
            self._kept = _copied_snapshot(snapshot, self._kept)
            self._copied.set()
            place = write_checkpoint(self._folder, self._kept)
        except Exception as error:  # noqa: BLE001 - raised again by finish
            self._error = error
        else:
            self._say(f"Saved checkpoint: {place}")
        finally:
            self._copied.set()


def copied(value: Any, into: Any = None) -> Any:
    """Return a copy of a state whose tensors are in memory and that nothing else uses.

    Args:
        value: Tensors, plain values, and dictionaries and sequences of them.
        into: An earlier copy, which is overwritten where it fits: its memory is there already.
    """
    import torch

    if isinstance(value, torch.Tensor):
        tensor = value.detach()
        if isinstance(into, torch.Tensor) and _same_form(tensor, into):
            return into.copy_(tensor)
        return tensor.to("cpu", copy=True)
    if isinstance(value, dict):
        known = into if isinstance(into, dict) else {}
        return {key: copied(item, known.get(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        fits = isinstance(into, list | tuple) and len(into) == len(value)
        pairs = zip(value, into if fits else [None] * len(value), strict=True)
        return type(value)(copied(item, earlier) for item, earlier in pairs)
    return value


def _copied_snapshot(snapshot: Snapshot, earlier: Snapshot | None) -> Snapshot:
    weights = copied(snapshot.weights, earlier.weights if earlier else None)
    states = copied(dict(snapshot.states), dict(earlier.states) if earlier else None)
    return replace(snapshot, weights=weights, states=states)


def _room_for(value: Any) -> Any:
    """Return a value of the same form whose tensors are there and say nothing."""
    import torch

    if isinstance(value, torch.Tensor):
        return torch.empty_like(value, device="cpu").fill_(0)
    if isinstance(value, dict):
        return {key: _room_for(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_room_for(item) for item in value)
    return value


def _same_form(a: Any, b: Any) -> bool:
    return bool(a.shape == b.shape and a.dtype == b.dtype and b.device.type == "cpu")
