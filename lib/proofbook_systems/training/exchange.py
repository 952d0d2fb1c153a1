"""Exchange one part of a checkpoint for that of another step, such as its optimizer alone.

A part is what a file holds of one role. Exchanged values are of the right shapes and types, as the
same trainer has written them. Files are opened without running code of their own.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.training.layouts import Checkpoint
from proofbook_systems.training.roles import Role, role_of
from proofbook_systems.training.states import OpaqueError, read_states

__all__ = ["PROBED", "Part", "exchange", "list_parts"]

PROBED: tuple[Role, ...] = (
    "weights", "EMA", "order of the data", "random numbers", "optimizer", "step counters",
    "scheduler",
)  # fmt: skip
"""Roles whose values show in the next steps, or must not show in them."""
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".tar")


class Part(NamedTuple):
    """What one file of a checkpoint holds of one role."""

    role: Role
    place: str
    """The file, in the checkpoint; ``.`` is a checkpoint that is a file."""
    whole: bool
    """Whether the file holds nothing else."""

    @property
    def words(self) -> str:
        """As a message calls it."""
        return self.role if self.place == "." else f"{self.role} ({self.place})"


def list_parts(checkpoint: Checkpoint, donor: Path) -> list[Part]:
    """Return the parts of a checkpoint that can be exchanged for those of ``donor``."""
    parts = []
    for path in checkpoint.files:
        place = path.relative_to(checkpoint.path).as_posix()
        other = donor / place
        if not other.is_file() or path.read_bytes() == other.read_bytes():
            continue
        name = checkpoint.path.name if place == "." else place
        roles = _roles(path, name)
        whole = len(roles) == 1
        readable = path.suffix.lower() in (*_PICKLES, ".npz")
        parts += [Part(role, place, whole) for role in PROBED if role in roles
                  and (whole or readable)]  # fmt: skip
    return sorted(parts, key=lambda part: PROBED.index(part.role))


def exchange(checkpoint: Path, donor: Path, part: Part) -> None:
    """Put the donor's part into a checkpoint.

    Raises:
        SubjectError: One of the files cannot be read, or is not of the same structure.
    """
    mine, other = checkpoint / part.place, donor / part.place
    if part.whole:
        shutil.copyfile(other, mine)
        return
    name = checkpoint.name if part.place == "." else part.place
    try:
        if mine.suffix.lower() == ".npz":
            _exchange_arrays(mine, other, name, part.role)
        else:
            _exchange_pickle(mine, other, name, part.role)
    except Exception as error:
        raise SubjectError(f"{part.words} cannot be exchanged: {error}") from error


def _roles(path: Path, name: str) -> Sequence[Role]:
    try:
        states = read_states(path)
    except OpaqueError:
        return [role_of(name)]
    except SubjectError:
        return []
    return sorted({role_of(name, key) for key in states} - {"progress", "settings", "other"})


def _exchange_pickle(mine: Path, other: Path, name: str, role: Role) -> None:
    import torch

    own, theirs = (
        torch.load(path, map_location="cpu", weights_only=True) for path in (mine, other)
    )
    torch.save(_merged(own, theirs, name, role, ""), mine)


def _exchange_arrays(mine: Path, other: Path, name: str, role: Role) -> None:
    import numpy as np

    with np.load(mine, allow_pickle=False) as own, np.load(other, allow_pickle=False) as theirs:
        merged = {
            key: theirs[key] if role_of(name, key) == role and key in theirs.files else own[key]
            for key in own.files
        }
    np.savez(mine, **merged)


def _merged(own: Any, theirs: Any, name: str, role: Role, key: str) -> Any:
    """Return a nested value with the donor's leaves wherever they are of the role."""
    if isinstance(own, dict) and isinstance(theirs, dict):
        merged = type(own)()
        for each, value in own.items():
            place = f"{key}.{each}" if key else str(each)
            merged[each] = (
                _merged(value, theirs[each], name, role, place) if each in theirs else value
            )
        return merged
    if type(own) in (list, tuple) and type(own) is type(theirs) and len(own) == len(theirs):
        pairs = zip(own, theirs, strict=True)
        return type(own)(
            _merged(a, b, name, role, f"{key}.{n}" if key else str(n))
            for n, (a, b) in enumerate(pairs)
        )
    return theirs if role_of(name, key) == role else own
