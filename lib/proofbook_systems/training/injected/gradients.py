"""Gradients between two updates: are they cleared, how are they scaled, do they overflow?

Belongs to the program beside it, and may import nothing but Python's own library.
"""

from __future__ import annotations

from typing import Any

__all__ = ["ClearWatch", "scale_gradients", "watch_scalers"]

_BACKOFF = 2.0**-8


class ClearWatch:
    """Sees whether one parameter's gradient is cleared before an update, and is left alone in it.

    What it has before a backward pass adds to it is what the pass before has left. Where several
    processes train, these exchange gradients between passes by right: that is not looked at.
    """

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self._first = True
        self._kept = self._changed = False
        self._left: Any = None

    def follow(self, parameters: list[Any]) -> list[Any]:
        """Return the handles of hooks on the smallest parameter; none where there is none."""
        learnt = [each for each in parameters if each.requires_grad and each.grad is not None]
        chosen = min(learnt, key=lambda each: each.numel(), default=None)
        if chosen is None:
            return []
        after = getattr(chosen, "register_post_accumulate_grad_hook", None)  # of torch 2.1
        return [
            chosen.register_hook(self._look_at(chosen)),
            *([after(self._note)] if after else []),
        ]

    def _look_at(self, parameter: Any) -> Any:
        # Called before the pass adds its gradient. One that is cleared later on, before the pass
        # that counts, was left by another network's pass through this one.
        def look(_: Any) -> None:
            held = parameter.grad is not None and bool((parameter.grad != 0).any())
            self._kept = held and (self._kept or self._first)
            if held and not self._first and self._left is not None:
                left, self._left = self._left, None
                same = self._torch.equal(left, parameter.grad)
                self._changed = self._changed or (not same and bool(left.isfinite().all()))
            self._first = False

        return look

    def _note(self, parameter: Any) -> None:
        distributed = self._torch.distributed
        alone = not (distributed.is_available() and distributed.is_initialized())
        usual = parameter.grad is not None and not parameter.grad.is_sparse
        self._left = parameter.grad.detach().clone() if alone and usual else None

    def after_update(self) -> list[str]:
        """Return what the update's gradient was, if anything: kept, or changed; and go on."""
        found = [
            name for name, is_so in (("kept", self._kept), ("changed", self._changed)) if is_so
        ]
        self._kept, self._changed, self._first, self._left = False, False, True, None
        return found


def scale_gradients(torch: Any, exponent: float) -> None:
    """Have gradient scalers begin so large that the first gradients overflow, and fall quickly."""
    scaler = torch.amp.GradScaler
    begin = scaler.__init__

    def begin_large(self: Any, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        if self.is_enabled():
            self._init_scale = 2.0**exponent
            self.set_backoff_factor(_BACKOFF)

    scaler.__init__ = begin_large


class _Patched:
    """A method that was exchanged, and can be put back as hooks are."""

    def __init__(self, kind: Any, name: str, method: Any) -> None:
        self._kind, self._name, self._before = kind, name, getattr(kind, name)
        setattr(kind, name, method)

    def remove(self) -> None:
        """Put it back."""
        setattr(self._kind, self._name, self._before)


def watch_scalers(torch: Any, tell: Any) -> list[Any]:
    """Have ``tell`` called with the scale, and the updates since its last change, after each.

    Returns:
        What ends that.
    """
    scaler = getattr(getattr(torch, "amp", None), "GradScaler", None)
    if scaler is None:
        return []
    update = scaler.update

    def told(self: Any, *args: Any, **kwargs: Any) -> None:
        update(self, *args, **kwargs)
        # One that is switched off has no state.
        if state := self.state_dict():
            tell([float(state["scale"]), float(state["_growth_tracker"])])

    return [_Patched(scaler, "update", told)]
