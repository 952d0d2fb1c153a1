"""What a crash of another program has left beside a database: a log or a journal to be applied.

A program of ours commits a row into the write-ahead log, begins another transaction that spills to
the file, and ends without closing anything.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.processes import run
from proofbook_systems.pipeline.databases.baselines import Baseline
from proofbook_systems.pipeline.databases.contents import differences
from proofbook_systems.pipeline.databases.snapshots import OURS
from proofbook_systems.pipeline.databases.subject import Subject
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.stages import run_stage

__all__ = ["judge_closed", "try_leftovers"]

_KEPT, _HALF = f"{OURS}kept", f"{OURS}half"
_CRASH = f"""
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA wal_autocheckpoint = 0")
connection.execute("CREATE TABLE {_KEPT} (n INTEGER)")
connection.execute("INSERT INTO {_KEPT} VALUES (1)")
connection.execute("PRAGMA cache_size = 4")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE {_KEPT} SET n = 2")
connection.execute("CREATE TABLE {_HALF} (text TEXT)")
for number in range(200):
    connection.execute("INSERT INTO {_HALF} VALUES (?)", ("half " * 200,))
os._exit(0)
"""


def try_leftovers(subject: Subject, baseline: Baseline) -> list[Finding]:
    """Run a stage on databases that another program has left in the middle of a transaction."""
    stage, faults = baseline.stage, list[str]()
    with subject.copy(f"{stage}-leftovers", stage) as workspace:
        paths = [path for path in subject.paths(workspace) if path.name in baseline.written]
        for path in paths:
            _crash(path)
        ended = run_stage(workspace, stage, subject.episodes[0])
        faults += [f"after another program's crash, {fault}" for fault in ended.faults]
        faults += [fault for path in paths for fault in _look(path)]
        found = subject.read(workspace)
    if ended.ended_well:
        faults += differences(baseline.once, found, baseline.counted)
    return [finding(
        f"{stage}-applies-leftovers", [*faults, *baseline.new_faults(found)],
        why="a journal or log beside a database is part of it: who removes it, or opens the file "
        "without it, loses committed rows or keeps half a transaction",
    )]  # fmt: skip


def judge_closed(baseline: Baseline) -> Finding:
    """Say whether a stage that ended well has left rows in a log beside the database."""
    return finding(
        f"{baseline.stage}-closes-databases",
        [f"{name} holds {size} bytes after {baseline.stage} has ended: close the connection"
         for name, size in baseline.left.items()],
        why="who copies or backs up the database file alone loses the last rows",
    )  # fmt: skip


def _crash(path: Path) -> None:
    ended = run([sys.executable, "-c", _CRASH, path], timeout=60.0, name="the crash")
    if ended.code:
        raise SubjectError(f"{path.name} could not be written to: {ended.output}")


def _look(path: Path) -> list[str]:
    try:
        with closing(sqlite3.connect(path, timeout=30.0)) as connection:
            listing = connection.execute("SELECT name FROM sqlite_master").fetchall()
            there = {row[0] for row in listing}
            rows = connection.execute(f"SELECT n FROM {_KEPT}").fetchall() if (
                _KEPT in there) else []  # fmt: skip
    except sqlite3.Error as error:
        return [f"{path.name}: {error}"]
    faults = [] if rows else [f"{path.name}: a row that was committed is lost"]
    half = _HALF in there or rows not in ([], [(1,)])
    return faults + ([f"{path.name}: half a transaction is there"] if half else [])
