"""Let a stage fail in the middle of its writing: the database refuses a row half-way through.

A trigger of ours in the copy of the database refuses it, as a full disk or a broken rule would.
"""

from __future__ import annotations

from proofbook_systems.pipeline.databases.baselines import Baseline
from proofbook_systems.pipeline.databases.contents import Place, added_rows, differences
from proofbook_systems.pipeline.databases.killing import judge_healed
from proofbook_systems.pipeline.databases.subject import Subject
from proofbook_systems.pipeline.databases.triggers import drop_triggers, refuse_rows
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.stages import run_stage

__all__ = ["try_refusals"]


def try_refusals(subject: Subject, baseline: Baseline) -> list[Finding]:
    """Refuse a row half-way through each table that a stage writes, and run it again."""
    stage, faults = baseline.stage, list[str]()
    places = _places(baseline)
    for number, (place, allowed) in enumerate(places.items()):
        words = f"with row {allowed + 1} refused by {place[1]}, "
        found = _refuse(subject, baseline, place, allowed, number)
        faults += [words + fault for fault in found]
    return [finding(
        f"{stage}-rolls-back", faults,
        why="a stage that fails in the middle must say so, leave no half, and work when run again",
        untried="" if places else "the stage writes no row that could be refused",
    )]  # fmt: skip


def _places(baseline: Baseline) -> dict[Place, int]:
    """Return how many rows each table takes before it refuses one: half of what it is given."""
    rows = {place: n for place, n in added_rows(baseline.before, baseline.once).items() if n > 0}
    counts = {(f, column.split(".", 1)[0]): n for (f, column), n in baseline.counted.items()}
    known = baseline.before.tables
    return {place: n // 2 for place, n in {**counts, **rows}.items() if place in known}


def _refuse(
    subject: Subject, baseline: Baseline, place: Place, allowed: int, number: int
) -> list[str]:
    stage, episode = baseline.stage, subject.episodes[0]
    with subject.copy(f"{stage}-refused-{number + 1}", stage) as workspace:
        path = next(p for p in subject.paths(workspace) if p.name == place[0])
        refuse_rows(path, place[1], allowed)
        run = run_stage(workspace, stage, episode)
        left = subject.read(workspace)
        drop_triggers(path)
        rerun = run_stage(workspace, stage, episode)
        healed = subject.read(workspace)
    faults = baseline.new_faults(left)
    if run.ended_well:
        lacking = differences(baseline.once, left, baseline.counted)
        faults += [f"{stage} ended with code 0, and {words}" for words in lacking]
    faults += baseline.broken_pairs(left)
    return faults + judge_healed(baseline, rerun, healed)
