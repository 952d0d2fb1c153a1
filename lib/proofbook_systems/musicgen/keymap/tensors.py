"""Make parameters from the tensors of a checkpoint, and back.

A copy or a part of the rows keeps every bit. A weight-norm pair and its folded weight are the same
to rounding: ``w = g · v / ‖v‖``, the norm over all dimensions but the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from proofbook_systems.musicgen.keymap.names import canonical, role
from proofbook_systems.musicgen.keymap.plan import Recipe
from proofbook_systems.musicgen.keymap.rules import Part, sources_of

if TYPE_CHECKING:
    import torch

__all__ = ["Form", "build_tensor", "to_audiocraft"]

Form = Literal["pair", "parametrized", "folded"]
"""How weight normalisation is written: ``weight_g`` and ``weight_v``, torch's newer names for
them, or multiplied out."""

_NEWER = {"weight_g": "parametrizations.weight.original0",
          "weight_v": "parametrizations.weight.original1"}  # fmt: skip


def build_tensor(recipe: Recipe, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the parameter of ``recipe``; reads its sources alone, and may share their memory."""
    sources = [tensors[key] for key in recipe.sources]
    if recipe.operation == "fold":
        return _folded(sources[0], sources[1])
    source = sources[0]
    if recipe.operation == "rows":
        index, of = recipe.part
        rows = source.shape[0] // of
        return source[index * rows : (index + 1) * rows]
    if recipe.operation == "magnitude":
        return _norm(source)
    # The direction of a folded weight is the weight itself: its length is divided out again.
    return source


def to_audiocraft(
    part: Part, tensors: Mapping[str, torch.Tensor], form: Form = "pair"
) -> dict[str, torch.Tensor]:
    """Return what audiocraft would call these parameters, by the inverse of the rules.

    Raises:
        ValueError: A parameter is known to no rule.
    """
    named = {canonical(name): tensor for name, tensor in tensors.items()}
    stacked: dict[str, dict[int, torch.Tensor]] = {}
    plain: dict[str, torch.Tensor] = {}
    for name, tensor in named.items():
        sources = sources_of(part, name)
        if not sources:
            raise ValueError(f"no rule knows {name}")
        transposed = len(sources) > 1 and _is_transposed(name, named)
        source = sources[1 if transposed else 0]
        if source.of > 1:
            stacked.setdefault(source.name, {})[source.place] = tensor
        else:
            plain[source.name] = tensor
    return _written(plain, form) | {name: _stack(parts) for name, parts in stacked.items()}


def _stack(parts: Mapping[int, torch.Tensor]) -> torch.Tensor:
    import torch

    return torch.cat([parts[index] for index in sorted(parts)])


def _is_transposed(name: str, tensors: Mapping[str, torch.Tensor]) -> bool:
    """Say whether a convolution is transposed: then its bias is as long as its second dimension."""
    stem = name.rsplit(".", 1)[0]
    weight = tensors.get(f"{stem}.weight_v", tensors.get(f"{stem}.weight"))
    bias = tensors.get(f"{stem}.bias")
    return weight is not None and bias is not None and weight.shape[0] != bias.shape[0]


def _written(tensors: Mapping[str, torch.Tensor], form: Form) -> dict[str, torch.Tensor]:
    written = {}
    for name, tensor in tensors.items():
        stem, leaf = name.rsplit(".", 1)
        kind = role(name)
        if kind not in ("magnitude", "direction") or form == "pair":
            written[name] = tensor
        elif form == "parametrized":
            written[f"{stem}.{_NEWER[leaf]}"] = tensor
        elif kind == "direction":
            written[f"{stem}.weight"] = _folded(tensors[f"{stem}.weight_g"], tensor)
    return written


def _norm(tensor: torch.Tensor) -> torch.Tensor:
    import torch

    dimensions = tuple(range(1, tensor.ndim))
    wide = tensor.double() if tensor.is_floating_point() else tensor
    norm: torch.Tensor = torch.linalg.vector_norm(wide, dim=dimensions, keepdim=True)
    return norm.to(tensor.dtype)


def _folded(magnitude: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    norm = _norm(direction.double())
    return (magnitude.double() * direction.double() / norm).to(direction.dtype)
