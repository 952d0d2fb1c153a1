"""The codec's decoder (SEANet) and codebooks over tensors under audiocraft's names.

Not causal: convolutions are padded on both sides by reflection, transposed ones cut on both.
Weights are folded, ``weight`` and not a weight-norm pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["decode"]


def decode(
    state: Mapping[str, torch.Tensor], codes: torch.Tensor, ratios: Sequence[int]
) -> torch.Tensor:
    """Return audio (1, channels, samples) for codes (1, codebooks, frames)."""
    import torch
    from torch.nn import functional

    books = [f"quantizer.vq.layers.{k}._codebook.embed" for k in range(codes.shape[1])]
    vectors = [functional.embedding(codes[:, k], state[book]) for k, book in enumerate(books)]
    x = torch.stack(vectors).sum(0).transpose(1, 2)
    x = _convolve(state, "decoder.model.0.conv.conv", x)
    x = _recur(state, "decoder.model.1.lstm", x)
    for i, ratio in enumerate(ratios):
        x = _upsample(state, f"decoder.model.{3 * i + 3}.convtr.convtr", functional.elu(x), ratio)
        x = _residual(state, f"decoder.model.{3 * i + 4}.block", x)
    return _convolve(state, f"decoder.model.{3 * len(ratios) + 3}.conv.conv", functional.elu(x))


def _convolve(state: Mapping[str, torch.Tensor], stem: str, x: torch.Tensor) -> torch.Tensor:
    from torch.nn import functional

    weight = state[f"{stem}.weight"]
    total = weight.shape[-1] - 1
    right = total // 2
    x = functional.pad(x, (total - right, right), mode="reflect") if total else x
    return functional.conv1d(x, weight, state[f"{stem}.bias"])


def _upsample(
    state: Mapping[str, torch.Tensor], stem: str, x: torch.Tensor, ratio: int
) -> torch.Tensor:
    from torch.nn import functional

    weight = state[f"{stem}.weight"]
    x = functional.conv_transpose1d(x, weight, state[f"{stem}.bias"], stride=ratio)
    total = weight.shape[-1] - ratio
    right = total // 2
    return x[..., total - right : x.shape[-1] - right]


def _residual(state: Mapping[str, torch.Tensor], stem: str, x: torch.Tensor) -> torch.Tensor:
    from torch.nn import functional

    inner = _convolve(state, f"{stem}.1.conv.conv", functional.elu(x))
    return x + _convolve(state, f"{stem}.3.conv.conv", functional.elu(inner))


def _recur(state: Mapping[str, torch.Tensor], stem: str, x: torch.Tensor) -> torch.Tensor:
    """Run a recurrent layer of two levels, gate by gate, and add what went in."""
    y = x[0].T
    for level in (0, 1):
        y = _level(state, stem, level, y)
    return x + y.T[None]


def _level(
    state: Mapping[str, torch.Tensor], stem: str, level: int, x: torch.Tensor
) -> torch.Tensor:
    import torch

    def weights(kind: str) -> tuple[torch.Tensor, torch.Tensor]:
        names = (f"{stem}.{kind}_ih_l{level}", f"{stem}.{kind}_hh_l{level}")
        return state[names[0]], state[names[1]]

    (inwards, onwards), (bias_in, bias_on) = weights("weight"), weights("bias")
    hidden = memory = torch.zeros(onwards.shape[1])
    steps = []
    for frame in x:
        gates = inwards @ frame + bias_in + onwards @ hidden + bias_on
        let_in, forget, new, let_out = gates.chunk(4)
        memory = forget.sigmoid() * memory + let_in.sigmoid() * new.tanh()
        hidden = let_out.sigmoid() * memory.tanh()
        steps.append(hidden)
    return torch.stack(steps)
