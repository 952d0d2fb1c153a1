"""Triggers of ours in a copy of a database: they refuse a row, or make each row slow.

A snapshot leaves them out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from proofbook_systems.pipeline.databases.snapshots import OURS, quoted

__all__ = ["drop_triggers", "refuse_rows", "slow_rows"]

_ACTIONS = ("INSERT", "UPDATE")
_CALLS = f"{OURS}calls"
_COUNT = 150_000
"""How far a trigger counts to pass the time: about 20 ms."""


def refuse_rows(path: Path, table: str, allowed: int) -> None:
    """Have a table refuse every row that is written after so many."""
    refusal = (
        f"INSERT INTO {_CALLS} VALUES (1); SELECT RAISE(ABORT, 'row refused') "
        f"WHERE (SELECT COUNT(*) FROM {_CALLS}) > {allowed};"
    )
    _execute(path, [f"CREATE TABLE {_CALLS} (n INTEGER)", *_triggers(table, refusal)])


def slow_rows(path: Path, tables: Iterable[str]) -> None:
    """Have each row that is written into some tables take a while."""
    wait = (
        "SELECT COUNT(*) FROM (WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c "
        f"WHERE n < {_COUNT}) SELECT n FROM c);"
    )
    _execute(path, [trigger for table in tables for trigger in _triggers(table, wait)])


def drop_triggers(path: Path) -> None:
    """Take the triggers out again."""
    with closing(sqlite3.connect(path, timeout=30.0)) as connection:
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE ?"
        names = [row[0] for row in connection.execute(query, [f"{OURS}%"])]
    drops = [f"DROP TRIGGER {quoted(name)}" for name in names]
    _execute(path, [*drops, f"DROP TABLE IF EXISTS {_CALLS}"])


def _triggers(table: str, body: str) -> list[str]:
    return [
        f"CREATE TRIGGER {quoted(f'{OURS}{action}_{table}')} BEFORE {action} ON {quoted(table)} "
        f"BEGIN {body} END"
        for action in _ACTIONS
    ]


def _execute(path: Path, statements: Iterable[str]) -> None:
    with closing(sqlite3.connect(path, timeout=30.0)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
