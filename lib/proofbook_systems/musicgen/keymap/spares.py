"""Tell keys of a checkpoint that do no harm: further copies of parameters, and counters.

Training keeps a smoothed copy of the weights next to them, and layers keep masks and counters. None
of them makes the checkpoint another model's. A copy is known by its name and shape, not by values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from proofbook_systems.musicgen.keymap.copies import SMOOTHED
from proofbook_systems.musicgen.keymap.names import canonical, role
from proofbook_systems.musicgen.keymap.slots import TensorSpec

__all__ = ["find_spares"]

_WHOLE = re.compile(r"bool|u?int\d+")


def find_spares(
    unused: Iterable[str], used: Iterable[str], sources: Mapping[str, TensorSpec]
) -> dict[str, str]:
    """Return which unused keys are spare, and the used key that each is a copy of, or nothing."""
    unused, used = list(unused), list(used)
    ours, theirs = _shared(used), _shared(unused)
    plain = {canonical(key)[len(ours) :]: key for key in used}
    spares = {}
    for key in unused:
        name = canonical(key)
        smoothed = SMOOTHED.sub("", name).lstrip("._")
        names = (name.removeprefix(theirs), smoothed, smoothed.removeprefix(ours), *_shorter(name))
        copied = next((plain[n] for n in names if n in plain), "")
        if copied and sources[copied].shape == sources[key].shape:
            spares[key] = copied
        elif SMOOTHED.search(name.rpartition(".")[0]) and not sources[key].shape:
            spares[key] = ""  # how slow the average is
        elif role(name) == "other" and _WHOLE.fullmatch(sources[key].dtype):
            spares[key] = ""
    return spares


def _shared(keys: list[str]) -> str:
    """Return the tokens that all keys begin with, and the separator."""
    shared = []
    for tokens in zip(*(canonical(key).split(".") for key in keys), strict=False):
        if len(set(tokens)) > 1 or len(keys) < 2:
            break
        shared.append(f"{tokens[0]}.")
    return "".join(shared)


def _shorter(name: str) -> list[str]:
    """Return a name without its first token, or its first two."""
    tokens = name.split(".")
    return [".".join(tokens[count:]) for count in (1, 2)]
