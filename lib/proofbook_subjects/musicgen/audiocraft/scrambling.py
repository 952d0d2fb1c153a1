"""Rename keys as wrappers, refactorings and exports do, reproducibly.

A renaming is a bijection: new words for the words before the first number, wrappers between
tokens, another separator. The last two tokens and all numbers stay.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

__all__ = ["scramble"]

_SYLLABLES = ("ba", "ko", "ri", "tu", "ne", "lo", "mi", "sa", "vu", "ze")
_OWN_WRAPPERS = ("inner", "wrapped", "core", "ddp")


def scramble(names: Iterable[str], seed: int) -> dict[str, str]:
    """Return old name to new name."""
    names = list(names)
    chance = random.Random(seed)
    separator = chance.choice("._/:-")
    prefixes: dict[tuple[str, ...], list[str]] = {}
    renamed = {}
    for name in names:
        prefix, kept = _split(name.split("."))
        if prefix not in prefixes:
            prefixes[prefix] = [f"{_word(chance)}{len(prefixes)}x" for _ in prefix]
        tokens = prefixes[prefix] + kept
        if chance.random() < 0.3:
            place = chance.randrange(max(1, len(tokens) - 1))
            tokens = [*tokens[:place], chance.choice(_OWN_WRAPPERS), *tokens[place:]]
        renamed[name] = separator.join(tokens)
    if len(set(renamed.values())) < len(names):
        return scramble(names, seed + 1)
    return renamed


def _split(tokens: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """Cut before the first number, and at the latest before the last two tokens."""
    first = next((i for i, token in enumerate(tokens) if token.isdecimal()), len(tokens))
    cut = max(0, min(first, len(tokens) - 2))
    return tuple(tokens[:cut]), tokens[cut:]


def _word(chance: random.Random) -> str:
    return "".join(chance.choices(_SYLLABLES, k=3))
