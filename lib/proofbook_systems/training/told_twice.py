"""Does a log tell the steps twice that a crash had a trainer make again?

Who draws it, or takes a mean of it, has those of the crash in it, too. Knows nothing of crashes.
"""

from __future__ import annotations

from pathlib import Path

from proofbook_systems.training.log_files import find_logs, read_log

__all__ = ["told_twice", "why_twice_unknown"]

_KINDS = ("JSON lines", "table", "JSON")
"""Of events TensorBoard takes the last ones by itself."""


def told_twice(alone: Path, resumed: Path) -> list[str]:
    """Return the logs of a resumed training that tell steps twice, and once where it is left alone.

    Args:
        alone: The output folder of a training that was left alone.
        resumed: That of the same one, resumed.
    """
    once = _logs_with_each_once(alone)
    found = []
    for place, steps in _steps_by_log(resumed).items():
        twice = sorted({step for step in steps if steps.count(step) > 1})
        if place in once and twice:
            found.append(
                f"{place} has step {twice[0]} {steps.count(twice[0])} times; so it has "
                f"{len(twice)} of {len(set(steps))} steps"
            )
    return found


def why_twice_unknown(alone: Path) -> str:
    """Say why nothing can be said of steps that are told twice; empty where something can."""
    return "" if _logs_with_each_once(alone) else "no file of its output folder tells a step once"


def _logs_with_each_once(output: Path) -> frozenset[str]:
    found = _steps_by_log(output).items()
    return frozenset(place for place, steps in found if len(set(steps)) == len(steps) > 1)


def _steps_by_log(output: Path) -> dict[str, list[int]]:
    return {
        log.path.relative_to(output).as_posix(): [entry.step for entry in read_log(log.path)]
        for log in find_logs(output) if log.kind in _KINDS
    }  # fmt: skip
