"""The files in which trainers log their steps: JSON lines, CSV, trainer_state.json, TensorBoard.

Knows nothing about processes. A line that is being written is left out.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from proofbook_systems.training.event_files import read_scalars
from proofbook_systems.training.layouts import files_below

__all__ = ["Entry", "LogFile", "count_kept", "find_logs", "is_log", "read_log", "saved_rate"]

_STEPS = (
    "step", "global_step", "_step", "iter", "iteration", "iter_num", "num_updates", "update",
    "steps", "trainer/global_step",
)  # fmt: skip
_LOSSES = (
    "loss", "train_loss", "train/loss", "train_loss_step", "training_loss", "avr_loss",
    "loss/train", "total_loss", "lm_loss", "loss/average", "loss/current", "losses/total",
)  # fmt: skip
_RATES = (
    "lr", "learning_rate", "train/lr", "train/learning_rate", "lr/unet", "lr-adam", "lr-adamw",
    "lr-sgd",
)  # fmt: skip
_NAMES = re.compile(
    r"(\.jsonl|\.csv|\.tsv|^trainer_state\.json|log.*\.json|metrics.*\.json)$|^events\.out\.tfevents",
    re.IGNORECASE,
)
_LOGS = re.compile(
    r"\.(jsonl|csv|tsv|log|out|err|wandb)$|^events\.out\.tfevents|^trainer_state\.json$|"
    r"log.*\.(json|txt)$|metrics.*\.json$",
    re.IGNORECASE,
)
_LARGEST = 64_000_000


class Entry(NamedTuple):
    """A step as a file has it."""

    step: int
    loss: float | None
    lr: float | None


class LogFile(NamedTuple):
    """One file that may have steps."""

    kind: str
    path: Path


def is_log(name: str) -> bool:
    """Say whether a file of this name is a log, which tells when and not what was learnt."""
    return _LOGS.search(name) is not None


def find_logs(output: Path) -> list[LogFile]:
    """Return the files below an output folder that may tell steps, the newest of each kind last."""
    if not output.is_dir():
        return []
    found = []
    for path in files_below(output):
        with contextlib.suppress(FileNotFoundError):  # it was removed with its checkpoint
            if _NAMES.search(path.name):
                status = path.stat()
                found.append((status.st_mtime_ns, str(path), status.st_size))
    return [LogFile(_kind(Path(path)), Path(path)) for _, path, size in sorted(found)
            if size <= _LARGEST]  # fmt: skip


def read_log(path: Path) -> list[Entry]:
    """Return the steps that a file tells, in its order; none where it tells of something else."""
    kind = _kind(path)
    try:
        if kind == "TensorBoard events":
            return _merged(_from_events(path))
        return _read_text(kind, path.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        return []  # it was removed with its checkpoint


def saved_rate(output: Path) -> float:
    """Return how many steps an epoch has, as the newest ``trainer_state.json`` tells; 0 if none."""
    for log in reversed(find_logs(output)):
        content = None
        with contextlib.suppress(FileNotFoundError):
            content = _object(log.path.read_text(encoding="utf-8")) if log.kind == "JSON" else None
        if isinstance(content, dict):
            step, epoch = content.get("global_step"), content.get("epoch")
            if isinstance(step, int) and isinstance(epoch, int | float) and step and epoch:
                return float(round(step / epoch))
    return 0.0


def count_kept(path: Path, before: bytes) -> int | None:
    """Return how many steps a file tells in the lines that it had before, to the byte.

    A start may cut a log and tell its steps again: with other times, they are other lines. None
    where a file is not read by lines.
    """
    kind = _kind(path)
    if kind not in ("table", "JSON lines"):
        return None
    kept = _common_beginning(before, path.read_bytes())
    lines = kept[: kept.rfind(b"\n") + 1].decode(encoding="utf-8", errors="replace")
    return len(_read_text(kind, lines))


def _common_beginning(before: bytes, now: bytes) -> bytes:
    """Return what both begin with; by halves, since logs are long and are read again and again."""
    if now.startswith(before):
        return before
    same, other = 0, min(len(before), len(now)) + 1
    while other - same > 1:
        middle = (same + other) // 2
        if before[same:middle] == now[same:middle]:
            same = middle
        else:
            other = middle
    return now[:same]


def _read_text(kind: str, text: str) -> list[Entry]:
    if kind == "table":
        return _merged(_from_table(text))
    if kind == "JSON":
        return list(_from_history(text))
    return _merged(_from_objects(map(_object, text.splitlines())))


def _kind(path: Path) -> str:
    if "tfevents" in path.name:
        return "TensorBoard events"
    suffix = path.suffix.lower()
    return {".csv": "table", ".tsv": "table", ".json": "JSON"}.get(suffix, "JSON lines")


def _object(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None  # a line that is being written


def _from_history(text: str) -> Iterator[Entry]:
    content = _object(text)
    if isinstance(content, dict):
        content = content.get("log_history", content.get("history"))
    if isinstance(content, list):
        yield from _from_objects(content)


def _from_table(text: str) -> Iterator[Entry]:
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    separator = "\t" if lines and "\t" in lines[0] else ","
    yield from _from_objects(csv.DictReader(io.StringIO("".join(lines)), delimiter=separator))


def _from_events(path: Path) -> Iterator[Entry]:
    for step, tag, value in read_scalars(path):
        tag = tag.casefold()
        if tag in _LOSSES:
            yield Entry(step, value, None)
        elif tag in _RATES:
            yield Entry(step, None, value)


def _from_objects(objects: Iterable[Any]) -> Iterator[Entry]:
    for each in objects:
        if not isinstance(each, Mapping):
            continue
        values = {str(key).strip().casefold(): value for key, value in each.items()}
        step = _first(values, _STEPS)
        loss, rate = _first(values, _LOSSES), _first(values, _RATES)
        if step is not None and math.isfinite(step) and (loss is not None or rate is not None):
            yield Entry(int(step), loss, rate)


def _first(values: Mapping[str, Any], names: Sequence[str]) -> float | None:
    for name in names:
        if (number := _number(values.get(name))) is not None:
            return number
    return None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _merged(entries: Iterable[Entry]) -> list[Entry]:
    """Return one entry for neighbours of the same step that tell its loss and its rate apart."""
    merged: list[Entry] = []
    for entry in entries:
        last = merged[-1] if merged else None
        if last is None or last.step != entry.step or _both(last.loss, entry.loss):
            merged.append(entry)
        else:
            loss = last.loss if entry.loss is None else entry.loss
            merged[-1] = Entry(entry.step, loss, last.lr if entry.lr is None else entry.lr)
    return merged


def _both(a: float | None, b: float | None) -> bool:
    return a is not None and b is not None
