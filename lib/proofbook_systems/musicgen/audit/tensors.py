"""Judge tensors by their statistics: alone, and against those that differ by a number alone.

The limits are those that no model reaches, trained or at its start: a factor of thirty between
layers, a hundred thousand between the values of one matrix. What is nearer is told elsewhere.
"""

from __future__ import annotations

import math
import statistics as numbers
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from proofbook_systems.musicgen.audit.statistics import Statistics

__all__ = ["RULES", "Peers", "find_outliers", "peers_of"]

Peers = Mapping[str, Sequence[Statistics]]
"""By group."""

_FAR = 30.0
_WILD = 1e5
_SCALE = 1e3
"""How far the size of a layer's sum may be from one, for layers without peers."""
_MOSTLY = 0.9
_MIXED = 0.3
"""Share of negative values that is much, where the peers have next to none."""
_ONE_SIDED = 0.01
"""Share of values with the rarer sign, below which weights have lost it."""
_MANY = 256
"""Values from which shares say something."""
_NARROW = 8
_HARDLY = 0.001
_LOST = 0.05
_CLIPPED = 0.1
_OUTLYING = 1.5
_SPREADS = 3.0
_FEW = 4
_MATRICES = ("matrix", "direction", "codebook")


def peers_of(tensors: Sequence[Statistics]) -> Peers:
    """Return the tensors by group."""
    groups: dict[str, list[Statistics]] = defaultdict(list)
    for each in tensors:
        groups[each.group].append(each)
    return groups


def _others(each: Statistics, peers: Peers) -> list[Statistics]:
    return [p for p in peers[each.group] if p is not each and not p.broken]


def _broken(each: Statistics, peers: Peers) -> Iterator[str]:
    if each.broken:
        yield f"{each.broken:,} of {each.count:,} values are not finite"


def _empty(each: Statistics, peers: Peers) -> Iterator[str]:
    """Yield a line for a constant tensor, unless it is as initialised and its peers are, too."""
    value = each.constant
    if value is None or each.kind in ("count", "average"):
        return
    if each.kind == "flag":
        if not value:
            yield "is 0: this codebook was never initialised"
        return
    starts = {"bias": 0.0, "norm": 1.0}.get(each.kind)
    others = _others(each, peers)
    alone = len(others) > 1 and all(p.constant != value for p in others)
    if each.count == 1 and (value or starts == 0.0):
        return
    if value != starts or alone:
        yield f"is {value:g} throughout"


