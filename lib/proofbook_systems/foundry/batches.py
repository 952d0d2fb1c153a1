"""Train on prepared data for some steps, and see which rows the network gets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.foundry.changes import change_setting
from proofbook_systems.foundry.epochs import Order, compare_orders, judge_order
from proofbook_systems.foundry.held_out import find_test_stores
from proofbook_systems.foundry.joined_rows import part_rows
from proofbook_systems.foundry.pipeline import Pipeline, Prepared
from proofbook_systems.foundry.rows import Origins, find_origins
from proofbook_systems.foundry.stages import last_stages
from proofbook_systems.foundry.stores import Store
from proofbook_systems.training.running import Ended, run_training
from proofbook_systems.training.subject import find_command
from proofbook_systems.training.trainer import Trainer, find_interpreter
from proofbook_systems.training.watching import Watched, read_watch, watched_trainer

__all__ = ["Batches", "compare_workers", "judge_batches", "watch_batches"]

_FEWEST_WINDOWS = 16
_HASH = re.compile(r"(?:cache-)?[0-9a-f]{16,}\.\w+")


@dataclass(frozen=True, kw_only=True)
class Batches:
    """The rows of a training, and what they are of."""

    ended: Ended
    watched: Watched
    stores: tuple[Store, ...]
    """What rows may be of: chunks, or tokens where there are none."""
    tokens: tuple[Store, ...]
    held_out: frozenset[int]
    """Numbers of stores that no training may use."""
    held_tokens: frozenset[int]
    """The same of tokens, of which rows are windows."""

    @property
    def why_unseen(self) -> str:
        """Why nothing can be said of the rows; empty where something can."""
        return self.watched.why_no_rows

    @cached_property
    def origins(self) -> Origins:
        """Where the rows come from."""
        rows = [row for update in self.watched.updates for row in update.rows]
        return find_origins(rows, self.stores, self.tokens)

    @property
    def lengths(self) -> frozenset[int]:
        """Ids of the rows."""
        return frozenset(
            batch.shape[-1] for update in self.watched.updates for batch in update.batches
        )

    def wrong_lengths(self, wanted: int) -> list[str]:
        """Return the lengths of rows that are not a chunk's, or one less for the next token."""
        known = {int(store.lengths[0]) for store in self.stores if len(store) > 1}
        right = {wanted, wanted - 1} if wanted else {n - d for n in known for d in (0, 1)}
        if not wanted and not all(store.is_grid for store in self.stores):
            # Rows of many lengths are filled up to the longest of their batch.
            right = {*range(1 + max(int(store.lengths.max()) for store in self.stores))}
        if self.origins.kind == "windows" and not wanted:
            right = {max(self.lengths)}
        return [f"rows of {length} ids" for length in sorted(self.lengths - right)]

    @cached_property
    def unread(self) -> frozenset[int]:
        """Stores of which no row was trained on, and whose names do not say whether one should be.

        A cache that is called by a hash may be of a part that is held out.
        """
        read = {row.store for row in self.origins.rows}
        return frozenset(
            number for number, store in enumerate(self.stores)
            if read and number not in read and _HASH.fullmatch(store.path.name)
        )  # fmt: skip

    @property
    def unread_words(self) -> str:
        """What was left out for that, for a person."""
        names = [f"{self.stores[number].path.name}, {len(self.stores[number])} rows"
                 for number in sorted(self.unread - self.held_out)]  # fmt: skip
        return f"; nothing was trained on of {'; '.join(names)}" if names else ""

    @cached_property
    def places(self) -> tuple[int, ...]:
        """The chunk of each row that is of the training's own, all stores counted through."""
        first, starts = 0, {}
        for number, store in enumerate(self.stores):
            if number not in self.held_out | self.unread:
                starts[number] = first
                first += len(store)
        return tuple(starts[row.store] + row.place for row in self.origins.rows
                     if row.store in starts)  # fmt: skip

    @property
    def why_leaks_unknown(self) -> str:
        """Why no row can be known to be of data held out for tests; empty where one can."""
        held = self.held_out or self.held_tokens
        return "" if held else "no prepared data is called after a test, beside what is not"

    @property
    def leaked(self) -> list[str]:
        """Rows that are of data held out for tests, at most ten."""
        is_windows = self.origins.kind == "windows"
        stores = (self.tokens or self.stores) if is_windows else self.stores
        held = self.held_tokens if is_windows and self.tokens else self.held_out
        found = [
            f"row {number} is of {_shown(stores[row.store].path)}, number {row.place}"
            for number, row in enumerate(self.origins.rows) if row.store in held
        ]  # fmt: skip
        return found[:10]

    @cached_property
    def order(self) -> Order:
        """What is seen of the order of chunks."""
        own = [row for number, store in enumerate(self.stores)
               if number not in self.held_out | self.unread for row in store.rows()]  # fmt: skip
        known: dict[bytes, int] = {}
        alike = [known.setdefault(row.tobytes(), number) for number, row in enumerate(own)]
        batch = self.watched.updates[0].batches[0].shape[0]
        return judge_order(self.places, len(own), batch, alike)

    @property
    def window_faults(self) -> list[str]:
        """Why windows are no fair part of the tokens; empty where they are."""
        places = [(row.store, row.place) for row in self.origins.rows]
        if len(places) < _FEWEST_WINDOWS:
            return []
        if len(set(places)) < len(places) / 4:
            return [f"{len(places)} rows begin at {len(set(places))} places alone"]
        size = max(store.flat.size for store in self.tokens or self.stores)
        reach = max(place for _, place in places) + max(self.lengths)
        missed = 1 - reach / size
        # That so many rows all miss a part of the data by chance is less likely than 1 in 1,000.
        rare = missed > 0 and (1 - missed) ** len(set(places)) < 1e-3
        return [f"no row is of the last {missed:.0%} of the tokens"] if rare else []


