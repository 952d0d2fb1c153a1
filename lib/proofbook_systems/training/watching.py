"""See what a foreign PyTorch trainer computes: its batches, and what each update changes.

A trainer is started with some variables more; its code, its random numbers and its weights stay as
they are. What is not PyTorch, or makes no update, leaves an empty :class:`Watched`: nothing can be
said about it then.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from proofbook_systems.training.injected.tensors import bit_sums
from proofbook_systems.training.trainer import Trainer

__all__ = [
    "Batch",
    "Row",
    "Update",
    "Watched",
    "read_watch",
    "row_digest",
    "watch_environment",
    "watched_trainer",
    "weight_sums",
]

_INJECTED = Path(__file__).parent / "injected"
_FEW = 1 / 3
"""Parameters that no optimizer has, beside those that one has, up to which they were forgotten."""


class Row(NamedTuple):
    """One row of a batch."""

    digest: str
    """Tells it from others; :func:`row_digest` makes it of ids."""
    first: tuple[int, ...]
    """Its first 8 ids, or all where whole rows were asked for; empty where it has none."""
    source: str
    """Digest before tokens were masked, for a masked model; else as ``digest``."""
    learnt: int | None = None
    """Its places up to the last that taught the network anything; None is not known."""
    unlearnt: int = 0
    """Its places before the first that taught it anything."""


class Batch(NamedTuple):
    """What one forward pass that trains was called with."""

    shape: tuple[int, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class Update:
    """One change of the weights."""

    number: int
    """From 1, in this start of the trainer."""
    batches: tuple[Batch, ...]
    """Those since the update before."""
    moved: frozenset[str]
    """Parameters that changed, by their names in the network; by place where they have none."""
    unmoved: frozenset[str]
    """Those with a gradient that is not zero, and did not change."""
    no_gradient: frozenset[str]
    """Those without a gradient."""
    zero_gradient: frozenset[str]
    """Those with a gradient that is zero everywhere."""
    grad_norm: float
    """Of all gradients, as they are when the optimizer has used them."""
    rates: tuple[float, ...]
    """Learning rates by group."""
    norms: Mapping[str, float] = field(default_factory=dict)
    """That of each parameter's gradient, by name."""
    gradient: str = ""
    """What tells all gradients, to the bit."""
    in_eval_mode: bool = False
    """Whether every forward pass of it was one of a network in the mode for evaluation."""
    drew: bool | None = None
    """Whether a forward pass has drawn random numbers, as dropout does; None is not known."""
    weights: Mapping[str, str] = field(default_factory=dict)
    """What tells each parameter's value after it, by name; :func:`weight_sums` makes it."""
    before: Mapping[str, str] = field(default_factory=dict)
    """The same before it, where it is the first of its optimizer."""
    settings: tuple[Mapping[str, float], ...] = ()
    """What the optimizer is set to beside the rate, by group."""
    kept: bool = False
    """Whether its gradient was added to that of the update before, which was not cleared."""
    changed: bool = False
    """Whether its gradient was changed between two of its passes, as by cutting it."""
    scale: tuple[float, ...] = ()
    """The scale of gradients after it, and since how many updates that is; empty without one."""
    skipped: int = 0
    """Updates before it that were left out, as their gradients had overflowed."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows of its batches, in order."""
        return tuple(row for batch in self.batches for row in batch.rows)


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What was seen of one start of a trainer; empty where nothing could be."""

    updates: tuple[Update, ...] = ()
    pending: tuple[Batch, ...] = ()
    """Batches after the last update."""
    processes: int = 0
    """Processes that made updates; what is told is of the one that made the most."""
    dropout: frozenset[float] = frozenset()
    """The rates of dropout that parts of its network have."""
    fault: str = ""
    """Why nothing more was noted from some update on."""
    left_out: frozenset[str] = frozenset()
    """Parameters with a gradient that no optimizer has, where they are few beside the others."""
    skipped: int = 0
    """Updates that were left out, as their gradients had overflowed."""
    predicts: frozenset[int] = frozenset()
    """How many places after an id the one is that is to be predicted; empty is not known."""

    def rows(self, update: int) -> tuple[Row, ...]:
        """Return the rows that update ``update`` was made of, counted from 1."""
        return self.updates[update - 1].rows

    @property
    def why_empty(self) -> str:
        """Why there is nothing to look at, or no more from some update on; empty where all is."""
        if self.fault:
            after = f" after update {len(self.updates)}" if self.updates else ""
            return f"nothing could be seen of the trainer{after}: {self.fault}"
        if not self.updates:
            return "no update by a PyTorch optimizer was seen in the trainer's processes"
        return ""

    @property
    def why_no_rows(self) -> str:
        """Why no batch can be looked at; empty where all can."""
        if self.why_empty:
            return self.why_empty
        without = [update.number for update in self.updates if not update.rows]
        if without:
            return f"update {without[0]} came without a batch that could be seen"
        return ""


def watch_environment(
    folder: Path, environment: Mapping[str, str], *, whole_rows: bool = False, scale: int = 0
) -> dict[str, str]:
    """Return the variables that let a trainer be watched, to be added to its own.

    Args:
        folder: For what is noted; made. One start of a trainer has a folder of its own.
        environment: The trainer's variables beyond this process's.
        whole_rows: Note all ids of each row, and not the first 8 alone.
        scale: The exponent of 2 that gradient scalers begin with; 0 leaves them as they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    given = environment.get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    paths = [str(_INJECTED), *([given] if given else [])]
    variables = {"PYTHONPATH": os.pathsep.join(paths), "PROOFBOOK_WATCH": str(folder.resolve())}
    more = {"PROOFBOOK_WATCH_ROWS": "whole"} if whole_rows else {}
    return variables | more | ({"PROOFBOOK_GRADIENT_SCALE": str(scale)} if scale else {})


