"""What a training says while it goes on: a bar for people, a line of JSON a step for programs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from proofbook.files import atomic_write

__all__ = ["LOG_FILE", "Progress", "StepLogger", "StepRecord"]

LOG_FILE = "train_log.jsonl"


class StepRecord(NamedTuple):
    """One step."""

    step: int
    epoch: int
    """From 0."""
    loss: float
    """Mean over its tokens."""
    lr: float
    """Learning rate that it was made with."""
    grad_norm: float | None
    """Before it was cut."""
    tokens: int
    """That were predicted."""
    seconds: float


class StepLogger(Protocol):
    """Another place that steps are told to."""

    def log(self, record: StepRecord) -> None:
        """Note a step."""

    def close(self) -> None:
        """End."""


class Progress:
    """The bar and the log of one training; resumed, both go on where they were."""

    def __init__(self, folder: Path, first: int, total: int, *others: StepLogger) -> None:
        from tqdm import tqdm

        folder.mkdir(parents=True, exist_ok=True)
        self._path, self._others = folder / LOG_FILE, others
        _cut_after(self._path, first)
        self._file = self._path.open("a", encoding="utf-8")
        self._bar: Any = tqdm(total=total, initial=first, desc="Steps")
        self._last = time.monotonic()

    def lap(self) -> float:
        """Return the seconds since the last time."""
        now = time.monotonic()
        seconds, self._last = now - self._last, now
        return seconds

    def step(self, record: StepRecord) -> None:
        """Note a step that has been made."""
        self._file.write(json.dumps(record._asdict()) + "\n")
        self._file.flush()
        for other in self._others:
            other.log(record)
        self._bar.set_postfix(loss=record.loss, lr=record.lr, refresh=False)
        self._bar.update(1)

    def say(self, words: str) -> None:
        """Print a line above the bar."""
        self._bar.write(words)

    def close(self) -> None:
        """End the bar and the log."""
        self._file.close()
        self._bar.close()
        for other in self._others:
            other.close()


def _cut_after(path: Path, step: int) -> None:
    """Drop the lines of steps that will be made again, and a torn last one."""
    if not path.exists():
        return
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if _step(line) <= step]
    atomic_write(path, "".join(f"{line}\n" for line in kept))


def _step(line: str) -> float:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