def watch_batches(
    pipeline: Pipeline, prepared: Prepared, output: Path, change: str = ""
) -> Batches:
    """Train in a copy whose data is prepared, and return the rows that were used.

    Raises:
        SubjectError: It cannot be started, does not end in time, or fails.
    """
    config, workspace = pipeline.config, prepared.workspace
    file = pipeline.config_in(workspace)
    before = file.read_bytes() if file else b""
    more = change_setting(change, file) if change else []
    python = find_interpreter(pipeline.project)
    words = [word.replace("{python}", python) for word in find_command(config.train_command)]
    environment = {"HF_DATASETS_CACHE": str(workspace.cache), **config.environment}
    trainer = Trainer(
        train=(*words, *more), resume=(*words, *more), config_file=file, project=workspace.folder,
        steps=config.steps, environment=environment,
    )  # fmt: skip
    watch = output.with_name(f"{output.name}.watch")
    try:
        watched = watched_trainer(trainer, watch, whole_rows=True)
        ended = run_training(watched, output, config.timeout)
    finally:
        if file:
            file.write_bytes(before)
    if ended.code != 0:
        raise SubjectError(f"train_command {ended.state}: {ended.last_words}")
    stores = last_stages(prepared.chunks or prepared.tokens)
    seen = part_rows(read_watch(watch), stores)
    return Batches(
        ended=ended, watched=seen, stores=tuple(stores), tokens=prepared.tokens,
        held_out=_held_out(prepared, stores), held_tokens=_held_out(prepared, prepared.tokens),
    )  # fmt: skip


Issues = dict[str, tuple[list[str] | None, str]]


def judge_batches(batches: Batches, wanted: str) -> Issues:
    """Return what is wrong with the order of rows, by the names of checks; None where unknown.

    Args:
        batches: Their rows.
        wanted: How they should come: ``shuffled``, ``windows``, ``file``; or ``recognised``.
    """
    is_windows = batches.origins.kind == "windows"
    if wanted == "windows" or (wanted == "recognised" and is_windows):
        wrong = [] if is_windows else [f"rows are {batches.origins.kind}"]
        return {
            "windows-everywhere": (wrong + batches.window_faults, "some of the data is not used")
        }
    order = batches.order
    enough = order.epochs >= 1
    found: Issues = {
        "no-chunk-twice": (order.twice, order.words),
        "no-chunk-missed": (
            (order.missed, f"{order.words}{batches.unread_words}") if enough else (None, _FEW_STEPS)
        ),
    }
    if wanted == "recognised":
        return found
    found["order-as-wanted"] = _judge_kind(order, wanted)
    if wanted == "shuffled":
        known = order.repeats is not None
        issue = ["the second epoch has the first one's order"] if order.repeats else []
        if order.unshuffled and not order.is_file_order:
            issue = [f"epoch {order.unshuffled} comes as the file has it: only others are shuffled"]
        found["next-epoch-another-order"] = (issue, order.words) if known else (None, _FEW_STEPS)
    return found


_FEW_STEPS = "no whole epoch was seen; give more steps"


def _judge_kind(order: Order, wanted: str) -> tuple[list[str] | None, str]:
    if order.is_file_order is None:
        return None, "too few rows were seen; give more steps"
    is_right = order.is_file_order == (wanted == "file")
    seen = "as the file has them" if order.is_file_order else "in another order than the file's"
    return ([] if is_right else [f"rows come {seen}"]), "neighbours teach the same thing twice"


def compare_workers(first: Batches, second: Batches) -> list[str]:
    """Return how the rows of two trainings differ that only have other workers."""
    if first.origins.kind == "windows":
        rows = [[row.digest for update in each.watched.updates for row in update.rows]
                for each in (first, second)]  # fmt: skip
        size = min(map(len, rows))
        at = next((at for at in range(size) if rows[0][at] != rows[1][at]), None)
        return [] if at is None else [f"row {at} is another"]
    issue = compare_orders(first.places, second.places, first.order.epoch)
    return [issue] if issue else []


def _shown(path: Path) -> str:
    """Return a store's name, with its folder: some are all called alike."""
    return f"{path.parent.name}/{path.name}"


def _held_out(prepared: Prepared, stores: Sequence[Store]) -> frozenset[int]:
    """Return the stores that are a test, by their own names or texts, or what they were cut of."""
    sources = {cut.chunks.path: cut.tokens for cut in prepared.cuts}
    tests = find_test_stores(
        [*stores, *sources.values()], prepared.workspace.folder, prepared.texts, prepared.tokenizer
    )
    named = frozenset(
        number for number, store in enumerate(stores)
        if store.path in tests or (store.path in sources and sources[store.path].path in tests)
    )  # fmt: skip
    return named if len(named) < len(stores) else frozenset()
