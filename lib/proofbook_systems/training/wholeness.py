"""Is a checkpoint whole? It has the files that the others have, and each can be read.

What a checkpoint of one trainer has to have is found out from those of a training left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.training.layouts import Checkpoint, find_checkpoints
from proofbook_systems.training.states import OpaqueError, can_read, read_states

__all__ = ["common_files", "is_whole", "newest_whole"]


def common_files(checkpoints: Iterable[Checkpoint]) -> frozenset[str]:
    """Return the files that every checkpoint has; single files are called by their ending."""
    each = [_names(checkpoint) for checkpoint in checkpoints]
    return frozenset(set.intersection(*each)) if each else frozenset()


def is_whole(checkpoint: Checkpoint, files: Iterable[str]) -> bool:
    """Say whether a checkpoint has ``files``, and can be read."""
    there = checkpoint.files
    return bool(there) and set(files) <= _names(checkpoint) and all(map(_is_readable, there))


def newest_whole(output: Path, pattern: str, files: Iterable[str]) -> Path | None:
    """Return the newest whole checkpoint in an output folder; None where there is none.

    Args:
        output: The folder.
        pattern: Of the checkpoints' places in it; empty recognises them.
        files: What each must have.
    """
    wanted = frozenset(files)
    listed = reversed(find_checkpoints(output, pattern))
    return next((each.path for each in listed if is_whole(each, wanted)), None)


def _is_readable(path: Path) -> bool:
    if not can_read(path):
        return True
    try:
        if path.stat().st_size == 0:
            return False
        read_states(path)
    except FileNotFoundError:
        return False  # it was removed a moment ago
    except OpaqueError:
        return True  # its author's own format: nothing of it can be seen
    except SubjectError:
        return False
    return True


def _names(checkpoint: Checkpoint) -> set[str]:
    if checkpoint.path.is_file():
        return {checkpoint.path.suffix}
    return {path.relative_to(checkpoint.path).as_posix() for path in checkpoint.files}
