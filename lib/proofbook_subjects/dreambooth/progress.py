"""What a training says while it goes on: a bar for people, a line of JSON a step for programs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["LOG_FILE", "Progress", "StepRecord"]

LOG_FILE = "train_log.jsonl"


class StepRecord(NamedTuple):
    """One step."""

    step: int
    loss: float
    """Mean over its forward passes."""
    lr: float
    """Learning rate that it was made with."""
    seconds: float


class Progress:
    """The bar and the log of one training; resumed, both go on where they were."""

    def __init__(self, folder: Path, first: int, total: int) -> None:
        from tqdm import tqdm

        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / LOG_FILE
        _cut_after(self._path, first)
        self._file = self._path.open("a", encoding="utf-8")
        self._bar: Any = tqdm(total=total, initial=first, desc="Steps")
        self._last = time.monotonic()

    def step(self, step: int, loss: float, lr: float) -> None:
        """Note a step that has been made."""
        now = time.monotonic()
        record = StepRecord(step, loss, lr, now - self._last)
        self._last = now
        self._file.write(json.dumps(record._asdict()) + "\n")
        self._file.flush()
        self._bar.set_postfix(loss=loss, lr=lr, refresh=False)
        self._bar.update(1)

    def say(self, words: str) -> None:
        """Print a line above the bar."""
        self._bar.write(words)

    def close(self) -> None:
        """End the bar."""
        self._file.close()
        self._bar.close()


def _cut_after(path: Path, step: int) -> None:
    """Drop the lines of steps that will be made again, and a torn last one."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(f"{line}\n")
        except (ValueError, KeyError, TypeError):
            continue
    path.write_text("".join(kept), encoding="utf-8")
