"""Set whole smoothed copies of a model apart, before its keys are aligned.

Training saves the weights and their moving average, each behind a prefix: then every parameter has
two keys that fit. The average is known by the word in its prefix and by having the name and shape
of every other tensor; its values say nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping

from proofbook_systems.musicgen.keymap.slots import TensorSpec

__all__ = ["SMOOTHED", "find_copies"]

SMOOTHED = re.compile(r"(?:^|[._])(?:ema|avg|averaged|shadow|swa|polyak)(?=[._]|$)")
"""A word that says of what is behind it that it is an average."""
_NUMBERED = re.compile(r"(?P<prefix>(?:.*\.)?shadow_params\.)\d+")
_FEWEST = 4
_LONGEST_PREFIX = 3


def find_copies(sources: Mapping[str, TensorSpec], named: Collection[str] = ()) -> dict[str, str]:
    """Return the keys of smoothed copies, and the key that each is a copy of, or nothing.

    Args:
        sources: All tensors of a checkpoint, in its order.
        named: Keys that a person asks for: a copy with one of them is left where it is.
    """
    copies: dict[str, str] = {}
    for prefix in _smoothed_prefixes(sources):
        smoothed = [key for key in sources if key.startswith(prefix) and key not in copies]
        rest = [key for key in sources if not key.startswith(prefix) and key not in copies]
        found = _copied(smoothed, rest, sources)
        if found and not set(found) & set(named):
            copies |= found
    return copies


def _smoothed_prefixes(sources: Mapping[str, TensorSpec]) -> list[str]:
    """Return the beginnings of keys, up to three tokens, that say so; the shortest first."""
    counts: Counter[str] = Counter()
    for key in sources:
        tokens = key.split(".")
        for count in range(1, min(_LONGEST_PREFIX, len(tokens) - 1) + 1):
            prefix = ".".join(tokens[:count])
            if SMOOTHED.search(prefix):
                counts[f"{prefix}."] += 1
                break
    return sorted((p for p, count in counts.items() if count >= _FEWEST), key=len)


def _copied(
    smoothed: list[str], rest: list[str], sources: Mapping[str, TensorSpec]
) -> dict[str, str]:
    """Return which key each is a copy of; empty unless each that is no single number is one."""
    values = [key for key in smoothed if sources[key].shape]
    if all(_NUMBERED.fullmatch(key) for key in values):
        shapes = [Counter(sources[key].shape for key in keys) for keys in (values, rest)]
        return dict.fromkeys(smoothed, "") if shapes[0] == shapes[1] else {}
    prefix = _shared(values)
    for raw in _leads(values, prefix, rest):
        # The names of buffers may have no dots, and then a copy's are left out.
        names = {key[len(raw) :].replace(".", ""): key for key in rest if key.startswith(raw)}
        found = {key: names.get(key[len(prefix) :].replace(".", ""), "") for key in values}
        if all(copied and _alike(sources, key, copied) for key, copied in found.items()):
            return {key: found.get(key, "") for key in smoothed}
    return {}


def _shared(keys: list[str]) -> str:
    """Return the tokens with which all keys begin, their last one left out."""
    begins: list[str] = []
    for tokens in zip(*(key.split(".")[:-1] for key in keys), strict=False):
        if len(set(tokens)) > 1:
            break
        begins.append(f"{tokens[0]}.")
    return "".join(begins)


def _leads(values: list[str], prefix: str, rest: list[str]) -> list[str]:
    """Return the beginnings of keys behind which the first value's name comes again."""
    name = values[0][len(prefix) :].replace(".", "") if values else ""
    tokens = [key.split(".") for key in rest]
    found = [
        "".join(f"{token}." for token in each[:count])
        for each in tokens
        for count in range(len(each))
        if "".join(each[count:]) == name
    ]
    return sorted(set(found), key=len)


def _alike(sources: Mapping[str, TensorSpec], key: str, other: str) -> bool:
    return sources[key].shape == sources[other].shape
