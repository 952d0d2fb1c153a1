"""Settle the batch norms of a model with random weights, whose answer hardly hears its input.

A batch norm outside of training divides by what it has seen in training: fresh ones have seen
nothing. Through many of them a signal fades, until biases alone are left and every check is about
those. So each is given the mean and the spread of what reaches it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["CLEAR", "FAINT", "has_norms", "settled"]

FAINT = 1e-2
"""By so little, as a share, other inputs move an answer in which the signal has faded."""
CLEAR = 10.0
"""So many times further than rounding explains, other inputs move an answer that hears them."""
_SMALL_SCALE = 0.5
_LEAST_SPREAD = 1e-6
"""Of numbers that are all alike there is nothing to divide by."""


@contextmanager
def settled(model: Any, run: Callable[[], object], seed: int = 0) -> Iterator[list[bool]]:
    """Let each batch norm know what reaches it while the model runs.

    What a norm passes on reaches the next one, so that all are settled in one run. A scale that
    begins near zero is drawn around one. Unless something is added to the list that is yielded,
    the model is at the end what it was.
    """
    before = {name: value.clone() for name, value in model.state_dict().items()}
    keeps: list[bool] = []
    try:
        _settle(model, run, torch.Generator().manual_seed(seed))
        yield keeps
    finally:
        if not keeps:
            model.load_state_dict(before)


def _settle(model: Any, run: Callable[[], object], noise: torch.Generator) -> None:
    hooks = [
        norm.register_forward_pre_hook(lambda norm, given: _measure(norm, given[0], noise))
        for norm in _norms(model)
    ]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()


def has_norms(model: Any) -> bool:
    """Say whether a model has a batch norm that divides by what it has seen."""
    return bool(_norms(model))


def _norms(model: Any) -> list[Any]:
    found = [each for each in model.modules() if isinstance(each, _BatchNorm)]
    return [each for each in found if each.running_mean is not None]


def _measure(norm: Any, given: torch.Tensor, noise: torch.Generator) -> None:
    rows = given.detach().transpose(0, 1).flatten(1)
    spread = rows.var(1, correction=0)
    whole = rows.var(correction=0)  # where a channel has one number alone
    if whole <= _LEAST_SPREAD:
        return
    with torch.no_grad():
        enough = spread > _LEAST_SPREAD * whole
        norm.running_mean.copy_(torch.where(enough, rows.mean(1), rows.mean()))
        norm.running_var.copy_(torch.where(enough, spread, whole))
        if norm.weight is not None and norm.weight.abs().mean() < _SMALL_SCALE:
            drawn = torch.randn(norm.weight.shape, generator=noise)
            norm.weight.copy_(1 + 0.1 * drawn.to(norm.weight.dtype))
