"""Faults that are planted on purpose, to see that the checks find them.

The first three are faults of what loads a model, as a converter or another device would make them;
the last two are faults of the model itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from proofbook_systems.models.lifecycle import load

__all__ = ["FAULTS", "Loader", "find_damage", "find_loader", "plant"]

Loader = Callable[[Any, Path], Any]

FAULTS = {
    "zeroed-weight": "save-load",
    "swapped-layers": "save-load",
    "rounded-dtype": "save-load",
    "ignored-mask": "padding",
    "misused-cache": "cache",
}
"""Each fault, and the check that is there to find it."""

_LAYER = re.compile(r"^(.*?\.)?(\w*layers?|h|blocks?)\.(\d+)\.(.+)$")


def find_damage(fault: str) -> Callable[[Any], None] | None:
    """Return what breaks a model's weights; None where the fault is none of weights."""
    return {"zeroed-weight": _zero, "swapped-layers": _swap, "rounded-dtype": _round}.get(fault)


def find_loader(fault: str) -> Loader:
    """Return what loads a model, with the fault that is planted."""
    damage = find_damage(fault)

    def loading(model: Any, folder: Path) -> Any:
        loaded = load(model, folder)
        with torch.no_grad():
            damage(loaded)  # type: ignore[misc]
        return loaded

    return loading if damage else load


def _zero(model: Any) -> None:
    matrices = [p for p in model.parameters() if p.dim() > 1]
    if matrices:
        matrices[len(matrices) // 2].zero_()


def _swap(model: Any) -> None:
    weights = dict(model.named_parameters())
    for name, first in weights.items():
        if (found := _LAYER.match(name)) and found[3] == "0":
            place = f"{found[1] or ''}{found[2]}.1.{found[4]}"
            second = weights.get(place)
            if second is not None and second.shape == first.shape:
                kept = first.clone()
                first.copy_(second)
                second.copy_(kept)


def _round(model: Any) -> None:
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.copy_(parameter.to(torch.bfloat16).to(parameter.dtype))


def plant(model: Any, fault: str) -> None:
    """Break a model's own handling of masks or caches, in this process."""
    if fault == "ignored-mask":
        # On the class: a copy of the model, as a check makes it, has the fault as well.
        type(model).forward = _without_mask(type(model).forward)
    elif fault == "misused-cache":
        _misuse_cache()


def _without_mask(forward: Callable[..., Any]) -> Callable[..., Any]:
    import functools

    @functools.wraps(forward)
    def ignoring(*args: Any, **kwargs: Any) -> Any:
        if isinstance(kwargs.get("attention_mask"), torch.Tensor):
            kwargs["attention_mask"] = torch.ones_like(kwargs["attention_mask"])
        return forward(*args, **kwargs)

    return ignoring


def _misuse_cache() -> None:
    """Let every layer's cache hand out what it holds one place off."""
    from transformers import cache_utils

    for name in ("DynamicLayer", "DynamicSlidingWindowLayer"):
        layer = getattr(cache_utils, name, None)
        if layer is not None and "update" in vars(layer):
            layer.update = _shifted(layer.update)


def _shifted(update: Callable[..., Any]) -> Callable[..., Any]:
    def shifted(self: Any, keys: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        held, values = update(self, keys, *args, **kwargs)
        return (held.roll(1, -2), values) if keys.shape[-2] < held.shape[-2] else (held, values)

    return shifted
