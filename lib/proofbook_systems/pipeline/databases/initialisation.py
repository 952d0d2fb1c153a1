"""The command that makes the databases: all that is declared, and nothing lost the second time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proofbook_systems.pipeline.databases.contents import Content, added_rows, differences
from proofbook_systems.pipeline.databases.keys import find_name
from proofbook_systems.pipeline.databases.subject import Subject
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.names import USUAL_NAMES, Names
from proofbook_systems.pipeline.stages import StageRun, run_stage

__all__ = ["Initialised", "judge_initialisation", "tell_tables", "try_initialisation"]


@dataclass(frozen=True, kw_only=True)
class Initialised:
    """Databases that were made where there were none, made again, and made once more when full."""

    runs: tuple[StageRun, ...]
    fresh: Content
    again: Content
    filled: Content
    """The state in which stages have written."""
    kept: Content
    """The same after one more run."""


def try_initialisation(subject: Subject, writers: Sequence[str]) -> Initialised:
    """Make the databases, once more, and once more after the stages have written.

    Without a command for it the stages make what they need, and nothing can be made twice.
    """
    first = subject.episodes[0]
    if not subject.workspace.has("init"):
        return _made_by(subject, writers)
    with subject.copy("init-fresh") as workspace:
        subject.remove(workspace)
        runs = [run_stage(workspace, "init", first)]
        fresh = subject.read(workspace)
        runs.append(run_stage(workspace, "init", first))
        again = subject.read(workspace)
    with subject.copy("init-filled") as workspace:
        for stage in writers:
            if workspace.has(stage):
                run_stage(workspace, stage, first)
        filled = subject.read(workspace)
        runs.append(run_stage(workspace, "init", first))
        kept = subject.read(workspace)
    return Initialised(runs=tuple(runs), fresh=fresh, again=again, filled=filled, kept=kept)


def _made_by(subject: Subject, writers: Sequence[str]) -> Initialised:
    with subject.copy("init-by-writers") as workspace:
        for stage in writers:
            if workspace.has(stage):
                run_stage(workspace, stage, subject.episodes[0])
        made = subject.read(workspace)
    return Initialised(runs=(), fresh=made, again=made, filled=made, kept=made)


def judge_initialisation(
    trial: Initialised,
    subject: Subject,
    tables: Mapping[str, Sequence[str]],
) -> list[Finding]:
    """Say whether all tables were made, and whether a second time changed or lost anything."""
    names = Names.of(subject.workspace.names)
    first = [fault for run in trial.runs[:1] for fault in run.faults]
    untried = "" if trial.runs else "commands has no init: the stages make the tables themselves"
    return [
        finding("init-makes-tables", [*first, *trial.fresh.faults,
                *_missing(trial.fresh, subject, tables, names)],
                why="a stage that finds no table fails, or makes one of its own form"),
        finding("init-twice-changes-nothing", [*(f for run in trial.runs[1:2] for f in run.faults),
                *_changes(trial.fresh, trial.again)], untried=untried,
                why="it is run again by everybody who is not sure"),
        finding("init-keeps-rows", [*(f for run in trial.runs[2:] for f in run.faults),
                *(f for f in trial.kept.faults if f not in trial.filled.faults),
                *_changes(trial.filled, trial.kept)], untried=untried,
                why="who runs it on a database in use must lose nothing"),
    ]  # fmt: skip


def tell_tables(
    content: Content, subject: Subject, tables: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return what each declared table is called here: ``trends.db: trends.table is trends``."""
    names, told = Names.of(subject.workspace.names), []
    for database, wanted in tables.items():
        if database not in subject.databases:
            continue
        file = subject.databases[database].name
        there = sorted(content.files[file].names)
        told += [f"{file}: {each} is {find_name(each, there, names)}" for each in wanted]
        told.append(f"{file}: journal {content.files[file].journal}; has {', '.join(there)}")
    return told


def _missing(
    content: Content,
    subject: Subject,
    tables: Mapping[str, Sequence[str]],
    names: Names,
) -> list[str]:
    faults = []
    for database, wanted in tables.items():
        if database not in subject.databases:
            continue
        file = subject.databases[database].name
        there = sorted(content.files[file].names)
        faults += [
            f"{file} has no table {_words(each, names)}; it has {', '.join(there) or 'none'}"
            for each in wanted if find_name(each, there, names) is None
        ]  # fmt: skip
    return faults


def _changes(before: Content, after: Content) -> list[str]:
    faults = []
    for file, snapshot in before.files.items():
        schema = after.files[file].schema
        faults += [f"{file}: {n} is made differently" for n, sql in snapshot.schema.items()
                   if n in schema and schema[n] != sql]  # fmt: skip
    faults += differences(before, after, {})
    if not added_rows(before, after):
        faults += _lowered(before, after)
    return faults


def _lowered(before: Content, after: Content) -> list[str]:
    """Return sums that have become smaller: a counter that was set back."""
    old, new = before.sums(), after.sums()
    return [
        f"{file}: {column} adds up to {new[file, column]} and was {value} before"
        for (file, column), value in old.items()
        if (file, column) in new and new[file, column] < value
    ]


def _words(wanted: str, names: Names) -> str:
    options = names.candidates(wanted) if wanted in USUAL_NAMES else wanted.split("|")
    return " or ".join(options)
