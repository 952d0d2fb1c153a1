"""``python -m proofbook_bench.programs.plain_language_loop CONFIG STEPS``: a plain PyTorch loop.

The network, the chunks, the optimizer and the batch are those of the framework's config. No
checkpoints, no log, no signals, and random numbers as they come.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset
from transformers import get_scheduler

from proofbook_subjects.foundry.config import ExperimentConfig
from proofbook_subjects.foundry.config_files import load_config
from proofbook_subjects.foundry.models import create_model
from proofbook_subjects.foundry.preparation import Preparation

__all__ = ["main"]


def main(path: Path, steps: int) -> None:
    """Train for so many steps, and print the last loss."""
    config = load_config(path)
    training = config.training
    torch.manual_seed(config.random_seed)
    model = create_model(
        config.model, config.tokenizer.vocab_size, config.data.max_sequence_length, "sdpa"
    ).train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=training.learning_rate, eps=training.adam_epsilon,
        betas=(training.adam_beta1, training.adam_beta2), weight_decay=training.weight_decay,
    )  # fmt: skip
    schedule = get_scheduler(training.lr_scheduler, optimizer, 4, steps)
    loader = _loader(config, path.parent)
    loss: Any = None
    done = 0
    while done < steps:
        for (ids,) in loader:
            logits = model(input_ids=ids).logits[:, :-1]
            loss = functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
            loss.backward()
            if training.max_grad_norm is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), training.max_grad_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            done += 1
            if done == steps:
                break
    print(float(loss))  # noqa: T201 - this is a program


def _loader(config: ExperimentConfig, project: Path) -> DataLoader[tuple[torch.Tensor, ...]]:
    chunks = Preparation(config, project, bool).prepare().training
    whole = torch.from_numpy(np.asarray(chunks.values).astype(np.int64))
    return DataLoader(TensorDataset(whole), config.data.batch_size, shuffle=True, drop_last=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
