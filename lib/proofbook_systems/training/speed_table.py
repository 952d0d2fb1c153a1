"""How long one step of training should take on a GPU: a table that a person gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from proofbook.errors import SubjectError

__all__ = ["Speed", "draw_table", "find_speed", "read_table"]


class Speed(NamedTuple):
    """What is expected of a GPU, in seconds a step."""

    fastest: float
    slowest: float


def read_table(table: Mapping[str, Sequence[float]]) -> dict[str, Speed]:
    """Return the speeds by the GPU's name.

    Raises:
        SubjectError: An entry is not two positive numbers, the faster one first.
    """
    for name, seconds in table.items():
        if len(seconds) != 2 or not 0 < seconds[0] <= seconds[1]:
            raise SubjectError(
                f"gpu_speeds: {name!r} has {list(seconds)}; give the fewest and the most seconds "
                "of a step, such as [3, 4]"
            )
    return {name: Speed(*seconds) for name, seconds in table.items()}


def find_speed(table: Mapping[str, Speed], name: str) -> Speed | None:
    """Return what is expected of a GPU that its driver calls ``name``; None if nothing is."""
    fitting = [each for each in table if name.casefold().endswith(each.casefold())]
    return table[max(fitting, key=len)] if fitting else None


def draw_table(table: Mapping[str, Speed], measured: str, seconds: float) -> str:
    """Return the table as text, with a row for what was measured."""
    rows = [(name, f"{each.fastest:g} to {each.slowest:g}") for name, each in table.items()]
    rows.append((f"{measured}, measured", f"{seconds:.3g}"))
    width = max(len(name) for name, _ in rows)
    return "\n".join([f"{'GPU':{width}}  seconds a step", *(f"{a:{width}}  {b}" for a, b in rows)])
