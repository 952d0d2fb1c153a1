"""Which checkpoints does a trainer make and keep? The newest should be there, or the best.

Knows nothing of crashes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook_systems.training.controls import Control
from proofbook_systems.training.layouts import Checkpoint
from proofbook_systems.training.states import can_read, read_states, recorded_step

__all__ = ["keeps_oldest", "why_left_out"]


def keeps_oldest(control: Control) -> str:
    """Say that the oldest checkpoints stay and all later ones are removed; empty where not.

    One that keeps the best may remove the newest by right: what it calls the best may be the
    oldest. And a file without a number may hold the newest, beside numbered ones.
    """
    written = [step for step in control.saved if step > 0]
    numbered = [each for each in control.checkpoints if each.step > 0]
    left = sorted({each.step for each in numbered})
    if not left or written[-1] in left or written[: len(left)] != left:
        return ""
    others = [each for each in control.checkpoints if each.step < 0]
    if any(_is_newer(each, numbered, written[-1]) for each in others):
        return ""
    if any(_is_called_best(each, control.output) for each in numbered):
        return ""
    return (
        f"checkpoints {', '.join(map(str, left))} stay, and {len(written) - len(left)} later ones "
        f"up to {written[-1]} were removed: a crash costs all steps since {left[-1]}"
    )


def why_left_out(missing: Sequence[int], every: int, output: Path) -> str:
    """Say why saves may be left out by right: a trainer may save only what is better than before.

    Args:
        missing: Steps without a checkpoint, by the usual distance.
        every: The distance that was given; one that is given is promised.
        output: The training's output folder.
    """
    key = next(iter(_keys_of_best(output)), "") if missing and not every else ""
    if not key:
        return ""
    return (
        f"there was none at {', '.join(map(str, missing))}, and {key} is recorded: it may save "
        "only what is better than before; give checkpoint_every"
    )


def _is_newer(other: Checkpoint, numbered: Sequence[Checkpoint], last: int) -> bool:
    """Say whether one without a number is as new as the last that was written."""
    recorded = recorded_step(other.path) if other.path.is_file() else None
    if recorded is not None:
        return recorded >= last
    return _written(other) > max(map(_written, numbered))


def _written(checkpoint: Checkpoint) -> int:
    return max((path.stat().st_mtime_ns for path in checkpoint.files), default=0)


def _is_called_best(checkpoint: Checkpoint, output: Path) -> bool:
    """Say whether its name, or what the trainer records, calls it the best."""
    name = checkpoint.path.name
    if "best" in name.casefold():
        return True
    return any(
        value == checkpoint.step if isinstance(value, int) else Path(str(value)).name == name
        for value in _recorded_as_best(output)
    )


def _recorded_as_best(output: Path) -> Iterator[Any]:
    """Yield what the files of an output folder have under a name such as best_model_checkpoint."""
    for _, value in _best(output):
        if isinstance(value, int | str):
            yield value


def _keys_of_best(output: Path) -> Iterator[str]:
    """Yield the last part of each key, such as best_val_loss, that has a value."""
    for key, value in _best(output):
        if value is not None:
            yield next(part for part in key.split(".") if "best" in part.casefold())


def _best(output: Path) -> Iterator[tuple[str, Any]]:
    for path in sorted(output.rglob("*")):
        if not path.is_file() or not can_read(path):
            continue
        try:
            states = read_states(path)
        except SubjectError:
            continue
        yield from ((key, value) for key, value in states.items() if "best" in key.casefold())
