"""Databases that cannot be used: no database at all, cut short, and not to be written to."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from proofbook_systems.pipeline.databases.baselines import Baseline
from proofbook_systems.pipeline.databases.contents import Content, differences
from proofbook_systems.pipeline.databases.snapshots import SIDE_FILES
from proofbook_systems.pipeline.databases.subject import Subject
from proofbook_systems.pipeline.databases.telling import unclear
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.stages import StageRun, run_stage

__all__ = ["try_damage", "try_read_only"]

_BROKEN = r"corrupt|malformed|not a database|damaged|broken|invalid|cannot be (read|opened)"
_READ_ONLY = r"read.?only|permission|denied|not writ|cannot (be )?writ"
_WRITE_VERSION = 18
"""The byte of the header that says which version may write; above 2 it is for newer ones alone."""


class _Trial(NamedTuple):
    run: StageRun
    path: Path
    faults: list[str]
    after: Content


def try_damage(subject: Subject, baseline: Baseline, stages: Iterable[str]) -> list[Finding]:
    """Start stages on each database that is overwritten at its head, and cut short."""
    trials = [
        (words, _try(subject, stage, name, damage))
        for stage in stages
        for name in sorted(baseline.written)
        for words, damage in {"overwritten": _overwrite, "cut short": _cut}.items()
    ]  # fmt: skip
    faults, told = [], []
    for words, trial in trials:
        at = f"with {trial.path.name} {words}, "
        faults += [at + fault for fault in trial.faults]
        if trial.run.ended_well:
            faults.append(f"{at}{trial.run.stage} ended with code 0")
        told += [at + f for f in unclear(trial.run, _BROKEN, "that the database is damaged")]
    stage = baseline.stage
    return [
        finding(f"{stage}-keeps-damaged-file", faults, why="a damaged database may be all that is "
                "left of a year: end with an error and leave it, or move it aside and say so"),
        finding(f"{stage}-tells-of-damage", told, why="the person who reads it must know which "
                "file to restore"),
    ]  # fmt: skip


def try_read_only(subject: Subject, baseline: Baseline) -> list[Finding]:
    """Start a stage on databases that may be read and not written."""
    stage, lost, told = baseline.stage, list[str](), list[str]()
    for name in sorted(baseline.written):
        trial = _try(subject, stage, name, _make_read_only)
        at = f"with {name} read-only, "
        if trial.run.ended_well:
            lacking = differences(baseline.once, trial.after, baseline.counted)
            lost += [f"{at}{stage} ended with code 0, and {words}" for words in lacking]
        lost += [at + fault for fault in trial.faults if not trial.run.ended_well]
        told += [at + f for f in unclear(trial.run, _READ_ONLY, "that the file is read-only")]
    return [
        finding(f"{stage}-fails-on-read-only", lost, why="what is not recorded and not told is "
                "missed when it is too late"),
        finding(f"{stage}-tells-of-read-only", told, why="a wrong owner or a full, remounted disk "
                "is found at once where the line says so"),
    ]  # fmt: skip


def _try(subject: Subject, stage: str, name: str, damage: Callable[[Path], None]) -> _Trial:
    with subject.copy(f"{stage}-{damage.__name__.strip('_')}-{name}", stage) as workspace:
        path = next(p for p in subject.paths(workspace) if p.name == name)
        for suffix in (*SIDE_FILES, "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        damage(path)
        before = _digest(path)
        run = run_stage(workspace, stage, subject.episodes[0])
        faults = _changed(path, before, run)
        path.chmod(0o644) if path.exists() else None
        return _Trial(run, path, faults, subject.read(workspace))


def _changed(path: Path, before: str, run: StageRun) -> list[str]:
    if path.is_file() and _digest(path) == before:
        return []
    aside = [f for f in path.parent.rglob("*") if f.is_file() and f != path]
    kept = sorted(f for f in aside if _digest(f) == before)
    if any(f.name in run.output for f in kept):
        return []
    if kept:
        return [f"{run.stage} moved the file to {kept[0].name} and does not say so"]
    return [f"{run.stage} {'changed' if path.exists() else 'removed'} the file, and its content "
            "is nowhere any more"]  # fmt: skip


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"this is no database any more".ljust(100, b"\xa5"))


def _cut(path: Path) -> None:
    """Leave the first page, so that the file begins as a database does."""
    with path.open("r+b") as file:
        (size,) = struct.unpack(">H", file.read(18)[16:18])
        file.truncate(65536 if size == 1 else size)


def _make_read_only(path: Path) -> None:
    """Take the right to write away: from root, by a header that only newer versions may write."""
    if os.geteuid():
        path.chmod(0o444)
        return
    with path.open("r+b") as file:
        file.seek(_WRITE_VERSION)
        file.write(b"\x03")
