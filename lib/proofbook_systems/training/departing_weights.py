"""Why are the weights that a training goes on with not those that it had? By their bits.

What a checkpoint holds says whether they were changed when they were saved, or when they were
loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from proofbook_systems.training.saved_weights import SavedTensor, saved_as
from proofbook_systems.training.watching import Update, Watched, weight_sums

if TYPE_CHECKING:
    import torch

__all__ = ["Kind", "why_other_weights"]

Kind = Literal["weights", "mode", "passes", "rows", "gradient", "rates", "settings", "moments"]


def why_other_weights(
    resumed: Update, alone: Watched, at: int, saved: Sequence[SavedTensor]
) -> str:
    """Say which weights a resumption goes on with that are not those of the training left alone.

    Args:
        resumed: Its first update.
        alone: The training left alone.
        at: Updates before the resumption.
        saved: What the checkpoint holds.
    """
    due = alone.updates[at - 1].weights
    mine = {name: value for name, value in resumed.before.items() if name in due}
    differing = sorted(name for name, value in mine.items() if value != due[name])
    if not differing:
        return ""
    what = _which(differing, len(mine))
    new = alone.updates[0].before
    if all(mine[name] == new.get(name) for name in differing):
        verb = "has" if len(differing) == 1 else "have"
        was = "was" if len(differing) == 1 else "were"
        return f"{what} {verb} the value of a new training: {was} not restored from the checkpoint"
    return f"{what} {_changed(differing, mine, alone, saved)}"


def _changed(
    differing: Sequence[str], mine: dict[str, str], alone: Watched, saved: Sequence[SavedTensor]
) -> str:
    are = "is" if len(differing) == 1 else "are"
    for update in alone.updates:
        if all(update.weights.get(name) == mine[name] for name in differing):
            return f"{are} as after update {update.number}: the checkpoint has them of another time"
    if _all_saved_as(differing, mine, saved, ("EMA",)):
        return f"{are} the moving average of the weights (EMA), which was restored in their place"
    if _all_saved_as(differing, mine, saved, ("weights", "other")):
        kinds = {_digits(each.value) for name in differing for each in saved_as(name, saved)}
        kinds -= {""}
        rounded = (
            f": they were rounded to {min(kinds)} when they were saved"
            if kinds
            else (": they were changed, or rounded, when they were saved")
        )
        return f"{are} as the checkpoint has them, and not as they were in memory{rounded}"
    if kind := _rounded_in_loading(differing, mine, saved):
        return f"{are} those of the checkpoint rounded to {kind}: they are rounded when loaded"
    return (
        f"{are} neither as they were nor as the checkpoint has them: they are changed, or taken "
        "from elsewhere, when it is loaded"
    )


def _which(differing: Sequence[str], count: int) -> str:
    if len(differing) == 1:
        return f"the weight {differing[0]}"
    if len(differing) == count:
        return "all weights"
    return f"the weight {differing[0]} and {len(differing) - 1} others of {count}"


def _all_saved_as(
    names: Sequence[str], mine: dict[str, str], saved: Sequence[SavedTensor],
    roles: tuple[str, ...],
) -> bool:  # fmt: skip
    """Say whether a checkpoint has all of them with the values that the resumption has."""
    tensors = [each for each in saved if each.role in roles]
    return all(
        any(mine[name] in _as_read(each.value) for each in saved_as(name, tensors))
        for name in names
    )


def _as_read(value: torch.Tensor) -> set[str]:
    """Return what tells a saved tensor once it is loaded into a network of 32 bits, or as it is."""
    return {weight_sums(value), weight_sums(value.float())}


def _rounded_in_loading(
    names: Sequence[str], mine: dict[str, str], saved: Sequence[SavedTensor]
) -> str:
    import torch

    for kind in (torch.bfloat16, torch.float16):
        if all(
            any(mine[name] == weight_sums(each.value.to(kind).to(each.value.dtype))
                for each in saved_as(name, saved) if each.value.is_floating_point())
            for name in names
        ):  # fmt: skip
            return str(kind).removeprefix("torch.")
    return ""


def _digits(value: torch.Tensor) -> str:
    """Return the format of 16 bits that a tensor's values fit into; empty where they need more."""
    import torch

    for kind in (torch.bfloat16, torch.float16):
        if value.dtype == kind or bool((value == value.to(kind).to(value.dtype)).all()):
            return str(kind).removeprefix("torch.")
    return ""
