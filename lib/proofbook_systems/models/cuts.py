"""Whether a gradient arrives at every weight that a loss depends on.

A weight that gets none, though the loss has a slope there, is never trained: something on its way
to the loss is held fast (``detach``, ``no_grad``). Where other ways lead around it, gradients
arrive, and are a part of the slope; some models mean that, so that it is told, and no fault.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch

from proofbook_systems.models.slopes import Asked, Weights

__all__ = ["find_cut", "is_whole", "name_frozen"]

_STEP = 1e-6
"""How far each weight is moved, as a share of its size."""
_SHOWS = 1e-12
"""By how much, as a share of it, a loss must change: what float64 rounds is far less."""
_SAME = 0.2
"""How far the slopes to both sides may lie apart: an edge has one on each side, and a choice that
is turned over is a step, and none."""


def find_cut(
    loss: Callable[[], float],
    weights: Weights,
    first: float,
    still: Mapping[str, int],
    name_frozen: Callable[[Weights], Collection[str]],
) -> str:
    """Return a weight without any gradient on which a loss depends; empty where there is none.

    Args:
        loss: Computes the loss in float64, with nothing held fast.
        weights: Names and weights of float64, each with its gradient; they are moved, and put back.
        first: The loss where they are.
        still: Rows that stand for padding, which no gradient moves, by the name of their table.
        name_frozen: Names those of some weights that are frozen on purpose; asked only where one
            that gets no gradient matters.
    """
    silent = [(n, w) for n, w in weights if w.grad is not None and not bool(w.grad.any())]
    if not silent or not _depends(asked := _ask(loss, silent, first, still)):
        return ""
    frozen = name_frozen(silent)
    silent = [(n, w) for n, w in silent if n not in frozen]
    if not silent or not _depends(asked := _ask(loss, silent, first, still)):
        return ""
    places = range(len(silent))
    while len(places) > 1:
        first_half, second_half = places[: len(places) // 2], places[len(places) // 2 :]
        # The last of a chain is the nearest to where it is cut.
        places = second_half if _depends(asked, second_half) else first_half
    return silent[places[0]][0]


def _ask(
    loss: Callable[[], float], weights: Weights, first: float, still: Mapping[str, int]
) -> Asked:
    asked = Asked(loss=loss, weights=weights, first=first, still=still)
    asked.draw()
    return asked


def _depends(asked: Asked, some: range | None = None) -> bool:
    """Say whether a loss has a slope where some weights move; all where none are named."""
    places = range(len(asked.weights)) if some is None else some
    far = asked.moved(places, _STEP) - asked.first
    if abs(far) <= _SHOWS * abs(asked.first):
        return False
    back = asked.first - asked.moved(places, -_STEP)
    return abs(far - back) <= _SAME * abs(far)


def is_whole(
    loss: Callable[[], float], weights: Weights, first: float, still: Mapping[str, int]
) -> bool:
    """Say whether gradients are the whole slope of a loss, of which nothing is held fast.

    Takes what :func:`find_cut` takes.
    """
    return _ask(loss, weights, first, still).is_right(range(len(weights)))[0]


def name_frozen(model: Any, run: Callable[[], object], silent: Weights) -> set[str]:
    """Return the weights that a model freezes on purpose: of modules that only run underived.

    A weight that is read underived, by whoever has its module, is not frozen by that.

    Args:
        model: What is derived.
        run: Runs it as it is when it is derived.
        silent: Names and weights of all that got no gradient.
    """
    parts = [f"{n}." for n, _ in model.named_modules() if n]
    names = {name for name, _ in silent}
    trained = [name for name, weight in model.named_parameters() if weight.requires_grad]
    quiet: dict[str, bool] = {}
    hooks = [m.register_forward_pre_hook(_noting(f"{n}.", quiet)) for n, m in model.named_modules()]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    frozen = {
        part
        for part in parts
        if all(name in names for name in trained if name.startswith(part))
        and all(still for name, still in quiet.items() if name.startswith(part))
        and any(name.startswith(part) for name in quiet)
    }
    return {name for name in names if name.startswith(tuple(frozen))}


def _noting(name: str, quiet: dict[str, bool]) -> Callable[[Any, Any], None]:
    """Return a hook that notes whether a module has only run while nothing was derived."""

    def note(_: Any, __: Any) -> None:
        quiet[name] = quiet.get(name, True) and not torch.is_grad_enabled()

    return note
