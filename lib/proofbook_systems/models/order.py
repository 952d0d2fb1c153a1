"""Whether a model that reads a text looks at the order of its words.

Attention without places answers exchanged words with exchanged answers, and an answer about the
whole text stays as it was. What only sees the words before it depends on their order anyway.
"""

from __future__ import annotations

from typing import Any

import torch

from proofbook_systems.models.inputs import Inputs
from proofbook_systems.models.outputs import Outputs, call, measure_distance
from proofbook_systems.models.references import EXACT, in_float64, widen
from proofbook_systems.models.widening import InFloat64

__all__ = ["check_order"]

_SHORTEST = 4
"""Of a shorter text, no two neighbours lie between others."""


def check_order(model: Any, inputs: Inputs, ours: Outputs, tolerance: float) -> str:
    """Return that the order of words is not looked at; empty where it is, or there is no text.

    Args:
        model: What answers.
        inputs: What it was given; only of a text alone the order is asked.
        ours: Its answer.
        tolerance: How far two right answers may lie apart, as a share.
    """
    words = inputs.get("input_ids")
    alone = set(inputs) <= {"input_ids", "attention_mask", "decoder_input_ids"}
    if not isinstance(words, torch.Tensor) or words.dim() != 2 or not alone:
        return ""
    order = _exchange(words)
    if order is None:
        return ""
    exchanged = {**inputs, "input_ids": words[:, order]}
    if not _answers_alike(model, exchanged, order, ours, tolerance):
        return ""
    # What moves the answer by less than roundings do is seen where hardly is rounded.
    try:
        exact, wide, other = in_float64(model), widen(inputs), widen(exchanged)
        with InFloat64():
            unseen = _answers_alike(exact, other, order, call(exact, wide), EXACT)
    except Exception:  # noqa: BLE001 - then it cannot be told from a rounding
        return ""
    return "two words change their places, and the answer alike: their order is not seen" * unseen


def _answers_alike(
    model: Any,
    exchanged: Inputs,
    order: torch.Tensor,
    ours: Outputs,
    tolerance: float,
) -> bool:
    theirs = call(model, exchanged)
    return ours.keys() == theirs.keys() and all(
        _same(ours[name], theirs[name], order, tolerance) for name in ours
    )


def _exchange(words: torch.Tensor) -> torch.Tensor | None:
    """Return an order in which two neighbours that differ are exchanged, none of them at an end."""
    for place in range(1, words.shape[1] - 2):
        if not torch.equal(words[:, place], words[:, place + 1]):
            order = torch.arange(words.shape[1])
            order[place], order[place + 1] = place + 1, place
            return order
    return None


def _same(ours: torch.Tensor, theirs: torch.Tensor, order: torch.Tensor, tolerance: float) -> bool:
    """Say whether an output stays as it is, or is exchanged along the places of words."""
    kept = [theirs]
    kept += [
        theirs.index_select(place, order)
        for place, size in enumerate(theirs.shape)
        if size == len(order) and theirs.shape == ours.shape
    ]
    return any(measure_distance({"": ours}, {"": each}).share <= tolerance for each in kept)
