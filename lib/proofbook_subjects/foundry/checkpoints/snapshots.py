"""All that a training needs to go on, and copies of it that nothing else uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Snapshot", "copied", "copied_snapshot", "room_for"]


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A training between two forward passes."""

    step: int
    """Steps that have been made."""
    passes: int
    """Forward passes of the next step that have been made."""
    weights: Mapping[str, Any]
    """Tensors by name; those that are shared once."""
    state: Mapping[str, Any]
    """Of optimizer, scheduler, scaler, sampler, accumulation, and all random numbers."""
    texts: Mapping[str, bytes]
    """Further files by their names: configuration, tokenizer, metadata."""
    config: Mapping[str, Any]
    """The experiment's."""

    @property
    def name(self) -> str:
        """Of its folder."""
        within = f".{self.passes}" if self.passes else ""
        return f"checkpoint-{self.step}{within}"


def copied_snapshot(snapshot: Snapshot, earlier: Snapshot | None) -> Snapshot:
    """Return a copy of a snapshot, in the memory of an earlier copy where that fits."""
    return replace(
        snapshot,
        weights=copied(dict(snapshot.weights), dict(earlier.weights) if earlier else None),
        state=copied(dict(snapshot.state), dict(earlier.state) if earlier else None),
    )


def room_for(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot of the same form whose memory is there: new memory is slow."""
    weights, state = _blank(dict(snapshot.weights)), _blank(dict(snapshot.state))
    return replace(snapshot, weights=weights, state=state)


def copied(value: Any, into: Any = None) -> Any:
    """Return a copy, in the CPU's memory, of tensors and of tables and sequences of them.

    Args:
        value: What is copied.
        into: An earlier copy, which is overwritten where it fits.
    """
    import torch

    if isinstance(value, torch.Tensor):
        tensor = value.detach()
        if isinstance(into, torch.Tensor) and _same_form(tensor, into):
            return into.copy_(tensor)
        return tensor.to("cpu", copy=True)
    if isinstance(value, dict):
        known = into if isinstance(into, dict) else {}
        return {key: copied(item, known.get(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        fits = isinstance(into, list | tuple) and len(into) == len(value)
        pairs = zip(value, into if fits else [None] * len(value), strict=True)
        return type(value)(copied(item, earlier) for item, earlier in pairs)
    return value


def _blank(value: Any) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        # Filled, since memory that was never written to is not there yet.
        return torch.empty_like(value, device="cpu").fill_(0)
    if isinstance(value, dict):
        return {key: _blank(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_blank(item) for item in value)
    return value


def _same_form(a: Any, b: Any) -> bool:
    return bool(a.shape == b.shape and a.dtype == b.dtype and b.device.type == "cpu")
