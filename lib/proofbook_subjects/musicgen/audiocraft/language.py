"""The language model's arithmetic over tensors under audiocraft's names.

Sinusoidal positions, layers that normalise first, stacked attention weights, no biases but those
of the norms and of the text projection.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["compute_logits"]

_MAX_PERIOD = 10_000


def compute_logits(
    state: Mapping[str, torch.Tensor], tokens: torch.Tensor, states: torch.Tensor, *, heads: int
) -> torch.Tensor:
    """Return logits (codebooks, steps, codes) for tokens (codebooks, steps).

    ``states`` is what the text encoder computed, shape (1, length, its width).
    """
    import torch
    from torch.nn import functional

    codebooks, steps = tokens.shape
    width = state["out_norm.weight"].shape[0]
    text = functional.linear(
        states,
        state["condition_provider.conditioners.description.output_proj.weight"],
        state["condition_provider.conditioners.description.output_proj.bias"],
    )
    x = torch.stack([state[f"emb.{k}.weight"][tokens[k]] for k in range(codebooks)]).sum(0)
    x = (x + _positions(steps, width))[None]
    layer = 0
    while f"transformer.layers.{layer}.linear1.weight" in state:
        x = _layer(state, f"transformer.layers.{layer}", x, text, heads)
        layer += 1
    x = _norm(state, "out_norm", x)
    logits = [functional.linear(x, state[f"linears.{k}.weight"]) for k in range(codebooks)]
    return torch.cat(logits)


def _layer(
    state: Mapping[str, torch.Tensor], stem: str, x: torch.Tensor, text: torch.Tensor, heads: int
) -> torch.Tensor:
    from torch.nn import functional

    normed = _norm(state, f"{stem}.norm1", x)
    x = x + _attention(state, f"{stem}.self_attn", normed, normed, heads, causal=True)
    normed = _norm(state, f"{stem}.norm_cross", x)
    x = x + _attention(state, f"{stem}.cross_attention", normed, text, heads, causal=False)
    normed = _norm(state, f"{stem}.norm2", x)
    hidden = functional.gelu(functional.linear(normed, state[f"{stem}.linear1.weight"]))
    return x + functional.linear(hidden, state[f"{stem}.linear2.weight"])


def _attention(
    state: Mapping[str, torch.Tensor],
    stem: str,
    x: torch.Tensor,
    source: torch.Tensor,
    heads: int,
    *,
    causal: bool,
) -> torch.Tensor:
    import torch

    stacked = state[f"{stem}.in_proj_weight"]
    width = stacked.shape[1]

    def split(value: torch.Tensor, part: int) -> torch.Tensor:
        weight = stacked[part * width : (part + 1) * width]
        return (value @ weight.T).view(1, -1, heads, width // heads).transpose(1, 2)

    query, key, value = split(x, 0), split(source, 1), split(source, 2)
    scores = query @ key.transpose(-1, -2) / math.sqrt(width // heads)
    if causal:
        steps = scores.shape[-1]
        future = torch.ones(steps, steps, dtype=torch.bool).triu(1)
        scores = scores.masked_fill(future, -math.inf)
    mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(1, -1, width)
    return mixed @ state[f"{stem}.out_proj.weight"].T


def _norm(state: Mapping[str, torch.Tensor], stem: str, x: torch.Tensor) -> torch.Tensor:
    from torch.nn import functional

    weight, bias = state[f"{stem}.weight"], state[f"{stem}.bias"]
    return functional.layer_norm(x, (x.shape[-1],), weight, bias)


def _positions(steps: int, width: int) -> torch.Tensor:
    """Return the embeddings of positions, shape (steps, width): cosines, then sines."""
    import torch

    half = width // 2
    exponents = torch.arange(half) / (half - 1)
    phases = torch.arange(steps)[:, None] / _MAX_PERIOD**exponents
    return torch.cat([phases.cos(), phases.sin()], dim=-1)
