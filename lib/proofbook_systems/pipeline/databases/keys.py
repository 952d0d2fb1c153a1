"""What tells the rows of a table apart, and whether the database sees to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from proofbook_systems.pipeline.databases.baselines import Baseline
from proofbook_systems.pipeline.databases.contents import Content, Place, doubled
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.names import USUAL_NAMES, Names

__all__ = ["Key", "find_keys", "find_name", "judge_twice", "missing_index"]


class Key(NamedTuple):
    """Columns that no two rows of a table may share."""

    place: Place
    columns: tuple[str, ...]

    @property
    def words(self) -> str:
        """Table and columns."""
        return f"{self.place[1]} ({', '.join(self.columns)})"


def find_name(wanted: str, there: Collection[str], names: Names) -> str | None:
    """Return which table or column is meant: ``trends.table``, or names as in ``a|b``."""
    if wanted in USUAL_NAMES:
        return names.find(there, wanted)
    return next((name for name in wanted.split("|") if name in there), None)


def find_keys(content: Content, unique: Mapping[str, Sequence[str]], names: Names) -> list[Key]:
    """Return the declared keys of tables that are there, where all columns are there."""
    keys = []
    for (file, name), table in content.tables.items():
        there = [column.name for column in table.columns]
        for wanted, columns in unique.items():
            if find_name(wanted, [name], names) != name:
                continue
            found = [find_name(column, there, names) for column in columns]
            if found and None not in found:
                keys.append(Key((file, name), tuple(c for c in found if c is not None)))
    return keys


def missing_index(content: Content, key: Key) -> str:
    """Return which unique index is missing, as the end of a sentence; empty where there is one."""
    table = content.tables.get(key.place)
    unique = table.unique if table else ()
    wanted = set(key.columns)
    if any(index <= wanted for index in unique):
        return ""
    index = f"UNIQUE ({', '.join(key.columns)})"
    wider = next((sorted(each - wanted) for each in unique if each > wanted), None)
    if wider:
        return f": its unique index also has {', '.join(wider)}, which each run sets anew"
    return f": {table.name if table else key.place[1]} has no {index}, so that none is ignored"


def judge_twice(baseline: Baseline, keys: Sequence[Key]) -> list[Finding]:
    """Compare a stage's second run on the same input with its first, by the declared keys."""
    written = {place for place, table in baseline.once.tables.items() if table.rows}
    judged = [key for key in keys if key.place in written and key.place[0] in baseline.written]
    faults = []
    for key in judged:
        rows = doubled(baseline.once, baseline.again, {key.place: key.columns}).get(key.place, [])
        faults += [
            f"a second run on the same input doubles {key.words} {row}"
            f"{missing_index(baseline.again, key)}"
            for row in rows
        ]
    return [finding(
        f"{baseline.stage}-twice-doubles-nothing", faults,
        why="what is fetched again tomorrow is counted twice: INSERT OR IGNORE ignores only what "
        "a unique index forbids",
        untried="" if judged else "unique names no table that the stage writes to",
    )]  # fmt: skip
