"""Checks of what a model goes through: saved and loaded, broken on purpose."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from proofbook_systems.models.comparing import NoSuchPartError
from proofbook_systems.models.inputs import Inputs
from proofbook_systems.models.outputs import Outputs, call, equal, measure_distance

__all__ = [
    "check_control",
    "check_save_load",
    "load",
    "save",
]

_CONTROLS = 8
"""How many weights are broken at most until one shows."""
_CONTROL_SECONDS = 2.0


def save(model: Any, folder: Path) -> None:
    """Save a model as transformers does, or its weights where it has no such method."""
    if hasattr(model, "save_pretrained"):
        model.save_pretrained(folder)
    else:
        torch.save(model.state_dict(), folder / "weights.pt")


def load(model: Any, folder: Path) -> Any:
    """Load what :func:`save` wrote for ``model``."""
    if hasattr(model, "save_pretrained"):
        attention = getattr(model.config, "_attn_implementation", None) or "eager"
        return type(model).from_pretrained(folder, attn_implementation=attention).eval()
    fresh = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in fresh.parameters():
            parameter.zero_()
    fresh.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
    return fresh


def check_save_load(
    model: Any,
    inputs: Inputs,
    ours: Outputs,
    folder: Path,
    tolerance: float,
    loading: Callable[[Any, Path], Any] = load,
) -> str:
    """Return what was lost between saving and loading: a weight, a buffer, or the answer.

    Raises:
        NoSuchPartError: Its weights were read from a form that transformers does not write.
    """
    quantizer = getattr(model, "hf_quantizer", None)
    if quantizer is not None and not quantizer.is_serializable():
        form = getattr(quantizer.quantization_config, "quant_method", "quantised")
        raise NoSuchPartError(f"comes from {getattr(form, 'value', form)}, which is not written")
    save(model, folder)
    loaded = loading(model, folder)
    before, after = model.state_dict(), loaded.state_dict()
    if lost := sorted(before.keys() ^ after.keys()):
        return f"{len(lost)} weights are not on both sides, as {lost[0]}"
    unequal = [name for name, value in before.items() if not equal(value, after[name])]
    distance = measure_distance(ours, call(loaded, inputs))
    away = f"{distance.where or 'the answer'} is {distance.share:.1e} away"
    if unequal:
        return f"{len(unequal)} of {len(before)} weights differ, as {unequal[0]}; {away}"
    return f"weights are equal, the answer is not: {away}" if distance.share > tolerance else ""


def check_control(model: Any, inputs: Inputs, ours: Outputs, tolerance: float) -> tuple[str, float]:
    """Break weights until the answer shows it; return why none does, and the share that shows.

    Large matrices in different places are zeroed, one at a time: an output that none of them
    reaches would let every broken weight pass.
    """
    chosen = _large_weights(model)
    if not chosen:
        raise NoSuchPartError("has no weights")
    shown = tried = 0
    started = time.perf_counter()
    for parameter in chosen:
        if shown and time.perf_counter() - started > _CONTROL_SECONDS:
            break
        tried += 1
        kept = parameter.detach().clone()
        with torch.no_grad():
            parameter.zero_()
        distance = measure_distance(ours, call(model, inputs)).share
        with torch.no_grad():
            parameter.copy_(kept)
        shown += distance > tolerance
    share = shown / tried
    return ("" if shown else f"none of {len(chosen)} zeroed weights changes the answer", share)


def _large_weights(model: Any) -> list[torch.nn.Parameter]:
    matrices = [p for p in model.parameters() if p.dim() > 1 and p.is_floating_point()]
    every = matrices or list(model.parameters())
    step = max(1, len(every) // _CONTROLS)
    return every[::step][:_CONTROLS]
