"""The loss on texts that were held out. Draws no random numbers, and changes nothing."""

from __future__ import annotations

from typing import Any, NamedTuple

from proofbook_subjects.foundry.data.batches import ChunkDataset
from proofbook_subjects.foundry.training.step import count_targets, summed_loss

__all__ = ["Evaluation", "evaluate"]


class Evaluation(NamedTuple):
    """Over a whole dataset."""

    loss: float
    """Mean over its tokens."""
    tokens: int


def evaluate(model: Any, data: ChunkDataset, batch_size: int, *, masked: bool) -> Evaluation:
    """Return the mean loss of a network on a dataset."""
    import torch

    device, was_training = next(model.parameters()).device, model.training
    total, tokens = 0.0, 0
    model.eval()
    try:
        with torch.no_grad():
            for first in range(0, len(data), batch_size):
                batch = data.__getitems__([*range(first, min(first + batch_size, len(data)))])
                moved = batch.to(device)
                total += float(summed_loss(model, moved, masked=masked))
                tokens += count_targets(batch, masked=masked)
    finally:
        model.train(was_training)
    return Evaluation(total / max(tokens, 1), tokens)
