"""A batch against one by one: the same content, in one transaction.

How many transactions a stage has made is read off the files: the change counter of the header, or
the commits in the write-ahead log, which a reader of ours keeps from being reset.
"""

from __future__ import annotations

import contextlib
import sqlite3
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from proofbook_systems.pipeline.databases.baselines import Baseline
from proofbook_systems.pipeline.databases.config import DatabasesConfig
from proofbook_systems.pipeline.databases.contents import Content, differences
from proofbook_systems.pipeline.databases.subject import Subject
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.stages import StageRun, run_stage

__all__ = ["count_commits", "try_batch", "try_batches"]

_HEADER, _FRAME = 32, 24
_WAL = 2
_BATCH = "images_batch"


class _Batch(NamedTuple):
    run: StageRun
    content: Content
    commits: int


def try_batches(
    subject: Subject, config: DatabasesConfig, baselines: Sequence[Baseline]
) -> list[Finding]:
    """Compare the batch form of the image selection with its one-by-one form."""
    single = next((each for each in baselines if each.stage == "images"), None)
    if single is None or not subject.workspace.has(_BATCH):
        why = f"commands has no {_BATCH}" if single else "images writes to no database"
        return [Finding(name=f"{_BATCH}-equals-images", why="the quick way", untried=why)]
    return try_batch(subject, single, _BATCH, config.batch_transactions)


def try_batch(subject: Subject, single: Baseline, batch: str, most: int) -> list[Finding]:
    """Compare a stage's batch form with its one-by-one form, for the same film."""
    with subject.copy(f"{batch}-batch", single.stage) as workspace, contextlib.ExitStack() as stack:
        counting = [stack.enter_context(count_commits(p)) for p in subject.paths(workspace)]
        run = run_stage(workspace, batch, subject.episodes[0])
        commits = sum(count() for count in counting)
        found = _Batch(run, subject.read(workspace), commits)
    faults = [*run.faults, *found.content.faults]
    faults += [
        f"than one by one: {words}"
        for words in differences(single.once, found.content, single.counted)
    ]
    items = max([*single.counted.values(), 1])
    too_many = [f"{batch} made {commits} transactions for {items} items, of {most} at most"]
    return [
        finding(f"{batch}-equals-{single.stage}", faults,
                why="the quick way must record what the slow one records"),
        finding(f"{batch}-in-one-transaction", too_many if commits > most else [],
                why="a transaction an item is what a batch is to avoid: each waits for the disk",
                untried=run.faults[0] if run.faults else ""),
    ]  # fmt: skip


@contextlib.contextmanager
def count_commits(path: Path) -> Iterator[Callable[[], int]]:
    """Yield a function that returns how many transactions have changed a database since."""
    if not path.is_file():
        yield lambda: 0
        return
    if path.read_bytes()[18:19] != bytes([_WAL]):
        before = _change_counter(path)
        yield lambda: _change_counter(path) - before
        return
    reader = sqlite3.connect(path, isolation_level=None)
    try:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        wal = Path(f"{path}-wal")
        before = _commits(wal)
        yield lambda: _commits(wal) - before
    finally:
        reader.close()


def _change_counter(path: Path) -> int:
    with path.open("rb") as file:
        return int(struct.unpack(">I", file.read(28)[24:28])[0])


def _commits(wal: Path) -> int:
    """Count the frames that end a transaction, by the format of the write-ahead log."""
    content = wal.read_bytes() if wal.is_file() else b""
    if len(content) < _HEADER:
        return 0
    (size,) = struct.unpack(">I", content[8:12])
    salts, commits = content[16:24], 0
    for place in range(_HEADER, len(content) - _FRAME - size + 1, _FRAME + size):
        if content[place + 8 : place + 16] != salts:
            break
        commits += content[place + 4 : place + 8] != b"\0\0\0\0"
    return commits