def watched_trainer(
    trainer: Trainer, folder: Path, *, whole_rows: bool = False, scale: int = 0
) -> Trainer:
    """Return the trainer as it is started to be watched; what is noted comes into ``folder``."""
    more = watch_environment(folder, trainer.environment, whole_rows=whole_rows, scale=scale)
    return replace(trainer, environment={**trainer.environment, **more})


def row_digest(ids: Any) -> str:
    """Return the digest that a row of these ids has in a batch."""
    import hashlib

    import numpy as np

    content = np.ascontiguousarray(ids, dtype=np.int64).tobytes()
    return hashlib.blake2b(content, digest_size=12).hexdigest()


def weight_sums(tensor: Any) -> str:
    """Return what tells a tensor's value in :attr:`Update.weights`, to the bit."""
    import torch

    return bit_sums(torch, tensor)


def read_watch(folder: Path) -> Watched:
    """Return what was noted of one start of a trainer."""
    files = sorted(folder.glob("*.jsonl"), key=lambda path: (path.stat().st_ctime, path.name))
    all_seen = [_read_process(path) for path in files]
    trained = [each for each in all_seen if each.updates]
    fault = next((each.fault for each in all_seen if each.fault), "")
    if not trained:
        return Watched(fault=fault, pending=all_seen[0].pending if all_seen else ())
    most = max(trained, key=lambda each: len(each.updates))
    return replace(
        most, processes=len(trained), fault=most.fault or (fault if not most.updates else "")
    )


class _Pass(NamedTuple):
    """One forward pass."""

    batch: Batch
    quiet: bool
    """In the mode for evaluation."""
    drew: bool | None = None
    number: int = -1
    """Tells it from others, where whole rows were asked for."""

    def taught(self, places: Sequence[int], before: Sequence[int]) -> _Pass:
        """Return it with what each of its rows has taught."""
        told = zip(self.batch.rows, places, before, strict=False)
        rows = tuple(row._replace(learnt=end, unlearnt=first) for row, end, first in told)
        return self._replace(batch=self.batch._replace(rows=rows))


