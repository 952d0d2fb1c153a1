"""What the databases of a workspace hold, and how two states of them differ.

Columns that two runs of the same stage fill differently, such as times and random values, tell
nothing when states are compared: they are found out by running the stage twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from proofbook_systems.pipeline.databases.snapshots import Snapshot, Table

__all__ = ["Content", "Place", "added_rows", "counters", "differences", "doubled"]

Place = tuple[str, str]
"""A file's name, and a table or column in words."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """The databases of a workspace at one time."""

    files: Mapping[str, Snapshot]
    """By file name."""

    @property
    def tables(self) -> dict[Place, Table]:
        """Return all tables by file and name."""
        return {(f, t): table for f, s in self.files.items() for t, table in s.tables.items()}

    @property
    def faults(self) -> list[str]:
        """Return what is wrong with the files, whatever they should hold."""
        return list(_file_faults(self))

    def sums(self) -> dict[Place, int]:
        """Return the sum of each column of integers, by file and ``table.column``."""
        return {
            (file, f"{name}.{column.name}"): sum(numbers)
            for (file, name), table in self.tables.items()
            for column in table.columns
            if (numbers := _integers(table, column.name)) is not None
        }

    def sizes(self) -> dict[Place, int]:
        """Return how many rows each table has."""
        return {place: len(table.rows) for place, table in self.tables.items()}


def added_rows(before: Content, after: Content) -> dict[Place, int]:
    """Return by how many rows each table has changed; those that have not are left out."""
    old, new = before.sizes(), after.sizes()
    changes = {place: new.get(place, 0) - old.get(place, 0) for place in {*old, *new}}
    return {place: change for place, change in sorted(changes.items()) if change}


def counters(before: Content, after: Content, other: Content) -> dict[Place, int]:
    """Return by how much each counter has grown: integers in rows that were there before.

    Args:
        before: The state before a stage was run.
        after: The state afterwards.
        other: The state after another run from the same state: a column that differs is no counter.
    """
    old, new, again = before.sums(), after.sums(), other.sums()
    kept = {p for p, change in _row_changes(before, after).items() if not change}
    return {
        place: new[place] - old[place]
        for place in sorted(new)
        if place in old and new[place] > old[place] and again.get(place) == new[place]
        and (place[0], place[1].split(".", 1)[0]) in kept
        and not _is_key(after, place)
    }  # fmt: skip


def differences(
    expected: Content, found: Content, counted: Mapping[Place, int], *, lost: str = "lost"
) -> list[str]:
    """Return how rows and counters differ from what was expected, in words.

    Args:
        expected: A state that is right.
        found: The state that is judged.
        counted: The counters.
        lost: What a missing row is called.
    """
    wanted, there = expected.sizes(), found.sizes()
    faults = []
    for place in sorted({*wanted, *there}):
        want, have = wanted.get(place), there.get(place)
        file, table = place
        if have is None:
            faults.append(f"{file}: table {table} is not there any more")
        elif want is None:
            faults.append(f"{file}: there is a table {table} that should not be there")
        elif have < want:
            faults.append(f"{file}: {table} has {have} rows, not {want}: {want - have} {lost}")
        elif have > want:
            faults.append(f"{file}: {table} has {have} rows, not {want}: {have - want} too many")
    sums, right = found.sums(), expected.sums()
    for file, column in counted:
        want, have = right[file, column], sums.get((file, column), 0)
        if have != want:
            words = f"{want - have} {lost}" if have < want else f"{have - want} too many"
            faults.append(f"{file}: {column} adds up to {have}, not {want}: {words}")
    return faults


def doubled(
    once: Content, twice: Content, columns: Mapping[Place, tuple[str, ...]]
) -> dict[Place, list[tuple[object, ...]]]:
    """Return the rows that are there more often, by the columns that tell them apart."""
    found = {}
    for place, names in columns.items():
        if not names or place not in once.tables or place not in twice.tables:
            continue
        few, many = (_project(content.tables[place], names) for content in (once, twice))
        if more := [row for row, count in many.items() if count > max(1, few[row])]:
            found[place] = more
    return found


def _file_faults(content: Content) -> Iterator[str]:
    for name, snapshot in content.files.items():
        if snapshot.fault:
            yield f"{name} cannot be read: {snapshot.fault}"
        if snapshot.damage:
            yield f"{name} is damaged: {snapshot.damage}"
        yield from (f"{name}: {words}" for words in snapshot.orphans[:3])
        yield from (f"{name}: view {view}: {why}" for view, why in snapshot.views.items() if why)


def _row_changes(before: Content, after: Content) -> dict[Place, int]:
    changes = added_rows(before, after)
    return {place: changes.get(place, 0) for place in after.sizes()}


def _project(table: Table, names: tuple[str, ...]) -> Counter[tuple[object, ...]]:
    there = {column.name for column in table.columns}
    columns = [table.values(name) if name in there else [None] * len(table.rows) for name in names]
    return Counter(zip(*columns, strict=True))


def _integers(table: Table, column: str) -> list[int] | None:
    values = [value for value in table.values(column) if value is not None]
    numbers = [value for value in values if isinstance(value, int)]
    return numbers if len(numbers) == len(values) else None


def _is_key(content: Content, place: Place) -> bool:
    file, (table, column) = place[0], place[1].split(".", 1)
    return any(each.name == column and each.key for each in content.tables[file, table].columns)
