"""What a model needs, in audiocraft's terms: one slot for each tensor that a checkpoint may hold.

A slot feeds one or more parameters: the stacked attention weight feeds query, key and value, a
folded convolution weight feeds both halves of a weight-norm pair. Where a parameter can be made in
two ways there are slots for both; one of them is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from proofbook_systems.musicgen.keymap.names import canonical, role
from proofbook_systems.musicgen.keymap.rules import Part, sources_of

__all__ = ["Feed", "Operation", "Slot", "TensorSpec", "kind_of", "slots_for"]

Operation = Literal["copy", "rows", "fold", "magnitude", "direction"]
"""``rows`` takes a part of a stacked tensor; ``fold`` multiplies a weight-norm pair out;
``magnitude`` and ``direction`` take a folded weight apart."""


_Shapes = Mapping[str, tuple[int, ...]]


class TensorSpec(NamedTuple):
    """What is known of a tensor without reading it."""

    shape: tuple[int, ...]
    dtype: str
    """As torch writes it: ``float32``."""


class Feed(NamedTuple):
    """A parameter that takes something from a slot."""

    parameter: str
    operation: Operation
    place: int = 0
    """Which of several equal parts."""
    of: int = 1


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A tensor that a checkpoint may hold."""

    names: tuple[str, ...]
    """Canonical names by the rules, the likelier first; that of the parameter where no rule is."""
    spellings: tuple[str, ...]
    """All names that one may go by, for comparison: the rules', and the parameter's own."""
    spec: TensorSpec
    feeds: tuple[Feed, ...]

    @property
    def name(self) -> str:
        """What to call it."""
        return self.names[0]


def kind_of(dtype: str) -> str:
    """Return ``float``, ``int`` or ``bool``: what may be converted into each other without loss."""
    return "float" if "float" in dtype else "bool" if dtype == "bool" else "int"


def slots_for(part: Part, targets: Mapping[str, TensorSpec]) -> tuple[Slot, ...]:
    """Return the slots that together can fill every parameter of ``targets``."""
    shapes = {canonical(name): spec.shape for name, spec in targets.items()}
    slots: dict[tuple[str, ...], Slot] = {}
    for target, spec in targets.items():
        for slot in (_plain(part, target, spec, shapes), *_other_form(part, target, spec, shapes)):
            seen = slots.get(slot.names)
            slots[slot.names] = slot if seen is None else _joined(seen, slot)
    return tuple(slots.values())


def _plain(part: Part, target: str, spec: TensorSpec, shapes: _Shapes) -> Slot:
    name = canonical(target)
    sources = sources_of(part, name)
    if len(sources) > 1 and (transposed := _is_transposed(name, shapes)) is not None:
        sources = sources[transposed : transposed + 1]
    place, of = (sources[0].place, sources[0].of) if sources else (0, 1)
    shape = (spec.shape[0] * of, *spec.shape[1:]) if of > 1 else spec.shape
    names = tuple(source.name for source in sources) or (name,)
    return Slot(
        names=names,
        spellings=names if of > 1 else tuple(dict.fromkeys((*names, name))),
        spec=TensorSpec(shape, spec.dtype),
        feeds=(Feed(target, "rows" if of > 1 else "copy", place, of),),
    )


def _is_transposed(name: str, shapes: _Shapes) -> bool | None:
    """Say whether a convolution is transposed: its bias is as long as its second dimension."""
    stem = name.rsplit(".", 1)[0]
    weight = shapes.get(f"{stem}.weight_v", shapes.get(f"{stem}.weight"))
    bias = shapes.get(f"{stem}.bias")
    return None if weight is None or bias is None else weight[0] != bias[0]


def _other_form(part: Part, target: str, spec: TensorSpec, shapes: _Shapes) -> list[Slot]:
    """Return the slots of the other form of a convolution weight, folded or a pair."""
    name, kind = canonical(target), role(target)
    if kind not in ("magnitude", "direction", "weight") or len(spec.shape) < 3:
        return []
    stem = name.rsplit(".", 1)[0]
    if kind == "weight":
        norms = TensorSpec((spec.shape[0], *(1 for _ in spec.shape[1:])), spec.dtype)
        forms = [
            (f"{stem}.weight_g", norms, Feed(target, "fold", 0, 2)),
            (f"{stem}.weight_v", spec, Feed(target, "fold", 1, 2)),
        ]
    else:
        whole = TensorSpec(shapes.get(f"{stem}.weight_v", spec.shape), spec.dtype)
        operation: Operation = "magnitude" if kind == "magnitude" else "direction"
        forms = [(f"{stem}.weight", whole, Feed(target, operation))]
    return [replace(_plain(part, named, of, shapes), feeds=(feed,)) for named, of, feed in forms]


def _joined(first: Slot, second: Slot) -> Slot:
    return replace(
        first,
        feeds=tuple(dict.fromkeys((*first.feeds, *second.feeds))),
        spellings=tuple(dict.fromkeys((*first.spellings, *second.spellings))),
    )
