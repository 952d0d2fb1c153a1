"""Faults that are planted on purpose, to see that the checks find them.

The first three are faults of what loads a model, as a converter or another device would make them;
the others are faults of the model itself.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from proofbook_systems.models.lifecycle import load

__all__ = ["FAULTS", "Loader", "find_damage", "find_loader", "plant", "planted"]

Loader = Callable[[Any, Path], Any]
Damage = Callable[[Any], bool]
"""Breaks a model's weights; returns whether there were any to break."""

FAULTS = {
    "zeroed-weight": "save-load",
    "swapped-layers": "save-load",
    "rounded-dtype": "save-load",
    "ignored-mask": "padding",
    "misused-cache": "cache",
    "unordered-beams": "cache",
    "turned-gradient": "gradient",
    "cut-gradient": "gradient",
}
"""Each fault, and the check that is there to find it."""

_LAYER = re.compile(r"^(.*?\.)?(\w*layers?|h|blocks?)\.(\d+)\.(.+)$")
_CACHES = ("DynamicLayer", "DynamicSlidingWindowLayer")


def find_damage(fault: str) -> Damage | None:
    """Return what breaks a model's weights; None where the fault is none of weights."""
    return {"zeroed-weight": _zero, "swapped-layers": _swap, "rounded-dtype": _round}.get(fault)


def find_loader(fault: str, touched: list[bool] | None = None) -> Loader:
    """Return what loads a model, with a fault; ``touched`` hears whether it broke anything."""
    damage = find_damage(fault)
    heard = [] if touched is None else touched

    def loading(model: Any, folder: Path) -> Any:
        loaded = load(model, folder)
        with torch.no_grad():
            heard.append(damage(loaded))  # type: ignore[misc]
        return loaded

    return loading if damage else load


@contextmanager
def planted(fault: str, model: Any) -> Iterator[tuple[Loader, Callable[[], bool]]]:
    """Plant a fault, and mend it at the end.

    Yields what loads a model, and what says whether the fault has broken anything so far.
    """
    touched: list[bool] = []
    kept = [(kind, name, vars(kind).get(name)) for kind, name in _places(fault, model)]
    hooks = plant(model, fault, touched)
    try:
        yield find_loader(fault, touched), lambda: any(touched)
    finally:
        for hook in hooks:
            hook.remove()
        for kind, name, before in kept:
            if before is None:
                delattr(kind, name)
            else:
                setattr(kind, name, before)


def _places(fault: str, model: Any) -> list[tuple[Any, str]]:
    if fault == "ignored-mask":
        return [(type(model), "forward")]
    if fault == "misused-cache":
        return [(layer, "update") for layer in _cache_layers()]
    return [(kind, "reorder_cache") for kind in _ordered()] if fault == "unordered-beams" else []


def _ordered() -> list[Any]:
    """Return what keeps what is remembered of beams in their order."""
    from transformers import cache_utils

    return [cache_utils.Cache]


def _cache_layers() -> list[Any]:
    from transformers import cache_utils

    found = [getattr(cache_utils, name, None) for name in _CACHES]
    return [each for each in found if each is not None and "update" in vars(each)]


def _zero(model: Any) -> bool:
    matrices = [p for p in model.parameters() if p.dim() > 1 and bool(p.any())]
    if matrices:
        matrices[len(matrices) // 2].zero_()
    return bool(matrices)


def _swap(model: Any) -> bool:
    weights, swapped = dict(model.named_parameters()), False
    for name, first in weights.items():
        if (found := _LAYER.match(name)) and found[3] == "0":
            place = f"{found[1] or ''}{found[2]}.1.{found[4]}"
            second = weights.get(place)
            if (
                second is not None
                and second.shape == first.shape
                and not torch.equal(first, second)
            ):
                kept = first.clone()
                first.copy_(second)
                second.copy_(kept)
                swapped = True
    return swapped


def _round(model: Any) -> bool:
    rounded = False
    for parameter in [p for p in model.parameters() if p.is_floating_point()]:
        fewer = parameter.to(torch.bfloat16).to(parameter.dtype)
        rounded |= not torch.equal(parameter, fewer)
        parameter.copy_(fewer)
    return rounded


def plant(model: Any, fault: str, touched: list[bool] | None = None) -> list[Any]:
    """Break a model's own handling of masks, caches or gradients; return the hooks that do."""
    heard = [] if touched is None else touched
    if fault in ("turned-gradient", "cut-gradient"):
        hook = _turning if fault == "turned-gradient" else _cutting
        layers = [each for each in model.modules() if any(True for _ in _trained(each))]
        return [each.register_forward_hook(hook(heard)) for each in layers[len(layers) // 2 :][:1]]
    if fault == "ignored-mask":
        # On the class: a copy of the model, as a check makes it, has the fault as well.
        type(model).forward = _without_mask(type(model).forward, heard)
    for layer in _cache_layers() if fault == "misused-cache" else []:
        layer.update = _shifted(layer.update, heard)
    for kind in _ordered() if fault == "unordered-beams" else []:
        kind.reorder_cache = _keeping(heard)
    return []


def _trained(module: Any) -> Iterator[torch.nn.Parameter]:
    return (p for p in module.parameters(recurse=False) if p.requires_grad)


def _keeping(heard: list[bool]) -> Callable[[Any, torch.Tensor], None]:
    """Return what leaves a cache in its order, whatever its beams do."""

    def keep(_: Any, order: torch.Tensor) -> None:
        heard.append(not torch.equal(order.cpu(), torch.arange(len(order))))

    return keep


def _cutting(heard: list[bool]) -> Callable[[Any, Any, Any], Any]:
    """Return a hook that lets no gradient into a layer."""

    def cut(_: Any, __: Any, made: Any) -> Any:
        cuts = isinstance(made, torch.Tensor) and made.requires_grad
        heard.append(cuts)
        return made.detach() if cuts else made

    return cut


class _Turned(torch.autograd.Function):
    """The identity, with a gradient of the wrong sign; notes whether one came."""

    @staticmethod
    def forward(ctx: Any, value: torch.Tensor, heard: list[bool]) -> torch.Tensor:
        ctx.heard = heard
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        ctx.heard.append(bool(grads[0].any()))
        return -grads[0], None


def _turning(heard: list[bool]) -> Callable[[Any, Any, Any], Any]:
    """Return a hook that turns the gradient of a layer; a copy of a model has it as well."""

    def turn(_: Any, __: Any, made: Any) -> Any:
        turns = isinstance(made, torch.Tensor) and made.requires_grad
        return _Turned.apply(made, heard) if turns else made  # type: ignore[no-untyped-call]

    return turn


def _without_mask(forward: Callable[..., Any], heard: list[bool]) -> Callable[..., Any]:
    @functools.wraps(forward)
    def ignoring(*args: Any, **kwargs: Any) -> Any:
        if isinstance(mask := kwargs.get("attention_mask"), torch.Tensor):
            heard.append(not bool(mask.all()))
            kwargs["attention_mask"] = torch.ones_like(mask)
        return forward(*args, **kwargs)

    return ignoring


def _shifted(update: Callable[..., Any], heard: list[bool]) -> Callable[..., Any]:
    """Return an update that hands out what the cache holds one place off."""

    def shifted(self: Any, keys: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        held, values = update(self, keys, *args, **kwargs)
        if keys.shape[-2] == held.shape[-2]:
            return held, values
        heard.append(True)
        return held.roll(1, -2), values

    return shifted
