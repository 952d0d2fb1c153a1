"""Trials with a locked database: a short wait is survived, a long one told, nothing is lost."""

from __future__ import annotations

from typing import NamedTuple

from proofbook_systems.pipeline.databases.baselines import Baseline
from proofbook_systems.pipeline.databases.contents import Content, differences
from proofbook_systems.pipeline.databases.locks import Locked, run_under_lock
from proofbook_systems.pipeline.databases.subject import Subject
from proofbook_systems.pipeline.databases.telling import unclear
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.stages import StageRun, run_stage

__all__ = ["LongLock", "try_long_lock", "try_short_lock"]

_WORDS = r"\block(ed|s)?\b|\bbusy\b|\bin use\b"


def try_short_lock(subject: Subject, baseline: Baseline, seconds: float) -> list[Finding]:
    """Run a stage while another program writes for a moment."""
    locked, found, _ = _try(subject, baseline, seconds, "short", again=False)
    run = locked.runs[0]
    faults = [f"with the database locked for {seconds:g} s, {fault}" for fault in run.faults]
    if not faults:
        faults = _swallowed(run, differences(baseline.once, found, baseline.counted))
    return [finding(
        f"{baseline.stage}-waits-for-short-lock", [*faults, *baseline.new_faults(found)],
        why=f"another program that writes for {seconds:g} s is everyday: wait for it with a busy "
        "time-out of some seconds (PRAGMA busy_timeout, timeout= of sqlite3.connect)",
        untried=_unmet(locked),
    )]  # fmt: skip


class LongLock(NamedTuple):
    """What a long lock has shown."""

    findings: list[Finding]
    waited: float
    """Seconds for which the stage waited at least, with a database open."""


def try_long_lock(subject: Subject, baseline: Baseline, seconds: float) -> LongLock:
    """Run a stage while another program keeps the write lock, and once more afterwards."""
    locked, found, healed = _try(subject, baseline, seconds, "long", again=True)
    run, stage = locked.runs[0], baseline.stage
    rerun, after = healed or (run, found)
    lost = _long_faults(baseline, locked, found)
    if not run.ended_well:
        lost += [f"after the lock, run again: {fault}" for fault in rerun.faults]
        lost += [f"after the lock, run again: {f}" for f in baseline.departs(after)]
    findings = [
        finding(
            f"{stage}-loses-nothing-to-long-lock",
            [*lost, *baseline.new_faults(found)],
            why="what was half written, or dropped with code 0, is missed by nobody until later",
            untried=_unmet(locked),
        ),
        finding(
            f"{stage}-tells-of-long-lock",
            unclear(run, _WORDS, "that the database is locked", list(baseline.before.files)),
            why="the person who reads it must know which file another program holds",
            untried="" if not run.ended_well else "the stage waited until the lock was released",
        ),
    ]
    return LongLock(findings, locked.held)


def _long_faults(baseline: Baseline, locked: Locked, found: Content) -> list[str]:
    run = locked.runs[0]
    if run.code is None:
        return [f"{baseline.stage} {run.words} although the lock was released long before"]
    if run.ended_well:
        return _swallowed(run, differences(baseline.once, found, baseline.counted))
    if not differences(baseline.before, found, baseline.counted):
        return []
    torn = baseline.broken_pairs(found)
    return [f"it ended with an error, and half of it is there: {words}" for words in torn]


def _try(
    subject: Subject, baseline: Baseline, seconds: float, name: str, *, again: bool
) -> tuple[Locked, Content, tuple[StageRun, Content] | None]:
    stage, first = baseline.stage, subject.episodes[0]
    with subject.copy(f"{stage}-{name}-lock", stage) as workspace:
        paths = [p for p in subject.paths(workspace) if p.name in baseline.written]
        locked = run_under_lock(workspace, stage, [first], paths, seconds=seconds)
        found = subject.read(workspace)
        if not again or locked.runs[0].ended_well:
            return locked, found, None
        rerun = run_stage(workspace, stage, first)
        return locked, found, (rerun, subject.read(workspace))


def _swallowed(run: StageRun, lacking: list[str]) -> list[str]:
    if not lacking:
        return []
    return [f"{run.stage} ended with code 0 while the database was locked, and {lacking[0]}",
            *lacking[1:]]  # fmt: skip


def _unmet(locked: Locked) -> str:
    if locked.met or not locked.runs[0].ended_well:
        return ""
    return "the stage was never seen with the database open while it was locked"