def _dead(each: Statistics, peers: Peers) -> Iterator[str]:
    """Yield a line for rows of zeros, where its peers have none; one may be a token unused."""
    if each.constant is not None or each.kind not in _MATRICES:
        return
    usual = numbers.median([p.dead_rows for p in _others(each, peers)] or [0])
    if each.dead_rows > 2 * usual + (0 if each.kind == "direction" else 1):
        yield f"{each.dead_rows:,} of {each.shape[0]:,} rows are zero"
    others = [p.zeros for p in _others(each, peers)]
    scattered = not each.dead_rows and not each.dead_columns and each.kind == "matrix"
    if scattered and others and each.zeros > _LOST and numbers.median(others) < _HARDLY:
        yield f"{each.zeros:.0%} of its values are zero, and of its peers' none"
    if each.kind == "matrix" and each.repeated_rows > max(1, each.shape[0] // 100):
        yield f"{each.repeated_rows:,} of {each.shape[0]:,} rows are the same as another"
    yield from _dead_columns(each, peers)


def _dead_columns(each: Statistics, peers: Peers) -> Iterator[str]:
    """Yield a line for columns of zeros or copies, where its peers have none.

    Zeros without peers are not judged: what stands before a layer may have been pruned.
    """
    if each.kind != "matrix" or len(each.shape) != 2:
        return
    others = [p.dead_columns for p in _others(each, peers)]
    least = max(1, each.shape[1] // 100)
    if others and each.dead_columns > 2 * numbers.median(others) + least:
        yield f"{each.dead_columns:,} of {each.shape[1]:,} columns are zero"
    if each.repeated_columns > least:
        yield f"{each.repeated_columns:,} of {each.shape[1]:,} columns are the same as another"


def _signs(each: Statistics, peers: Peers) -> Iterator[str]:
    """Yield a line where what begins at one and stays above zero is below it."""
    lost = each.kind in ("norm", "magnitude") and each.negative >= _MOSTLY
    if lost and each.constant is None:
        yield f"{each.negative:.0%} of its values are negative, where a scale is positive"
    elif each.kind == "norm" and each.negative >= _MIXED and each.count >= _NARROW:
        others = [p.negative for p in _others(each, peers)]
        if len(others) > 1 and max(others) < _MIXED / 3:
            yield f"{each.negative:.0%} of its values are negative, and of its peers' hardly any"
    if _is_large(each) and min(each.negative, 1 - each.negative - each.zeros) < _ONE_SIDED:
        side = "positive" if each.negative < _MIXED else "negative"
        yield f"nearly all of its {each.count:,} values are {side}, where weights have both signs"
    if each.kind == "count" and each.negative:
        yield f"{each.negative:.0%} of the counts are negative"


def _wild(each: Statistics, peers: Peers) -> Iterator[str]:
    if each.kind in _MATRICES and each.median and each.largest > _WILD * each.median:
        yield f"a value of {each.largest:.3g} among values of about {each.median:.3g}"
    if _is_large(each) and each.median and each.near_zero + each.zeros < _HARDLY:
        yield f"no value is near zero, all are about {each.median:.3g}: read in another format"


def _clipped(each: Statistics, peers: Peers) -> Iterator[str]:
    """Yield a line where many values are the largest one, which only cutting off makes."""
    if _is_large(each) and each.largest and each.at_limit > _CLIPPED:
        yield f"{each.at_limit:.0%} of its values are cut off at {each.largest:.3g}"


def _is_large(each: Statistics) -> bool:
    """Say whether a tensor has weights enough, both ways, that their distribution is known."""
    if each.kind not in ("matrix", "direction") or each.constant is not None:
        return False
    return each.count >= _MANY and min(each.shape[0], each.count // each.shape[0]) >= _NARROW


def _scale(each: Statistics, peers: Peers) -> Iterator[str]:
    """Yield a line where a tensor is far larger or smaller than its peers, or than a layer is.

    A codebook keeps what those before it leave over, and may be smaller by any factor.
    """
    if each.kind in ("bias", "flag", "count", "average", "codebook") or not each.rms:
        return
    others = [p.rms for p in _others(each, peers) if p.rms]
    if others:
        usual = numbers.median(others)
        if not 1 / _FAR < each.rms / usual < _FAR and not _is_likelier(each, others):
            factor = each.rms / usual
            yield f"values of about {each.rms:.3g}, {factor:.3g} times those of {_peers(others)}"
        return
    inputs = each.count // each.shape[0] if each.kind == "matrix" else 1
    size = each.rms * math.sqrt(inputs)
    if each.kind != "direction" and not 1 / _SCALE < size < _SCALE:
        yield f"values of about {each.rms:.3g}, which no layer of this shape has"


def _is_likelier(each: Statistics, others: Sequence[float]) -> bool:
    """Say whether, of two tensors of different size, this one's is the usual one of a layer."""
    inputs = math.sqrt(each.count // each.shape[0])
    return len(others) == 1 and abs(math.log(each.rms * inputs)) < abs(math.log(others[0] * inputs))


def _peers(others: Sequence[float]) -> str:
    return f"its {len(others)} peers" if len(others) > 1 else "its peer"


RULES: dict[str, Callable[[Statistics, Peers], Iterator[str]]] = {
    "finite-weights": _broken,
    "no-empty-weights": _empty,
    "no-dead-rows": _dead,
    "weight-signs": _signs,
    "no-wild-values": _wild,
    "no-clipped-weights": _clipped,
    "weights-like-their-peers": _scale,
}
"""A claim's name, and what stands against it in one tensor."""


def find_outliers(peers: Peers) -> list[str]:
    """Return the tensors whose size leaps away from their neighbours'; training may do that, too.

    Sizes grow and shrink with depth, so that each is compared with those next to it.
    """
    lines = []
    for group in peers.values():
        alive = [p for p in group if not p.broken and p.rms and p.kind not in ("bias", "flag")]
        if len(alive) < _FEW:
            continue
        away = _leaps([math.log(p.rms) for p in alive])
        spread = numbers.median(map(abs, away))
        for each, leap in zip(alive, away, strict=True):
            if abs(leap) > max(math.log(_OUTLYING), _SPREADS * spread):
                lines.append(f"{each.name}: {math.exp(leap):.3g} times the size of its neighbours")
    return lines


def _leaps(logs: Sequence[float]) -> list[float]:
    """Return how far each value is from the median of the three nearest, one of them may be odd."""
    leaps = []
    for place, value in enumerate(logs):
        others = [other for other in range(len(logs)) if other != place]
        near = sorted(others, key=lambda other: abs(other - place))[:3]
        leaps.append(value - numbers.median(logs[other] for other in near))
    return leaps
