"""The forms in which the same tensors are found: weight-norm spellings, wrappers, other names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from proofbook_subjects.musicgen.audiocraft.scrambling import scramble

if TYPE_CHECKING:
    import torch

__all__ = ["Form", "in_form"]

Form = Literal["pair", "parametrized", "folded", "wrapped", "scrambled"]
"""A weight-norm pair as ``weight_g`` and ``weight_v``; the same under torch's newer names;
multiplied out; a pair behind the names that wrapping adds; a pair under names that no rule
knows."""

_HALVES = {
    "pair": ("weight_g", "weight_v"),
    "parametrized": ("parametrizations.weight.original0", "parametrizations.weight.original1"),
}


def in_form(state: Mapping[str, torch.Tensor], form: str, seed: int) -> dict[str, torch.Tensor]:
    """Return folded tensors in another form; convolutions alone have three dimensions."""
    if form == "folded":
        return dict(state)
    halves = _HALVES.get(form, _HALVES["pair"])
    formed: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        if tensor.ndim == 3 and name.endswith(".weight"):
            stem = name.removesuffix("weight")
            norm = (tensor.double() ** 2).sum(dim=(1, 2), keepdim=True).sqrt().to(tensor.dtype)
            formed[stem + halves[0]] = norm
            # Any multiple of the direction is the same weight; training leaves it at none of 1.
            formed[stem + halves[1]] = tensor * 1.7
        else:
            formed[name] = tensor
    if form == "wrapped":
        return {_wrapped(name): tensor for name, tensor in formed.items()}
    if form == "scrambled":
        names = scramble(formed, seed)
        return {names[name]: tensor for name, tensor in formed.items()}
    return formed


def _wrapped(name: str) -> str:
    for attention in ("self_attn.", "cross_attention."):
        name = name.replace(attention, f"{attention}mha.")
    return "_fsdp_wrapped_module._orig_mod.module." + name.replace(".layers.", ".module.layers.")