def _read_process(path: Path) -> Watched:
    optimizers: dict[int, dict[str, Any]] = {}
    updates: list[Update] = []
    passes: list[_Pass] = []
    used: set[int] = set()
    fault, predicts = "", set[int]()
    skipped, is_made = 0, False
    for line in _lines(path):
        if "batch" in line:
            passes.append(_Pass(_batch(line), "quiet" in line, number=line.get("pass", -1)))
        elif "learnt" in line:
            is_of = line["pass"]
            told = line["learnt"], line["unlearnt"]
            passes = [each.taught(*told) if each.number == is_of else each for each in passes]
        elif "drew" in line and passes:
            passes[-1] = passes[-1]._replace(drew=line["drew"])
        elif "names" in line:
            optimizers.setdefault(line["optimizer"], {}).update(line)
        elif "update" in line:
            optimizer = optimizers[line["optimizer"]]
            is_made = True
            optimizer["settings"] = line.get("settings", optimizer.get("settings", ()))
            update = _update(line, optimizer, len(updates) + 1, passes)
            update = replace(update, skipped=skipped)
            # Several optimizers that share one backward pass make one update.
            if updates and not line["forwards"] and line["optimizer"] not in used:
                updates[-1] = _joined(updates[-1], update)
            else:
                updates.append(update)
                used.clear()
            used.add(line["optimizer"])
            passes.clear()
        elif "scale" in line:
            if is_made:
                updates[-1] = replace(updates[-1], scale=tuple(line["scale"]))
            else:  # its passes are none of the next update's
                skipped += 1
                passes.clear()
            is_made = False
        elif "predicts" in line:
            predicts.add(line["predicts"])
        elif "fault" in line:
            fault = line["fault"]
    pending = tuple(each.batch for each in passes if not each.quiet)
    rates = {rate for each in optimizers.values() for rate in each.get("dropout", ())}
    return Watched(
        updates=tuple(updates), pending=pending, fault=fault, dropout=frozenset(rates),
        predicts=frozenset(predicts), skipped=skipped, left_out=_left_out(optimizers.values()),
    )  # fmt: skip


def _left_out(optimizers: Collection[Mapping[str, Any]]) -> frozenset[str]:
    """Return what all optimizers leave out; where that is much, the rest is trained on purpose."""
    left = [frozenset(each["left"]) for each in optimizers if "left" in each]
    names = {name for each in optimizers for name in each["names"]}
    found = frozenset.intersection(*left) - names if left else frozenset()
    return found if len(found) <= _FEW * len(names) else frozenset()


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines that are whole; a kill may have cut the last one."""
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)


def _batch(line: dict[str, Any]) -> Batch:
    rows = (Row(each[0], tuple(each[1]), each[-1] if len(each) > 2 else each[0])
            for each in line["batch"])  # fmt: skip
    return Batch(tuple(line["shape"]), tuple(rows))


def _update(
    line: dict[str, Any], optimizer: dict[str, Any], number: int, passes: Sequence[_Pass]
) -> Update:
    names = optimizer["names"]
    flags = list(zip(names, line["update"], strict=True))
    # An evaluation that computes gradients, too, is none of the update's.
    training = [each for each in passes if not each.quiet] or passes
    draws = [each.drew for each in training if each.drew is not None]
    before = optimizer.pop("sums", ())

    def having(wanted: str) -> frozenset[str]:
        return frozenset(name for name, flag in flags if flag in wanted)

    return Update(
        number=number, batches=tuple(each.batch for each in training), moved=having("GZN"),
        unmoved=having("g"), no_gradient=having("nN"), zero_gradient=having("zZ"),
        grad_norm=line["norm"], rates=tuple(line["rates"]), gradient=line.get("gradient", ""),
        in_eval_mode=bool(training) and all(each.quiet for each in training),
        drew=any(draws) if draws else None,
        weights=dict(zip(names, line.get("sums", ()), strict=False)),
        before=dict(zip(names, before, strict=False)), settings=tuple(optimizer["settings"]),
        kept=line.get("kept", False), changed=line.get("changed", False),
        norms=dict(zip(names, line.get("norms", ()), strict=False)),
    )  # fmt: skip


def _joined(first: Update, second: Update) -> Update:
    return replace(
        first,
        batches=first.batches + second.batches,
        moved=first.moved | second.moved, unmoved=first.unmoved | second.unmoved,
        no_gradient=first.no_gradient | second.no_gradient,
        zero_gradient=first.zero_gradient | second.zero_gradient,
        grad_norm=(first.grad_norm**2 + second.grad_norm**2) ** 0.5,
        rates=first.rates + second.rates, gradient=first.gradient + second.gradient,
        norms={**first.norms, **second.norms},
        weights={**first.weights, **second.weights}, before={**first.before, **second.before},
        settings=first.settings + second.settings, kept=first.kept or second.kept,
        changed=first.changed or second.changed,
    )  # fmt: skip
