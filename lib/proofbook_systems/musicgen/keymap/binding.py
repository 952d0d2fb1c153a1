"""Bind keys of a checkpoint to slots of a model, stage by stage, each key and each slot once.

Refuses, with the reason, what would change values: another shape, another kind of number, half of
a weight-norm pair for a whole weight. Knows nothing about likeness of names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from proofbook_systems.musicgen.keymap.names import canonical, role
from proofbook_systems.musicgen.keymap.slots import Feed, Slot, TensorSpec, kind_of

__all__ = ["Binder", "Binding", "Stage"]

Stage = Literal["mapping", "identical", "rule", "suffix", "proposed"]


class Binding(NamedTuple):
    """A parameter that has its sources."""

    feed: Feed
    keys: tuple[str, ...]
    stage: Stage
    score: float


class _Bound(NamedTuple):
    key: str
    stage: Stage
    score: float


class Binder:
    """What has been bound so far."""

    def __init__(
        self,
        slots: Sequence[Slot],
        sources: Mapping[str, TensorSpec],
        targets: Mapping[str, TensorSpec],
    ) -> None:
        self.slots = slots
        self.sources = sources
        self.targets = targets
        self.refused: list[tuple[str, str, str]] = []
        """Parameter, key, reason."""
        self._bound: dict[Slot, _Bound] = {}
        self._used: set[str] = set()
        self._direct: dict[str, _Bound] = {}
        """Parameters that take a key as it is, though the rules would make them otherwise."""

    def bind(self, slot: Slot, key: str, stage: Stage, score: float = 1.0) -> None:
        """Let ``slot`` be filled by ``key``."""
        self._bound[slot] = _Bound(key, stage, score)
        self._used.add(key)

    def bind_mapping(self, mapping: Mapping[str, str]) -> None:
        """Bind what a person has written down, or refuse it; names may be either side's."""
        for parameter, key in mapping.items():
            slots = self._slots_called(parameter)
            fit = next((s for s in slots if not self._misfit(s, key)), None)
            if key not in self.sources:
                self.refused.append((parameter, key, "the checkpoint has no such key"))
            elif not slots:
                self.refused.append((parameter, key, "the model has no such parameter"))
            elif fit is None:
                self.refused.append((parameter, key, self._misfit(slots[0], key)))
            elif self._bound.get(fit, _Bound(key, "mapping", 1.0)).key != key:
                reason = f"it is already made from {self._bound[fit].key}"
                self.refused.append((parameter, key, reason))
            elif key in self._used and fit not in self._bound:
                self.refused.append((parameter, key, "the key already fills another parameter"))
            else:
                self.bind(fit, key, "mapping")

    def bind_identical(self) -> None:
        """Bind parameters that the checkpoint calls by the model's own names."""
        keys = self._by_canonical(self.free_keys())
        filled = self._filled()
        for target, spec in self.targets.items():
            matches = keys.get(canonical(target), [])
            if target in filled or len(matches) != 1:
                continue
            if reason := _difference(self.sources[matches[0]], spec):
                self.refused.append((target, matches[0], reason))
                continue
            self._direct[target] = _Bound(matches[0], "identical", 1.0)
            self._used.add(matches[0])

    def bind_rules(self) -> None:
        """Bind what the exact rules know, behind any wrapper."""
        keys = self._by_canonical(self.free_keys())
        for slot in self.open_slots():
            matches = [key for name in slot.names for key in keys.get(name, [])]
            self._bind_only(slot, matches, "rule")

    def bind_endings(self) -> None:
        """Bind a key that alone ends with a slot's whole name, behind any prefix."""
        by_ending: dict[str, list[str]] = defaultdict(list)
        wanted = {name for slot in self.open_slots() for name in slot.names}
        for key in self.free_keys():
            tokens = canonical(key).split(".")
            endings = (".".join(tokens[start:]) for start in range(1, len(tokens)))
            longest = next((ending for ending in endings if ending in wanted), None)
            if longest is not None:
                by_ending[longest].append(key)
        for slot in self.open_slots():
            matches = [key for name in slot.names for key in by_ending.get(name, [])]
            self._bind_only(slot, matches, "suffix")

    def open_slots(self) -> list[Slot]:
        """Return the slots that would fill a parameter that nothing has filled yet."""
        filled = self._filled()
        return [
            slot
            for slot in self.slots
            if slot not in self._bound and any(f.parameter not in filled for f in slot.feeds)
        ]

    def free_keys(self) -> dict[str, TensorSpec]:
        """Return the keys that nothing has taken."""
        return {key: spec for key, spec in self.sources.items() if key not in self._used}

    def bindings(self) -> list[Binding]:
        """Return the parameters that have all their sources."""
        bindings = [
            Binding(Feed(target, "copy"), (bound.key,), bound.stage, bound.score)
            for target, bound in self._direct.items()
        ]
        seen = set(self._direct)
        halves: dict[str, dict[int, tuple[Feed, _Bound]]] = defaultdict(dict)
        for slot, bound in self._bound.items():
            for feed in slot.feeds:
                if feed.operation == "fold":
                    halves[feed.parameter][feed.place] = (feed, bound)
                elif feed.parameter not in seen:
                    seen.add(feed.parameter)
                    bindings.append(Binding(feed, (bound.key,), bound.stage, bound.score))
        for parameter, pair in halves.items():
            if len(pair) == 2 and parameter not in seen:
                (feed, norm), (_, direction) = pair[0], pair[1]
                weakest = min(norm, direction, key=lambda bound: bound.score)
                keys = (norm.key, direction.key)
                bindings.append(Binding(feed, keys, weakest.stage, weakest.score))
        return bindings

    def _filled(self) -> set[str]:
        return {binding.feed.parameter for binding in self.bindings()}

    def _slots_called(self, parameter: str) -> list[Slot]:
        """Return the slots that make a parameter, which either side's name may stand for."""
        # Half of a pair is not a source of a whole weight; the halves have names of their own.
        whole = [
            slot
            for slot in self.slots
            if any(f.parameter == parameter and f.operation != "fold" for f in slot.feeds)
        ]
        return whole or [s for s in self.slots if canonical(parameter) in s.names]

    def _bind_only(self, slot: Slot, keys: list[str], stage: Stage) -> None:
        """Bind where one key fits the name, or refuse it for what it holds."""
        if len(keys) != 1:
            return
        if reason := self._misfit(slot, keys[0]):
            self.refused.append((slot.feeds[0].parameter, keys[0], reason))
            return
        self.bind(slot, keys[0], stage)

    def _misfit(self, slot: Slot, key: str) -> str:
        """Return why a key cannot fill a slot; empty where it can."""
        if key not in self.sources:
            return "the checkpoint has no such key"
        mine, theirs = role(slot.name), role(key)
        if mine != theirs and "other" not in (mine, theirs):
            return f"the {theirs} of a layer is not its {mine}; values would change"
        return _difference(self.sources[key], slot.spec)

    @staticmethod
    def _by_canonical(keys: Mapping[str, TensorSpec]) -> dict[str, list[str]]:
        names: dict[str, list[str]] = defaultdict(list)
        for key in keys:
            names[canonical(key)].append(key)
        return names


def _is_flag(spec: TensorSpec) -> bool:
    """Say whether a tensor is one value, which any kind of number holds."""
    return spec.shape in ((), (1,))


def _difference(actual: TensorSpec, needed: TensorSpec) -> str:
    if actual.shape != needed.shape:
        return f"it has shape {list(actual.shape)} and {list(needed.shape)} is needed"
    if kind_of(actual.dtype) != kind_of(needed.dtype) and not _is_flag(actual):
        return f"it holds {actual.dtype} and {needed.dtype} is needed"
    return ""
