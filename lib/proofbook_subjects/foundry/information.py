"""What a config makes, in lines for people. Starts nothing and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from proofbook_subjects.foundry.checkpoints.folders import list_checkpoints
from proofbook_subjects.foundry.config import ExperimentConfig
from proofbook_subjects.foundry.models import count_parameters, create_model
from proofbook_subjects.foundry.preparation import Paths
from proofbook_subjects.foundry.surroundings import choose_device

__all__ = ["describe"]


def describe(config: ExperimentConfig, project: Path) -> Iterator[str]:
    """Yield a line on each of device, network, data and checkpoints."""
    paths = Paths.of(config, project)
    model = create_model(config.model, config.tokenizer.vocab_size, config.data.max_sequence_length)
    count = count_parameters(model)
    yield f"experiment: {config.experiment_name}"
    yield f"device: {choose_device(config.training.device)}"
    yield (
        f"model: {config.model.architecture}, {count.total} parameters, {count.trainable} "
        f"trainable, {count.embedding} in the embedding"
    )
    for name in ("source", "corpus", "tokenizer", "tokenized"):
        path: Path = getattr(paths, name)
        yield f"{name}: {path}{'' if path.exists() else ' (not there yet)'}"
    names = [place.path.name for place in reversed(list_checkpoints(paths.output))]
    yield f"checkpoints: {', '.join(names) or 'none'}"
