"""Text from a network that predicts the next token. Any architecture: nothing is cached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["generate"]


def generate(
    model: Any,
    ids: Sequence[int],
    count: int,
    *,
    context: int,
    temperature: float = 0.0,
    seed: int = 0,
    end: int | None = None,
) -> list[int]:
    """Return ``count`` tokens that follow ``ids``, or fewer up to ``end``.

    Args:
        model: Not changed; its mode is put back.
        ids: At least one token.
        count: The most to return.
        context: The longest sequence that the network takes.
        temperature: 0 always takes the likeliest.
        seed: Of the choice; no global generator is used.
        end: A token to stop after.
    """
    import torch

    device, was_training = next(model.parameters()).device, model.training
    chance = torch.Generator().manual_seed(seed)
    tokens = list(ids)
    model.eval()
    try:
        with torch.no_grad():
            while len(tokens) < len(ids) + count and (end is None or tokens[-1] != end):
                window = torch.tensor([tokens[-context:]], device=device)
                logits = model(input_ids=window).logits[0, -1].float().cpu()
                if temperature == 0:
                    tokens.append(int(logits.argmax()))
                else:
                    shares = torch.softmax(logits / temperature, dim=-1)
                    tokens.append(int(torch.multinomial(shares, 1, generator=chance)))
    finally:
        model.train(was_training)
    return tokens[len(ids) :]
