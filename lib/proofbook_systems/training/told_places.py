"""All places where a training tells its losses: what it prints, JSON lines, TensorBoard, W&B.

Each is read on its own, and compared with the one that tells most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from proofbook_systems.training.log_files import find_logs, read_log
from proofbook_systems.training.running import Ended
from proofbook_systems.training.steps import Recognised, Step, StepLog
from proofbook_systems.training.wandb_files import find_wandb_files, read_wandb

__all__ = ["PLACES", "Place", "disagreement", "find_places", "table_of", "why_uncompared"]

PLACES = ("printed", "JSON lines", "table", "JSON", "TensorBoard events", "W&B")
"""Kinds of places, as parameters name them."""
_DIGITS = 0.02
"""Part by which a printed loss may be rounded."""
_SHIFTS = (0, 1, -1)
"""Steps by which two places may count otherwise."""


class Place(NamedTuple):
    """One place."""

    kind: str
    name: str
    """Of the file in the output folder."""
    losses: dict[int, float]
    """By step."""

    @property
    def words(self) -> str:
        """What was found, in a line."""
        where = f" ({self.name})" if self.name else ""
        if not self.losses:
            return f"{self.kind}{where}: no losses"
        span = f"steps {min(self.losses)} to {max(self.losses)}"
        return f"{self.kind}{where}: {len(self.losses)} losses, {span}"


def find_places(ended: Ended, output: Path) -> list[Place]:
    """Return every place that tells at least one loss; the newest file of each kind."""
    printed: Recognised | None
    printed, steps = StepLog(output=output / "no such folder").read(ended.printed)
    places = {"printed": Place("printed", printed.name if printed else "", _losses(steps))}
    for log in find_logs(output):
        entries = {e.step: e.loss for e in read_log(log.path) if e.loss is not None}
        if entries:
            places[log.kind] = Place(log.kind, str(log.path.relative_to(output)), entries)
    for path in find_wandb_files(output):
        if losses := read_wandb(path):
            places["W&B"] = Place("W&B", str(path.relative_to(output)), losses)
    return [place for place in places.values() if place.losses]


def disagreement(places: Sequence[Place]) -> str:
    """Name the first step of which two places tell another loss; empty where they agree.

    One place may count from 0, and another from 1: they agree where they do in either way. Where
    one counts updates and the other forward passes, an update's loss lies among those of its
    passes.
    """
    best, others = _sorted(places)
    for place in others:
        same = any(_same(place, best, shift) for shift in _SHIFTS)
        if _shared(place, best) and not same and not _counts_otherwise(place, best):
            return _first_other(place, best)
    return ""


def why_uncompared(places: Sequence[Place]) -> str:
    """Say why no two places can disagree; empty where two of them tell losses of the same step."""
    best, others = _sorted(places)
    if not others:
        return "losses are told in one place alone" if places else "no losses are told anywhere"
    if not any(_shared(place, best) for place in others):
        return "no two places tell the loss of the same step"
    return ""


def _sorted(places: Sequence[Place]) -> tuple[Place, list[Place]]:
    """Return the place that tells most, and the others."""
    best = max(places, key=lambda place: len(place.losses), default=Place("", "", {}))
    return best, [place for place in places if place is not best]


def _shared(place: Place, best: Place) -> list[int]:
    return sorted(place.losses.keys() & best.losses.keys())


def _same(place: Place, best: Place, shift: int) -> bool:
    """Say whether two places agree, with one counted so many steps later."""
    common = [step for step in place.losses if step + shift in best.losses]
    if not common or (shift and len(common) < len(place.losses) - 1):
        return False
    return all(_close(place.losses[step], best.losses[step + shift]) for step in common)


def _counts_otherwise(place: Place, best: Place) -> bool:
    """Say whether both tell every number, and one of them tells several passes of each update."""
    ours, theirs = len(place.losses), len(best.losses)
    whole = all(max(each.losses) - min(each.losses) + 1 == len(each.losses)
                for each in (place, best))  # fmt: skip
    return whole and theirs >= 2 * ours - 1 and ours > 1 and _lies_among(place, best)


def _lies_among(place: Place, best: Place) -> bool:
    """Say whether each loss of updates lies among those of the passes that were made about then.

    The last update of an epoch may have fewer passes: so it is looked for an update to each side.
    """
    passes = [best.losses[step] for step in sorted(best.losses)]
    share = len(passes) / len(place.losses)
    for number, step in enumerate(sorted(place.losses)):
        near = passes[max(0, int((number - 1) * share)) : math.ceil((number + 2) * share)]
        slack = _DIGITS * max(map(abs, near))
        if not min(near) - slack <= place.losses[step] <= max(near) + slack:
            return False
    return True


def _first_other(place: Place, best: Place) -> str:
    for step in _shared(place, best):
        a, b = place.losses[step], best.losses[step]
        if not _close(a, b):
            return f"step {step}: {a:.6g} in {place.kind}, {b:.6g} in {best.kind}"
    return ""


def _close(a: float, b: float) -> bool:
    both_nan = math.isnan(a) and math.isnan(b)
    return a == b or both_nan or abs(a - b) <= _DIGITS * max(abs(a), abs(b))


def table_of(places: Sequence[Place]) -> str:
    """Return the places, a line each."""
    return "\n".join(place.words for place in places) or "no losses are told anywhere"


def _losses(steps: Sequence[Step]) -> dict[int, float]:
    return {step.number: step.loss for step in steps if step.loss is not None}
