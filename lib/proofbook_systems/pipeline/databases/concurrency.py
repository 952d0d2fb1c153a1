"""Several starts of a stage at once, that all write in the same moment."""

from __future__ import annotations

from proofbook_systems.pipeline.databases.baselines import Baseline
from proofbook_systems.pipeline.databases.contents import Content, differences, doubled
from proofbook_systems.pipeline.databases.keys import Key, missing_index
from proofbook_systems.pipeline.databases.locks import Locked, run_under_lock
from proofbook_systems.pipeline.databases.subject import Subject
from proofbook_systems.pipeline.findings import Finding, finding

__all__ = ["try_at_once"]

_ATTEMPTS = 3
_UPDATE = "let the database add (SET n = n + 1), or read and write under BEGIN IMMEDIATE"


def try_at_once(
    subject: Subject, baseline: Baseline, keys: list[Key], workers: int, gate: float
) -> list[Finding]:
    """Start a stage several times at once and compare with as many starts in turn.

    Each has read what it will change before any may write: a lock is held until all have opened
    the database, for at most ``gate`` seconds; 0 holds none.
    """
    for attempt in range(_ATTEMPTS if gate else 1):
        locked, found = _try(subject, baseline, workers, gate, attempt)
        faults = _faults(baseline, keys, locked, found)
        if faults or locked.met >= workers:
            break
    met = not gate or faults or locked.met >= workers
    return [finding(
        f"{baseline.stage}-at-once", faults,
        why=f"{workers} starts at once must leave what {workers} in turn leave",
        untried="" if met else f"only {locked.met} of {workers} starts were seen to meet",
    )]  # fmt: skip


def _try(
    subject: Subject, baseline: Baseline, workers: int, gate: float, attempt: int
) -> tuple[Locked, Content]:
    stage = baseline.stage
    with subject.copy(f"{stage}-at-once-{attempt + 1}", stage) as workspace:
        paths = [p for p in subject.paths(workspace) if p.name in baseline.written and gate]
        turns = subject.turns(stage, workers)
        locked = run_under_lock(
            workspace, stage, turns, paths, seconds=max(gate, 0.001), gate=True
        )  # fmt: skip
        return locked, subject.read(workspace)


def _faults(baseline: Baseline, keys: list[Key], locked: Locked, found: Content) -> list[str]:
    number = len(locked.runs)
    ended = [f"of {number} at once, {fault}" for run in locked.runs for fault in run.faults]
    faults = list(dict.fromkeys(ended))
    for words in differences(baseline.many, found, baseline.counted):
        cause = f"; {_UPDATE}" if "." in words.split(": ")[1].split()[0] and "lost" in words else ""
        faults.append(f"after {number} at once, {words}{cause}")
    for key in keys:
        more = doubled(baseline.many, found, {key.place: key.columns}).get(key.place, [])
        faults += [
            f"{key.words} {row} is there more than once{missing_index(found, key)}" for row in more
        ]
    return [*faults, *baseline.new_faults(found)]
