"""Databases of an older form: their rows are kept, new columns are there, once is enough."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.databases.baselines import Baseline
from proofbook_systems.pipeline.databases.config import DatabasesConfig
from proofbook_systems.pipeline.databases.contents import Content, differences
from proofbook_systems.pipeline.databases.snapshots import SIDE_FILES, Table
from proofbook_systems.pipeline.databases.subject import Subject
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.stages import StageRun, run_stage

__all__ = ["try_migration", "try_migrations"]


def try_migrations(
    subject: Subject, config: DatabasesConfig, fresh: Content, baselines: Sequence[Baseline]
) -> list[Finding]:
    """Try each older database, with the first stage that writes to it.

    Raises:
        SubjectError: There is no such file, or the SQL is wrong.
    """
    findings = []
    for database, old in config.old.items():
        if not subject.workspace.has(config.migrate) or database not in subject.databases:
            continue
        name = subject.databases[database].name
        writer = next((each.stage for each in baselines if name in each.written), "")
        findings += try_migration(subject, database, old, config.migrate, writer, fresh)
    untried = f"old names no database that there is, or commands has no {config.migrate}"
    return findings or [Finding(name="migration", why="older files", untried=untried)]


def try_migration(
    subject: Subject, database: str, old: str, stage: str, writer: str, fresh: Content
) -> list[Finding]:
    """Put a database of an older form in place, and run what migrates it, twice, and a writer.

    Args:
        subject: The pipeline.
        database: Which one.
        old: A database file or SQL file, relative to the project, or SQL itself.
        stage: What migrates: ``init``, or a stage that does it when it starts.
        writer: A stage that writes to it; empty for none.
        fresh: What the databases are like when they are made anew.

    Raises:
        SubjectError: There is no such file, or the SQL is wrong.
    """
    first = subject.episodes[0]
    with subject.copy(f"migrate-{database}") as workspace:
        path = workspace.folder / subject.databases[database]
        _make_old(path, old, workspace.folder)
        before = subject.read(workspace)
        runs = [run_stage(workspace, stage, first)]
        once = subject.read(workspace)
        runs.append(run_stage(workspace, stage, first))
        again = subject.read(workspace)
        if writer:
            runs.append(run_stage(workspace, writer, first))
        after = subject.read(workspace)
    return _judge(path.name, runs, {"before": before, "once": once, "again": again, "after": after,
                  "fresh": fresh}, subject.workspace.names)  # fmt: skip


def _judge(
    file: str, runs: list[StageRun], states: Mapping[str, Content], names: Mapping[str, str]
) -> list[Finding]:
    lost = [*runs[0].faults, *(f for f in states["once"].faults if f.startswith(file))]
    lost += _lost(file, states["before"], states["once"], names)
    repeated = [f for run in runs[1:] for f in run.faults]
    if runs[0].stage in ("init", "validate"):
        repeated += [
            words for words in differences(states["once"], states["again"], {})
            if words.startswith(f"{file}: ")
        ]  # fmt: skip
    repeated += _lost(file, states["before"], states["after"], names)
    return [
        finding(f"{file}-migration-keeps-rows", lost,
                why="a release that loses what the last one recorded cannot be taken back"),
        finding(f"{file}-migration-adds-columns", _lacking(file, states["fresh"], states["once"]),
                why="the next statement that names a missing column fails"),
        finding(f"{file}-migration-twice", repeated,
                why="migrations run at each start: the second must find nothing to do"),
    ]  # fmt: skip


def _make_old(path: Path, old: str, project: Path) -> None:
    for suffix in ("", *SIDE_FILES, "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    statements = old if ";" in old else ""
    if not statements:
        source = project / Path(old).expanduser()
        if not source.is_file():
            raise SubjectError(f"old names {source}, which does not exist; give a file or SQL")
        if source.suffix != ".sql":
            shutil.copyfile(source, path)
            return
        statements = source.read_text(encoding="utf-8")
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(statements)
    except sqlite3.Error as error:
        raise SubjectError(f"old cannot be made into {path.name}: {error}") from error


def _lost(file: str, old: Content, new: Content, names: Mapping[str, str]) -> list[str]:
    faults = []
    for name, table in old.files[file].tables.items():
        there = new.files[file].tables
        now = there.get(name) or next((there[n] for n in names.values() if n in there), None)
        if now is None:
            if table.rows:
                faults.append(f"{file}: table {name} with {len(table.rows)} rows is gone; where it "
                              "has another name, give it in names")  # fmt: skip
            continue
        kept = [c.name for c in table.columns if c.name in {n.name for n in now.columns}]
        missing = _rows(table, kept) - _rows(now, kept)
        faults += [f"{file}: {name} has lost the row {row}" for row in missing]
        gone = [c.name for c in table.columns if c.name not in kept]
        faults += [f"{file}: {name} has lost the column {column}" for column in gone]
    return faults


def _rows(table: Table, columns: list[str]) -> Counter[tuple[object, ...]]:
    if not columns:
        return Counter()
    return Counter(zip(*(table.values(column) for column in columns), strict=True))


def _lacking(file: str, fresh: Content, found: Content) -> list[str]:
    faults = []
    there = found.files[file].tables
    for name, table in fresh.files[file].tables.items():
        if name not in there:
            faults.append(f"{file}: table {name} of a new database is not there")
            continue
        have = {column.name for column in there[name].columns}
        lacking = [column.name for column in table.columns if column.name not in have]
        faults += [f"{file}: {name} has no column {column}" for column in lacking]
        faults += [
            f"{file}: {name} has no unique index over {', '.join(sorted(index))}"
            for index in table.unique if index not in there[name].unique
        ]  # fmt: skip
    return faults
