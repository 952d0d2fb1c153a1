"""What a stage writes while nothing disturbs it: the control of all trials.

The stage is run from the same state twice, once more for the same film, and for several films one
after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from proofbook_systems.pipeline.databases.contents import (
    Content,
    Place,
    added_rows,
    counters,
    differences,
)
from proofbook_systems.pipeline.databases.subject import Subject
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.stages import StageRun, run_stage

__all__ = ["Baseline", "judge_baseline", "run_baseline", "writes_when_empty"]


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A stage, undisturbed."""

    stage: str
    before: Content
    once: Content
    """After one run."""
    again: Content
    """After a second run for the same film, or with the same input."""
    many: Content
    """After as many runs one after the other as there are workers."""
    runs: tuple[StageRun, ...]
    counted: Mapping[Place, int]
    """By how much one run makes each counter grow."""
    left: Mapping[str, int]
    """Bytes in logs beside the databases after a run that ended well."""

    @property
    def written(self) -> frozenset[str]:
        """Files in which it changes rows or counters."""
        places = {*added_rows(self.before, self.once), *self.counted}
        tables = self.before.tables
        changed = {
            place for place, table in self.once.tables.items()
            if place in tables and tables[place].rows != table.rows
        }  # fmt: skip
        return frozenset(file for file, _ in {*places, *changed})

    @property
    def adds(self) -> bool:
        """Whether it writes any rows or counts anything."""
        return bool(added_rows(self.before, self.once) or self.counted)

    @property
    def pairs(self) -> list[tuple[Place, Place]]:
        """Return counters and tables of one file that have grown by the same, in each run."""
        rows, many = added_rows(self.before, self.once), added_rows(self.before, self.many)
        sums = (self.before.sums(), self.many.sums())
        return [
            (column, table)
            for column, growth in self.counted.items()
            for table, added in rows.items()
            if column[0] == table[0] and growth == added
            and sums[1].get(column, 0) - sums[0][column] == many.get(table, 0)
        ]  # fmt: skip

    def broken_pairs(self, found: Content) -> list[str]:
        """Return counters that do not fit the rows that are written with them."""
        old, new = self.before.sums(), found.sums()
        rows = added_rows(self.before, found)
        grown = [(c, t, new.get(c, 0) - old[c], rows.get(t, 0)) for c, t in self.pairs]
        return [
            f"{column[0]}: {column[1]} has grown by {growth}, and {table[1]} by {added} rows: "
            "both belong into one transaction"
            for column, table, growth, added in grown if growth != added
        ]  # fmt: skip

    def new_faults(self, found: Content) -> list[str]:
        """Return what is wrong with files that was not wrong before the stage."""
        return [fault for fault in found.faults if fault not in self.before.faults]

    def departs(self, found: Content) -> list[str]:
        """Return how a state differs from that after one run, and from that after two."""
        first = differences(self.once, found, self.counted)
        return first if first and differences(self.again, found, self.counted) else []


def run_baseline(subject: Subject, stage: str, workers: int) -> Baseline:
    """Run a stage undisturbed, in two copies of the prepared project.

    Raises:
        SubjectError: It cannot be started.
    """
    first = subject.episodes[0]
    with subject.copy(f"{stage}-once", stage) as workspace:
        before = subject.read(workspace)
        runs = [run_stage(workspace, stage, first)]
        left = _logs(subject.paths(workspace)) if runs[0].ended_well else {}
        once = subject.read(workspace)
        runs.append(run_stage(workspace, stage, first))
        again = subject.read(workspace)
    with subject.copy(f"{stage}-many", stage) as workspace:
        turns = subject.turns(stage, workers)
        runs.append(run_stage(workspace, stage, turns[0]))
        other = subject.read(workspace)
        runs += [run_stage(workspace, stage, episode) for episode in turns[1:]]
        many = subject.read(workspace)
    return Baseline(
        stage=stage, before=before, once=once, again=again, many=many, runs=tuple(runs),
        counted=counters(before, once, other), left=left,
    )  # fmt: skip


def writes_when_empty(subject: Subject, stage: str, held: Content) -> bool:
    """Say whether a stage that wrote nothing writes rows where the databases hold none yet.

    Then they held already what it found: a stage that replaces rows by equal ones does right. Where
    a table held fewer rows than it writes into an empty one, it cannot have held them.

    Args:
        subject: The project.
        stage: What wrote nothing.
        held: What the databases held then.
    """
    with subject.copy(f"{stage}-empty", stage) as workspace:
        subject.remove(workspace)
        if workspace.has("init"):
            run_stage(workspace, "init", subject.episodes[0])
        before = subject.read(workspace)
        run = run_stage(workspace, stage, subject.episodes[0])
        added, sizes = added_rows(before, subject.read(workspace)), held.sizes()
    return (
        run.ended_well
        and bool(added)
        and all(sizes.get(place, 0) >= count for place, count in added.items())
    )


def judge_baseline(
    baseline: Baseline, undeclared: str = "", *, has_written: bool = False
) -> Finding:
    """Say whether a stage works, and writes, while nothing disturbs it.

    Args:
        baseline: The stage.
        undeclared: The database that such a stage writes to, where none was declared.
        has_written: Whether the databases hold already what it writes.
    """
    faults = [fault for run in baseline.runs for fault in run.faults]
    faults += [f"after {baseline.stage}: {f}" for f in baseline.new_faults(baseline.once)]
    untried = ""
    if not faults and not baseline.adds and has_written:
        untried = (
            f"{_names(baseline)} held already what {baseline.stage} writes; begin with a project "
            f"whose databases are empty, and leave {baseline.stage} out of prepare"
        )
    elif not faults and not baseline.adds and undeclared:
        untried = f"paths has no {undeclared}"
    elif not faults and not baseline.adds:
        faults = [f"{baseline.stage} ended well and wrote no row into {_names(baseline)}"]
    return finding(
        f"{baseline.stage}-writes", faults, why="a stage that fails or writes nothing by itself "
        "cannot be tried under disturbances; what it should have recorded is missing",
        untried=untried,
    )  # fmt: skip


def _names(baseline: Baseline) -> str:
    return ", ".join(baseline.before.files)


def _logs(paths: Sequence[Path]) -> dict[str, int]:
    logs = [Path(f"{path}-wal") for path in paths]
    return {log.name: log.stat().st_size for log in logs if log.is_file() and log.stat().st_size}
