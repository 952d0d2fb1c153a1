"""Checks of what a model goes through: saved and loaded, broken on purpose, trained."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from proofbook_systems.models.comparing import NoSuchPartError, NotApplicableError
from proofbook_systems.models.inputs import Inputs
from proofbook_systems.models.outputs import Outputs, call, equal, measure_distance
from proofbook_systems.models.references import in_float64, widen
from proofbook_systems.models.widening import InFloat64

__all__ = [
    "check_control",
    "check_gradient",
    "check_save_load",
    "load",
    "save",
]

_CONTROLS = 8
"""How many weights are broken at most until one shows."""
_CONTROL_SECONDS = 2.0
_STEPS = (1e-3, 1e-4, 1e-5)
"""Shares of the loss that a step would take off a straight slope: a steep one takes the smaller."""
_SHORT_STEPS = (1e-6, 1e-8, 1e-10)
_MASKED = 1e30
"""What stands for minus infinity in a score that is masked, which no weight moves."""

_Pairs = list[tuple[torch.nn.Parameter, torch.Tensor]]


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


def check_gradient(model: Any, inputs: Inputs) -> tuple[str, float]:
    """Take one step; return why it does not help, and the share of weights that it reaches.

    Some models keep what a derivation takes only while they are trained, as without a cache that
    they write over: what cannot be derived otherwise is derived so. Where the loss is so steep that
    a step which float32 can tell from none is too long, a shorter one is taken in float64.

    Raises:
        NotApplicableError: No output can be derived.
    """
    trained = copy.deepcopy(model)
    try:
        first = _derive(trained, inputs)
    except NotApplicableError:
        raise
    except Exception:  # noqa: BLE001 - what is raised while it is trained counts
        trained = copy.deepcopy(model).train()
        first = _derive(trained, inputs)
    pairs = [(p, p.grad) for p in trained.parameters() if p.grad is not None]
    if any(not torch.isfinite(grad).all() for _, grad in pairs):
        return "a gradient is not finite", 0.0
    if not any(bool(grad.any()) for _, grad in pairs):
        return "every gradient is zero", 0.0
    share = len(pairs) / max(1, len(list(trained.parameters())))
    after = _lowest_after(trained, inputs, pairs, first, _STEPS)
    if after < first or _lowers_exactly(trained, inputs):
        return "", share
    return f"a small step raises the loss from {first:.6g} to {after:.6g}", share


def _lowest_after(
    model: Any, inputs: Inputs, pairs: _Pairs, first: float, steps: tuple[float, ...]
) -> float:
    """Return the loss after the first step that lowers it, or after the last one.

    The longest may leave it as it is, as far as rounding tells.
    """
    norm = sum(float(grad.double().square().sum()) for _, grad in pairs)
    kept = [parameter.detach().clone() for parameter, _ in pairs]
    after = math.inf
    for step in steps:
        after = _loss_after(model, inputs, pairs, kept, step * abs(first) / norm)
        if step == steps[0] and first <= after <= first * (1 + 1e-6):
            return math.nextafter(first, -math.inf)
        if after < first:
            break
    with torch.no_grad():
        for (parameter, _), value in zip(pairs, kept, strict=True):
            parameter.copy_(value)
    return after


def _lowers_exactly(model: Any, inputs: Inputs) -> bool:
    """Say whether a shorter step lowers the loss in float64."""
    exact, wide = in_float64(model), widen(inputs)
    exact.zero_grad()
    try:
        with InFloat64():
            first = _derive(exact, wide)
            pairs = [(p, p.grad) for p in exact.parameters() if p.grad is not None]
            return _lowest_after(exact, wide, pairs, first, _SHORT_STEPS) < first
    except Exception:  # noqa: BLE001 - what does not run in float64 is judged by float32 alone
        return False


def _derive(model: Any, inputs: Inputs) -> float:
    """Return the loss, and derive it for every weight.

    Raises:
        NotApplicableError: No output can be derived.
    """
    loss = _loss(model, inputs)
    if loss is None or not loss.requires_grad:
        raise NotApplicableError("no output can be derived")
    loss.backward()  # type: ignore[no-untyped-call]
    return float(loss.detach())


def _loss_after(
    model: Any, inputs: Inputs, pairs: _Pairs, kept: list[torch.Tensor], step: float
) -> float:
    """Return the loss after a step against the gradient."""
    with torch.no_grad():
        for (parameter, grad), value in zip(pairs, kept, strict=True):
            parameter.copy_(value - grad * step)
        after = _loss(model, inputs)
    assert after is not None
    return float(after)


def _loss(model: Any, inputs: Inputs) -> torch.Tensor | None:
    torch.manual_seed(0)
    answer = model(
        **{n: v.clone() if isinstance(v, torch.Tensor) else v for n, v in inputs.items()}
    )
    parts = [v.clamp(-1e4, 1e4).square().mean() for v in _derivable(answer)]
    return torch.stack(parts).sum() if parts else None


def _derivable(answer: Any) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    values = answer.values() if isinstance(answer, dict) else answer
    values = [values] if isinstance(values, torch.Tensor) else list(values)
    for each in values:
        if isinstance(each, torch.Tensor) and each.is_floating_point():
            moved = torch.isfinite(each) & (each.detach().abs() < _MASKED)
            found.append(torch.where(moved, each, torch.zeros_like(each)))
        elif isinstance(each, (list, tuple)):
            found += _derivable([e for e in each if isinstance(e, (torch.Tensor, list, tuple))])
    return found
