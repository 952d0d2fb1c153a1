"""The steps that a trainer says it made: from what it prints, or from its own file of lines.

Knows nothing about processes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["Step", "last_step", "read_steps"]

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf"
_BAR = re.compile(r"(?P<step>\d+)/\d+ \[[^\]]*\]?")
_PLAIN = re.compile(r"\bstep[ :=]+(?P<step>\d+)", re.IGNORECASE)
_LOSS = re.compile(rf"\bloss[ :=]+(?P<value>{_NUMBER})", re.IGNORECASE)
_RATE = re.compile(rf"\b(?:lr|learning_rate)[ :=]+(?P<value>{_NUMBER})", re.IGNORECASE)


class Step(NamedTuple):
    """One step, as far as the trainer tells it."""

    number: int
    """From 1."""
    loss: float | None
    lr: float | None


def read_steps(printed: str, log: Path | None = None) -> list[Step]:
    """Return the steps in the order in which they were made; one that is told twice counts once.

    Args:
        printed: All that the trainer printed; progress bars may rewrite their line.
        log: JSON lines with ``step``, ``loss`` and ``lr``; where it exists, it alone counts.
    """
    if log is not None and log.is_file():
        return _once(_from_lines(log.read_text(encoding="utf-8", errors="replace").splitlines()))
    return _once(_from_print(re.split(r"[\r\n]+", printed)))


def last_step(steps: Sequence[Step]) -> int:
    """Return the number of the last step; 0 if there is none."""
    return steps[-1].number if steps else 0


def _from_lines(lines: Iterable[str]) -> Iterable[Step]:
    for line in lines:
        try:
            told = json.loads(line)
            yield Step(int(told["step"]), _number(told.get("loss")), _number(told.get("lr")))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # a line that is being written, or is about something else


def _from_print(lines: Iterable[str]) -> Iterable[Step]:
    for line in lines:
        place = _BAR.search(line) or _PLAIN.search(line)
        loss, rate = _LOSS.search(line), _RATE.search(line)
        if place and (loss or rate):
            yield Step(int(place["step"]), _value(loss), _value(rate))


def _once(steps: Iterable[Step]) -> list[Step]:
    once: list[Step] = []
    for step in steps:
        if once and once[-1].number == step.number:
            once[-1] = step
        else:
            once.append(step)
    return once


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float | str) else None


def _value(match: re.Match[str] | None) -> float | None:
    return float(match["value"]) if match else None
