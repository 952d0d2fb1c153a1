"""Are the weights in checkpoints those that were in memory? By what the watched updates left.

Weights are compared by what tells their bits, name by name; names in files may have a beginning
more. Knows nothing of crashes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.training.final_model import FinalModel
from proofbook_systems.training.injected.tensors import without_wrappers
from proofbook_systems.training.layouts import Checkpoint
from proofbook_systems.training.roles import Role, role_of
from proofbook_systems.training.states import can_read, read_states
from proofbook_systems.training.watching import Watched, weight_sums

if TYPE_CHECKING:
    import torch

__all__ = [
    "Judged",
    "SavedTensor",
    "judge_final_weights",
    "judge_saved_weights",
    "read_tensors",
    "saved_as",
]

_SHARE = 0.5
"""Part of the tensors that are as they were in memory, from which on another one should be."""
_NEAR = 1
"""Updates by which the number of a checkpoint may be another one in all of them."""


class Judged(NamedTuple):
    """What was found of saved weights."""

    faults: list[str]
    compared: int
    """Weights of the checkpoints that hold enough as it was in memory to be judged by it."""
    why_not: str
    """Why none could be judged; empty where one could."""


class SavedTensor(NamedTuple):
    """One tensor of a checkpoint."""

    role: Role
    name: str
    value: torch.Tensor


def read_tensors(checkpoint: Checkpoint) -> list[SavedTensor]:
    """Return the weights and moving averages in a checkpoint; none where it cannot be read."""
    import torch

    found = []
    root = checkpoint.path if checkpoint.path.is_dir() else checkpoint.path.parent
    for path in filter(can_read, checkpoint.files):
        place = path.relative_to(root).as_posix()
        try:
            states = read_states(path)
        except SubjectError:
            continue  # told where its files are compared
        for name, value in states.items():
            role = role_of(place, name)
            if isinstance(value, torch.Tensor) and role in ("weights", "EMA", "other"):
                found.append(SavedTensor(role, name, value))
    return found


def saved_as(name: str, tensors: Iterable[SavedTensor]) -> Iterator[SavedTensor]:
    """Yield the tensors of a checkpoint that may be a parameter of this name."""
    for tensor in tensors:
        if f".{without_wrappers(tensor.name)}".endswith(f".{name}"):
            yield tensor


def judge_saved_weights(seen: Watched, checkpoints: Iterable[Checkpoint]) -> Judged:
    """Say which checkpoints hold what was never in memory at one time.

    One that holds nothing as it was in memory says nothing: it may be an average, or rounded by
    right. What becomes of that is seen where it is resumed from.

    Args:
        seen: The training that wrote them, from its beginning.
        checkpoints: Those that it left.
    """
    history, faults, places = _history(seen), list[str](), dict[int, int]()
    compared = found = 0
    for checkpoint in checkpoints:
        label = f"checkpoint {checkpoint.step}" if checkpoint.step >= 0 else checkpoint.path.name
        times, never = _times_of(history, read_tensors(checkpoint))
        found += len(times) + len(never)
        compared += len(times) + len(never) if _is_judged(times, never) else 0
        if fault := _fault(times, never):
            faults.append(f"{label} {fault}")
        elif times and checkpoint.step > 0:
            update = max(frozenset.intersection(*times.values()))
            places[checkpoint.step] = _steps_made(seen, update, checkpoint.step)
    return Judged([*faults, *_uneven(places)], compared, "" if compared else _why_not(seen, found))


def judge_final_weights(
    seen: Watched, output: Path, final: FinalModel, checkpoints: Sequence[Checkpoint]
) -> str:
    """Say that a final model is older than the last update; empty where it is not, or not known.

    One that is an average, or rounded, or the best of the checkpoints, may be so by right.

    Args:
        seen: The training that left it, from its beginning.
        output: Its output folder.
        final: The model in it.
        checkpoints: Those that it left.
    """
    places = [] if final.from_checkpoint else final.files
    tensors = [each for name in places for each in read_tensors(Checkpoint(-1, output / name))]
    history, last = _history(seen), len(seen.updates)
    found = _update_of(history, tensors)
    if found is None or found == last:
        return ""
    if found in {_update_of(history, read_tensors(each)) for each in checkpoints}:
        return ""
    return (
        f"{places[0]} holds the weights after update {found} of {last}, and no checkpoint is of "
        "that one: what was learnt since then is lost"
    )


def _update_of(
    history: Mapping[str, Mapping[str, set[int]]], tensors: Sequence[SavedTensor]
) -> int | None:
    """Return the last update after which all of some saved weights were in memory."""
    times, never = _times_of(history, tensors)
    common = frozenset.intersection(*times.values()) if times else frozenset[int]()
    return max(common) if common and not never else None


def _steps_made(seen: Watched, update: int, wanted: int) -> int:
    """Return how many steps were made when an update was the last: some may have been left out.

    Where steps after it were left out, it is any of these, and ``wanted`` if that is one.
    """
    before = seen.updates[update - 1].skipped if update else 0
    later = seen.updates[update].skipped if update < len(seen.updates) else seen.skipped
    return min(max(wanted, update + before), update + later)


def _why_not(seen: Watched, found: int) -> str:
    if found:
        return "most weights in checkpoints are as they never were in memory: rounded, or averaged"
    return seen.why_empty or "no checkpoint has weights that can be read, by the network's names"


def _is_judged(times: Mapping[str, frozenset[int]], never: list[str]) -> bool:
    """Say whether a checkpoint holds so much as it was in memory that the rest should be so."""
    return bool(times) and len(times) >= _SHARE * (len(times) + len(never))


def _history(seen: Watched) -> dict[str, dict[str, set[int]]]:
    """Return the updates after which each parameter had a value, by name and value; 0 is before."""
    history: dict[str, dict[str, set[int]]] = {}
    for update in seen.updates:
        for name, value in update.before.items():
            history.setdefault(name, {}).setdefault(value, set()).add(update.number - 1)
        for name, value in update.weights.items():
            history.setdefault(name, {}).setdefault(value, set()).add(update.number)
    return {name: values for name, values in history.items() if len(values) > 1}


def _times_of(
    history: Mapping[str, Mapping[str, set[int]]], tensors: Iterable[SavedTensor]
) -> tuple[dict[str, frozenset[int]], list[str]]:
    """Return when the weights of a checkpoint were in memory, and those that never were."""
    times: dict[str, frozenset[int]] = {}
    never, tensors = [], [each for each in tensors if each.role != "EMA"]
    for name, values in history.items():
        candidates = [weight_sums(each.value) for each in saved_as(name, tensors)]
        known = frozenset[int]().union(*(values.get(each, ()) for each in candidates))
        if known:
            times[name] = known
        elif candidates:
            never.append(name)
    return times, never


def _fault(times: Mapping[str, frozenset[int]], never: list[str]) -> str:
    if times and not frozenset.intersection(*times.values()):
        first = min(times, key=lambda name: max(times[name]))
        other = max(times, key=lambda name: min(times[name]))
        return (
            f"has {first} as it was after update {max(times[first])}, and {other} as after update "
            f"{min(times[other])}: weights were changed while they were saved"
        )
    if never and _is_judged(times, never):
        return (
            f"has {never[0]} as it never was in memory, and {len(times)} other weights as they "
            "were: it was changed, or rounded, when it was saved"
        )
    return ""


def _uneven(places: Mapping[int, int]) -> list[str]:
    """Say where a checkpoint holds the weights of another update than its number says.

    Numbers may count from 0, or count epochs or forward passes, in all of them alike.
    """
    if not places:
        return []
    last = max(places)
    wanted = {step: round(step * places[last] / last) for step in places}
    near = abs(places[last] - last) <= _NEAR
    if near:
        gaps = [step - update for step, update in places.items()]
        usual = max(set(gaps), key=gaps.count)
        by = usual if abs(usual) <= _NEAR else last - places[last]
        wanted = {step: step - by for step in places}
    slack = 0 if near else _NEAR
    wrong = (step for step in sorted(places) if abs(places[step] - wanted[step]) > slack)
    return [
        f"checkpoint {step} holds the weights after update {places[step]}, and as the others are "
        f"numbered it should be {wanted[step]}: it was saved at another time than it says"
        for step in itertools.islice(wrong, 1)
    ]
