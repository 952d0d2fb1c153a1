"""A schedule of checkpoints for a config, and a config with its schedule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from proofbook.files import atomic_write
from proofbook_subjects.foundry.checkpoints.schedules import generate_schedule
from proofbook_subjects.foundry.config import ExperimentConfig
from proofbook_subjects.foundry.data.statistics import steps_per_epoch
from proofbook_subjects.foundry.preparation import Preparation

__all__ = ["plan_schedule", "write_schedule"]


def plan_schedule(
    config: ExperimentConfig, project: Path, say: Callable[[str], object]
) -> tuple[int, ...]:
    """Return the schedule that fits a config and its data, which are prepared if need be."""
    chunks = Preparation(config, project, say).prepare().training
    training = config.training
    per_epoch = steps_per_epoch(
        len(chunks), config.data.batch_size, training.gradient_accumulation_steps
    )
    return generate_schedule(training, training.total_steps(per_epoch), per_epoch)


def write_schedule(config: Path, output: Path, schedule: Sequence[int]) -> None:
    """Write a copy of a config that has the schedule; comments are lost."""
    values = yaml.safe_load(config.read_text(encoding="utf-8"))
    values.pop("training.checkpoint_schedule", None)
    values["training"]["checkpoint_schedule"] = list(schedule)
    atomic_write(output, yaml.safe_dump(values, sort_keys=False))
