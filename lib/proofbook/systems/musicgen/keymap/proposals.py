"""Propose which leftover key fills which leftover slot, and say which proposals are safe.

Slots and keys of equal shape and kind are paired one to one so that the sum of scores is largest. A
proposal is safe only where no other slot and no other key comes near it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from proofbook.systems.musicgen.keymap.names import role
from proofbook.systems.musicgen.keymap.similarity import NEAR_END, Spelling, read_name, score_matrix
from proofbook.systems.musicgen.keymap.slots import Slot, TensorSpec, kind_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["AMBIGUITY", "Match", "match_keys"]

AMBIGUITY = 0.02
"""A proposal whose runner-up, on either side, is nearer than this is never applied by itself."""
_PASSES = 3
_SUPPORT = 2
_EPSILON = 1e-9

_Prefixes = Mapping[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Match:
    """A key proposed for a slot."""

    slot: Slot
    key: str
    score: float
    """0 to 1."""
    margin: float
    """Distance to the nearest rival, for the slot or for the key; 1 where there is none."""
    rival: str
    """That rival's name; empty where there is none."""

    @property
    def unambiguous(self) -> bool:
        """Whether nothing else comes near."""
        return self.margin >= AMBIGUITY - _EPSILON


class _Group(NamedTuple):
    """Slots and keys that could fill one another."""

    slots: list[Slot]
    keys: list[str]
    scores: NDArray[np.float64]


def match_keys(slots: Sequence[Slot], keys: Mapping[str, TensorSpec]) -> list[Match]:
    """Return the best one-to-one pairs, whatever their score.

    What shapes, numbers and endings alone make certain tells first which prefix stands for which,
    whatever the prefixes are called; that then breaks ties between slots which only their prefix
    tells apart.
    """
    learned: _Prefixes = {}
    bare = _groups(slots, keys, prefixed=False)
    for _ in range(_PASSES):
        before, learned = learned, _learn([m for group in bare for m in _solve(group, learned)])
        if learned == before:
            break
    whole = _groups(slots, keys, prefixed=True)
    return [match for group in whole for match in _solve(group, learned)]


def _groups(
    slots: Sequence[Slot], keys: Mapping[str, TensorSpec], *, prefixed: bool
) -> list[_Group]:
    """Put together what has the same shape and the same kind of numbers."""
    by_trait: dict[object, tuple[list[Slot], list[str]]] = defaultdict(lambda: ([], []))
    for slot in slots:
        by_trait[slot.spec.shape, kind_of(slot.spec.dtype)][0].append(slot)
    for key, spec in keys.items():
        by_trait[spec.shape, kind_of(spec.dtype)][1].append(key)
    return [
        _Group(mine, theirs, _scores(mine, theirs, prefixed=prefixed))
        for mine, theirs in by_trait.values()
        if mine and theirs
    ]


def _scores(slots: list[Slot], keys: list[str], *, prefixed: bool) -> NDArray[np.float64]:
    """Return the scores; a key that would have to change its values has none."""
    import numpy as np

    spellings = [tuple(map(read_name, slot.spellings)) for slot in slots]
    scores = score_matrix(spellings, [read_name(key) for key in keys], prefixed=prefixed)
    mine = np.array([role(slot.name) for slot in slots])[:, None]
    theirs = np.array([role(key) for key in keys])[None, :]
    conflict = (mine != theirs) & (mine != "other") & (theirs != "other")
    scores[conflict] = 0.0
    return scores


def _solve(group: _Group, learned: _Prefixes) -> list[Match]:
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    scores = group.scores.copy()
    prefixes = [read_name(slot.name).prefix for slot in group.slots]
    for column, key in enumerate(group.keys):
        known = _known_prefix(read_name(key), learned)
        if known is not None:
            scores[[prefix != known for prefix in prefixes], column] = 0.0
    rows, columns = linear_sum_assignment(scores, maximize=True)
    best = np.sort(scores, axis=1)[:, ::-1], np.sort(scores, axis=0)[::-1]
    return [
        _match(group, scores, best, int(row), int(column))
        for row, column in zip(rows, columns, strict=True)
        if scores[row, column] > 0
    ]


def _known_prefix(key: Spelling, learned: _Prefixes) -> tuple[str, ...] | None:
    """Return what a key's prefix stands for, or the longest learned one in it, wrappers between."""
    if key.prefix in learned:
        return learned[key.prefix]
    inside = [prefix for prefix in learned if prefix and _within(prefix, key.words)]
    longest = max(map(len, inside), default=0)
    found = {learned[prefix] for prefix in inside if len(prefix) == longest}
    return found.pop() if len(found) == 1 else None


def _within(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    remaining = iter(whole)
    return all(word in remaining for word in part)


def _match(
    group: _Group,
    scores: NDArray[np.float64],
    best: tuple[NDArray[np.float64], NDArray[np.float64]],
    row: int,
    column: int,
) -> Match:
    """Weigh a pair against the best other key for its slot, and the best other slot for its key."""
    score = float(scores[row, column])
    other_key = _runner_up(best[0][row, :], score)
    other_slot = _runner_up(best[1][:, column], score)
    nearest = max(other_key, other_slot)
    rival = ""
    if nearest > 0:
        by_key = other_key >= other_slot
        line = scores[row, :] if by_key else scores[:, column]
        here = column if by_key else row
        place = next(i for i, s in enumerate(line) if s == nearest and i != here)
        rival = group.keys[place] if by_key else group.slots[place].name
    return Match(
        slot=group.slots[row],
        key=group.keys[column],
        score=score,
        margin=round(score - nearest, 4) if nearest > 0 else 1.0,
        rival=rival,
    )


def _runner_up(descending: NDArray[np.float64], score: float) -> float:
    """Return the best of a sorted line without one entry of ``score``."""
    first = float(descending[0])
    if first > score:
        return first
    return float(descending[1]) if len(descending) > 1 else 0.0


def _learn(matches: Sequence[Match]) -> _Prefixes:
    """Return which prefix of the model each prefix of the checkpoint stands for, where it is sure.

    Sure is what at least two unambiguous pairs say and none contradicts.
    """
    seen: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    for match in matches:
        if match.unambiguous and match.score > NEAR_END:
            seen[read_name(match.key).prefix].append(read_name(match.slot.name).prefix)
    return {
        key: found[0]
        for key, found in seen.items()
        if len(found) >= _SUPPORT and len(set(found)) == 1
    }
