"""Whether padding that is masked leaves the answer to a text as it is."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from proofbook_systems.models.comparing import (
    NoSuchPartError,
    NotApplicableError,
    beyond,
    refuse_draws,
)
from proofbook_systems.models.inputs import Inputs
from proofbook_systems.models.maker import find_field
from proofbook_systems.models.outputs import Outputs, call, equal, measure_distance

__all__ = ["check_padding", "writes_onwards"]

_PADDING = 3
_SHORTEST = 3
"""A shorter text has no word to hide from another one."""


def check_padding(model: Any, inputs: Inputs, ours: Outputs, tolerance: float) -> str:
    """Return how masked padding of a text changes its answer.

    A model that writes, and can be told where words are, is padded in front, as in generation: what
    comes after a word it never sees, masked or not. Others are padded at the end; one that answers
    from the last place takes its padding in front.

    Raises:
        NoSuchPartError: The model takes no text with a mask.
        NotApplicableError: Another seed changes the answer, as other draws for a longer text do; or
            it takes no longer text, padded or not.
    """
    ids, mask = inputs.get("input_ids"), inputs.get("attention_mask")
    if ids is None or mask is None or mask.shape != ids.shape:
        raise NoSuchPartError("takes no text with a mask")
    before = (
        writes_onwards(model) and _is_text(inputs) and _takes_places(model, inputs, ours, tolerance)
    )
    try:
        beside = _name_change(model, inputs, ours, tolerance, before=before)
    except NotApplicableError:
        raise
    except Exception:
        if not _takes_longer(model, inputs):
            raise NotApplicableError("it takes no longer text, padded or not") from None
        raise
    if beside:
        refuse_draws(model, inputs, ours, tolerance)
    if beside and not before and _holds_in_front(model, inputs, ours, tolerance):
        return ""
    return beside or ("" if before else _name_unseen_mask(model, inputs, ours))


def _name_change(
    model: Any, inputs: Inputs, ours: Outputs, tolerance: float, *, before: bool
) -> str:
    """Return how padding on one side changes the answer.

    Raises:
        NotApplicableError: No output can be compared.
    """
    shape = inputs["input_ids"].shape
    theirs = call(model, _pad(model, inputs, before=before))
    cut = {n: _cut(theirs[n], ours[n], shape[1], before=before) for n in ours if n in theirs}
    comparable = {n: v for n, v in cut.items() if v.shape == ours[n].shape}
    if not comparable:
        raise NotApplicableError("no output keeps its shape")
    distance = measure_distance({n: ours[n] for n in comparable}, comparable)
    return beyond("beside masked padding", distance, tolerance)


def _pad(model: Any, inputs: Inputs, *, before: bool) -> Inputs:
    filler = {"input_ids": _pad_token(model), "attention_mask": 0, "token_type_ids": 0}
    shape = inputs["input_ids"].shape
    padded = {
        name: _padded(value, shape, filler.get(name), before=before)
        for name, value in inputs.items()
    }
    if (
        before
        and "position_ids" in inspect.signature(model.forward).parameters
        and _is_text(inputs)
    ):
        padded["position_ids"] = (padded["attention_mask"].cumsum(-1) - 1).clamp(min=0)
    return padded


def _holds_in_front(model: Any, inputs: Inputs, ours: Outputs, tolerance: float) -> bool:
    """Say whether padding in front, of which the model is told by its mask alone, is not seen."""
    try:
        return not _name_change(model, inputs, ours, tolerance, before=True)
    except Exception:  # noqa: BLE001 - what it does at the end is its verdict
        return False


def _takes_longer(model: Any, inputs: Inputs) -> bool:
    """Say whether a model takes a text that is longer by words that nothing masks."""
    longer = _pad(model, inputs, before=False)
    longer["input_ids"] = torch.cat([inputs["input_ids"], inputs["input_ids"][:, :_PADDING]], 1)
    longer["attention_mask"] = torch.ones_like(longer["attention_mask"])
    try:
        call(model, longer)
    except Exception:  # noqa: BLE001 - that is the answer
        return False
    return True


def _name_unseen_mask(model: Any, inputs: Inputs, ours: Outputs) -> str:
    """Return that a mask is not looked at: what comes at the end of a text may hide that.

    A word that others see is masked; where nothing at all changes, no mask is looked at.
    """
    mask = inputs["attention_mask"].clone()
    if mask.shape[1] < _SHORTEST:
        return ""
    mask[:, 1] = 0
    theirs = call(model, {**inputs, "attention_mask": mask})
    unchanged = ours.keys() == theirs.keys() and all(
        equal(ours[name], theirs[name]) for name in ours
    )
    return "masking a word changes nothing: the mask is not looked at" if unchanged else ""


def writes_onwards(model: Any) -> bool:
    """Say whether a model writes a text on, without an encoder that has read it whole."""
    able = getattr(model, "can_generate", bool)
    return bool(able()) and not getattr(model.config, "is_encoder_decoder", False)


def _takes_places(model: Any, inputs: Inputs, ours: Outputs, tolerance: float) -> bool:
    """Say whether a model can be told where words are, counted from 0, as most do by themselves."""
    if "position_ids" not in inspect.signature(model.forward).parameters:
        return False
    places = torch.arange(inputs["input_ids"].shape[1])[None]
    told = call(model, {**inputs, "position_ids": places})
    return measure_distance(ours, told).share <= tolerance


def _is_text(inputs: Inputs) -> bool:
    return set(inputs) <= {"input_ids", "attention_mask", "token_type_ids"}


def _pad_token(model: Any) -> int | None:
    token = find_field(model.config, "pad_token_id") if hasattr(model, "config") else None
    return token if isinstance(token, int) and token >= 0 else None


def _padded(value: Any, shape: torch.Size, filler: int | None, *, before: bool) -> Any:
    if not isinstance(value, torch.Tensor) or value.dim() < 2 or value.shape[:2] != shape:
        return value
    more = value[:, -1:].expand(-1, _PADDING, *value.shape[2:])
    more = more if filler is None else torch.full_like(more, filler)
    return torch.cat([more, value] if before else [value, more], 1)


def _cut(value: torch.Tensor, alone: torch.Tensor, length: int, *, before: bool) -> torch.Tensor:
    if value.dim() != alone.dim():
        return value
    for place, (size, wanted) in enumerate(zip(value.shape, alone.shape, strict=True)):
        if size == wanted + _PADDING and wanted == length:
            value = value.narrow(place, _PADDING if before else 0, wanted)
    return value
