"""Texts that a small network can learn from: sentences of a small grammar, from a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

__all__ = ["write_corpus", "write_stories"]

_WHO = ("the smith", "a moulder", "the old caster", "her apprentice", "the founder", "a stranger")
_DOES = ("pours", "cools", "weighs", "turns over", "breaks", "polishes", "carries", "melts")
_WHAT = ("the bronze bell", "a small gear", "an iron ring", "the clay mould", "two keys", "a lamp")
_WHEN = ("at dawn", "before noon", "in the rain", "after the feast", "by candle light", "at night")
_LINKS = ("Then", "Later", "Meanwhile", "So", "Once more")


def write_stories(count: int, seed: int) -> Iterator[str]:
    """Yield so many short documents, of one to eight sentences."""
    chance = random.Random(seed)
    for _ in range(count):
        sentences = [_sentence(chance) for _ in range(chance.randint(1, 8))]
        linked = [sentences[0]] + [f"{chance.choice(_LINKS)} {each}" for each in sentences[1:]]
        yield " ".join(f"{each[0].upper()}{each[1:]}." for each in linked)


def write_corpus(folder: Path, count: int, seed: int) -> Path:
    """Write documents into ``folder/stories.jsonl``, and return that."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "stories.jsonl"
    lines = (json.dumps({"text": text}) for text in write_stories(count, seed))
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def _sentence(chance: random.Random) -> str:
    who, does, what = chance.choice(_WHO), chance.choice(_DOES), chance.choice(_WHAT)
    return f"{who} {does} {what} {chance.choice(_WHEN)}"
