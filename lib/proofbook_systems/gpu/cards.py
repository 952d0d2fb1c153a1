"""The checklist's table of graphics cards: how long one step of training takes on each."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CARDS", "Card", "draw_table", "find_card"]


class Card(NamedTuple):
    """What is expected of a card, at 512 pixels and one picture a step."""

    name: str
    memory_gb: int
    fastest: float
    """Seconds a step."""
    slowest: float
    minutes: tuple[int, int]
    """Of 800 steps."""


CARDS = (
    Card("RTX 4090", 24, 3, 4, (40, 55)),
    Card("RTX 4080", 16, 5, 6, (65, 80)),
    Card("RTX 4070 Ti", 12, 7, 8, (90, 110)),
    Card("RTX 4070", 12, 7, 8, (90, 110)),
    Card("RTX 3090", 24, 6, 7, (80, 95)),
    Card("RTX 3080", 10, 9, 10, (120, 135)),
    Card("RTX 3060", 12, 12, 15, (160, 200)),
)


def find_card(name: str) -> Card | None:
    """Return what is expected of a card that its driver calls ``name``; None if nothing is."""
    fitting = [card for card in CARDS if name.casefold().endswith(card.name.casefold())]
    return max(fitting, key=lambda card: len(card.name), default=None)


def draw_table(measured: str, seconds: float) -> str:
    """Return the table as text, with a row for what was measured."""
    rows = [(c.name, f"{c.memory_gb} GB", f"{c.fastest:g} to {c.slowest:g}") for c in CARDS]
    rows.append((f"{measured}, measured", "", f"{seconds:.3g}"))
    width = max(len(row[0]) for row in rows)
    lines = [f"{'card':{width}}  {'memory':>6}  seconds a step"]
    return "\n".join([*lines, *(f"{a:{width}}  {b:>6}  {c}" for a, b, c in rows)])
