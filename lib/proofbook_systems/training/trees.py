"""Compare what two runs of a training left: every file of both, matched by place, and told.

What differs between two uninterrupted runs is noise of the trainer, such as a time or a path: it
cannot be compared, and that is told, too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from proofbook.errors import SubjectError
from proofbook.files import hash_file
from proofbook_systems.training.comparison import Departure, compare_states, size_words, worst
from proofbook_systems.training.layouts import checkpoint_of, is_temporary, step_in_name
from proofbook_systems.training.log_files import is_log
from proofbook_systems.training.roles import Role, role_of
from proofbook_systems.training.states import OpaqueError, can_read, holds_tensors, read_states

__all__ = [
    "Comparison",
    "Noise",
    "Row",
    "compare_trees",
    "find_noise",
    "is_learnt",
    "list_files",
    "only_saved",
]

Status = Literal["same", "differs", "damaged", "not comparable", "only here", "only there"]
Noise = Mapping[str, frozenset[str] | None]
"""Keys of a file that differ between uninterrupted runs, by its place; None is the whole file."""

_LEARNT = ("weights", "EMA", "optimizer", "step counters")
_VERSION = re.compile(r"(?<=version_)\d+|(?<=events\.out\.tfevents\.)\S+")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One file."""

    place: str
    """In the output folder."""
    role: Role
    status: Status
    words: str = ""
    """What is to be said of it."""
    departure: Departure | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All files of two output folders."""

    rows: list[Row] = field(default_factory=list)

    def having(self, *statuses: Status) -> list[Row]:
        """Return the rows with one of these statuses."""
        return [row for row in self.rows if row.status in statuses]

    @property
    def compared(self) -> int:
        """How many files were compared."""
        return len(self.having("same", "differs"))

    @property
    def compared_weights(self) -> int:
        """How many of these hold what was learnt."""
        rows = self.having("same", "differs")
        return sum(
            row.role in ("weights", "EMA", "other") and holds_tensors(Path(row.place))
            for row in rows
        )

    @property
    def table(self) -> str:
        """One line a file: what became of it."""
        width = max((len(row.place) for row in self.rows), default=0)
        return "\n".join(
            f"{row.place:{width}}  {row.role:17}  {row.status:14}  {row.words}".rstrip()
            for row in self.rows
        )


def list_files(output: Path) -> dict[str, Path]:
    """Return the files below an output folder by their place, without numbers of starts in it."""
    paths = (path for path in output.rglob("*") if path.is_file() and not path.is_symlink())
    files: dict[str, Path] = {}
    for path in sorted(paths, key=lambda path: (path.stat().st_mtime_ns, str(path))):
        files[_VERSION.sub("*", path.relative_to(output).as_posix())] = path
    return dict(sorted(files.items()))


def is_learnt(row: Row) -> bool:
    """Say whether what differs in a file was learnt: one file may hold all that a training has."""
    keys = row.departure.keys if row.departure else ()
    return row.role in _LEARNT or any(role_of(row.place, key) in _LEARNT for key in keys)


def only_saved(comparison: Comparison, learnt: Sequence[Row]) -> str:
    """Say that checkpoints alone differ, and no later weights do; empty where that is not so."""
    steps = [_saved_step(row.place) for row in learnt]
    same = [_saved_step(row.place) for row in comparison.having("same") if row.role == "weights"]
    first = min((step for step in steps if step is not None), default=math.inf)
    if {None, math.inf} & {*steps} or not any(step is not None and step > first for step in same):
        return ""
    return ", and later weights are the same: it was changed while it was saved"


def compare_trees(ours: Path, theirs: Path, noise: Noise | None = None) -> Comparison:
    """Compare every file of two output folders.

    Args:
        ours: The run in question.
        theirs: The one that it should be like.
        noise: What uninterrupted runs differ in, as :func:`find_noise` found it.
    """
    mine, other = list_files(ours), list_files(theirs)
    rows = []
    for place in sorted(mine.keys() | other.keys()):
        role = role_of(place)
        if is_log(place.rpartition("/")[2]):
            rows.append(Row(place=place, role="other", status="not comparable",
                            words="a log: its steps are compared"))  # fmt: skip
        elif place not in other or place not in mine:
            rows.append(_alone(place, role, here=place in mine))
        else:
            known = dict(noise or {}).get(place, frozenset())
            roots = (ours, theirs)
            rows.append(_row(place, role, (mine[place], other[place]), roots, known))
    return Comparison(rows=rows)


def find_noise(comparison: Comparison) -> dict[str, frozenset[str] | None]:
    """Return what two uninterrupted runs differ in, for comparisons with a third one."""
    noise: dict[str, frozenset[str] | None] = {}
    for row in comparison.having("differs"):
        noise[row.place] = frozenset(row.departure.keys) if row.departure else None
    return noise


def _alone(place: str, role: Role, *, here: bool) -> Row:
    half = " (it looks half-written)" if any(map(is_temporary, place.split("/"))) else ""
    status: Status = "only here" if here else "only there"
    return Row(place=place, role=role, status=status, words=f"{status}{half}")


def _row(
    place: str, role: Role, files: tuple[Path, Path], roots: tuple[Path, Path],
    known: frozenset[str] | None,
) -> Row:  # fmt: skip
    ours, theirs = files
    if empty := [path for path in (ours, theirs) if path.stat().st_size == 0 and can_read(path)]:
        return Row(place=place, role=role, status="damaged", words=f"{empty[0]} is empty")
    if ours.stat().st_size == theirs.stat().st_size and hash_file(ours) == hash_file(theirs):
        return Row(place=place, role=role, status="same")
    if known is None:
        return Row(place=place, role=role, status="not comparable",
                   words="differs between two uninterrupted runs")  # fmt: skip
    if not can_read(ours):
        return Row(place=place, role=role, status="differs", words="other bytes")
    try:
        mine, other = (
            _placeless(read_states(file), root) for file, root in zip(files, roots, strict=True)
        )
        departure = compare_states(place, mine, other, known)
    except OpaqueError as error:
        return Row(place=place, role=role, status="differs", words=f"other bytes; {_short(error)}")
    except SubjectError as error:
        return Row(place=place, role=role, status="damaged", words=_short(error))
    return _judged(place, role, departure, len(known))


def _placeless(states: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Return states that do not tell the output folder that they are of, in names and in texts."""
    names = sorted({str(root), str(root.resolve())}, key=len, reverse=True)
    is_root = re.compile(rf"(?:{'|'.join(map(re.escape, names))})(?![\w.-])")
    return {
        is_root.sub("{output_dir}", key): is_root.sub("{output_dir}", value)
        if isinstance(value, str) else value
        for key, value in states.items()
    }  # fmt: skip


def _judged(place: str, role: Role, departure: Departure | None, noisy: int) -> Row:
    """Return a row for two files that can be read: what they were started with does not count."""
    notes = [f"{noisy} values differ between uninterrupted runs and are left out"] if noisy else []
    keys = dict(departure.keys) if departure else {}
    settings = [key for key in keys if role_of(place, key) == "settings"]
    if settings:
        notes.append(f"the settings differ, such as {settings[0]}, and are left out")
    left = {key: by for key, by in keys.items() if key not in settings}
    if not left:
        return Row(place=place, role=role, status="same", words="; ".join(notes))
    departure = worst(place, left)
    words = "; ".join([f"{departure.where} {size_words(departure.by)}", *notes])
    return Row(place=place, role=role, status="differs", words=words, departure=departure)


def _short(error: SubjectError) -> str:
    return " ".join(str(error).split())[:300]


def _saved_step(place: str) -> float | None:
    """Return the step of the checkpoint that a file is in; infinite for a final model's."""
    unit = checkpoint_of(place)
    return math.inf if unit is None else step_in_name(unit.rpartition("/")[2])
