"""Propose which leftover key fills which leftover slot, and say which proposals are safe.

Slots and keys of equal shape and kind are paired one to one so that the sum of scores is largest. A
proposal is safe only where no other slot and no other key comes near it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from proofbook_systems.musicgen.keymap.names import role
from proofbook_systems.musicgen.keymap.similarity import NEAR_END, Spelling, read_name, score_matrix
from proofbook_systems.musicgen.keymap.slots import Slot, TensorSpec, kind_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["AMBIGUITY", "Match", "match_keys"]

AMBIGUITY = 0.02
"""A proposal whose runner-up, on either side, is nearer than this is never applied by itself."""
_PASSES = 3
_SUPPORT = 2
_EPSILON = 1e-9
_CLOSE = 1e-6

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


class _Pairs(NamedTuple):
    """One-to-one pairs of a group: places, scores, and distances to the nearest rival."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    scores: NDArray[np.float64]
    margins: NDArray[np.float64]
    allowed: NDArray[np.float64]
    """The group's scores without what the learned prefixes rule out."""


def match_keys(slots: Sequence[Slot], keys: Mapping[str, TensorSpec]) -> list[Match]:
    """Return the best one-to-one pairs, whatever their score.

    What shapes, numbers and endings alone make certain tells first which prefix stands for which,
    whatever the prefixes are called; that then breaks ties between slots which only their prefix
    tells apart.
    """
    learned: _Prefixes = {}
    bare = _groups(slots, keys, prefixed=False)
    for _ in range(_PASSES):
        before, learned = learned, _learn([(group, _solve(group, learned)) for group in bare])
        if learned == before:
            break
    whole = _groups(slots, keys, prefixed=True)
    return [match for group in whole for match in _matches(group, _solve(group, learned))]


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


def _solve(group: _Group, learned: _Prefixes) -> _Pairs:
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    scores = _allowed(group, learned)
    rows, columns = linear_sum_assignment(scores, maximize=True)
    best = scores[rows, columns]
    rivals = np.maximum(
        _runners_up(scores, best, rows, axis=1), _runners_up(scores, best, columns, axis=0)
    )
    margins = np.where(rivals > 0, np.round(best - rivals, 4), 1.0)
    real = best > 0
    return _Pairs(rows[real], columns[real], best[real], margins[real], scores)


def _allowed(group: _Group, learned: _Prefixes) -> NDArray[np.float64]:
    """Return the scores without the pairs whose prefixes stand for something else."""
    import numpy as np

    if not learned:
        return group.scores
    ids: dict[tuple[str, ...], int] = {}
    mine = [ids.setdefault(read_name(slot.name).prefix, len(ids)) for slot in group.slots]
    known = [_known_prefix(read_name(key), learned) for key in group.keys]
    theirs = np.array([-1 if k is None else ids.get(k, len(ids)) for k in known])
    ruled_out = (np.array(mine)[:, None] != theirs[None, :]) & (theirs >= 0)[None, :]
    return np.where(ruled_out, 0.0, group.scores)


def _runners_up(
    scores: NDArray[np.float64], assigned: NDArray[np.float64], places: NDArray[np.intp], axis: int
) -> NDArray[np.float64]:
    """Return the best score of each pair's row (axis 1) or column (axis 0) apart from its own."""
    import numpy as np

    if scores.shape[axis] == 1:
        return np.zeros(len(places))
    best = np.expand_dims(scores.argmax(axis), axis)
    first = np.take_along_axis(scores, best, axis).squeeze(axis)
    others = scores.copy()
    np.put_along_axis(others, best, -1.0, axis)
    second = others.max(axis)
    runners: NDArray[np.float64] = np.where(first[places] > assigned, first[places], second[places])
    return runners


def _matches(group: _Group, pairs: _Pairs) -> list[Match]:
    return [
        Match(
            slot=group.slots[row],
            key=group.keys[column],
            score=float(score),
            margin=float(margin),
            rival=_rival(group, pairs.allowed, row, column, round(float(score - margin), 4)),
        )
        for row, column, score, margin in zip(*pairs[:4], strict=True)
    ]


def _rival(
    group: _Group, scores: NDArray[np.float64], row: int, column: int, nearest: float
) -> str:
    """Return the key, or else the slot, that comes nearest to a pair."""
    import numpy as np

    if nearest <= 0:
        return ""
    for column_there in np.flatnonzero(np.abs(scores[row, :] - nearest) < _CLOSE):
        if column_there != column:
            return group.keys[column_there]
    for row_there in np.flatnonzero(np.abs(scores[:, column] - nearest) < _CLOSE):
        if row_there != row:
            return group.slots[row_there].name
    return ""


def _known_prefix(key: Spelling, learned: _Prefixes) -> tuple[str, ...] | None:
    """Return what a key's prefix stands for, or the longest learned one in it, wrappers between."""
    if key.prefix in learned:
        return learned[key.prefix]
    inside = [prefix for prefix in learned if prefix and _within(prefix, key.words)]
    longest = max(map(len, inside), default=0)
    prefixes = {learned[prefix] for prefix in inside if len(prefix) == longest}
    return prefixes.pop() if len(prefixes) == 1 else None


def _within(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    remaining = iter(whole)
    return all(word in remaining for word in part)


def _learn(solved: Sequence[tuple[_Group, _Pairs]]) -> _Prefixes:
    """Return which prefix of the model each prefix of the checkpoint stands for, where it is sure.

    Sure is what at least two unambiguous pairs say and none contradicts.
    """
    seen: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    for group, pairs in solved:
        sure = (pairs.margins >= AMBIGUITY - _EPSILON) & (pairs.scores > NEAR_END)
        for row, column in zip(pairs.rows[sure], pairs.columns[sure], strict=True):
            slot = read_name(group.slots[row].name).prefix
            seen[read_name(group.keys[column]).prefix].append(slot)
    return {
        key: prefixes[0]
        for key, prefixes in seen.items()
        if len(prefixes) >= _SUPPORT and len(set(prefixes)) == 1
    }
