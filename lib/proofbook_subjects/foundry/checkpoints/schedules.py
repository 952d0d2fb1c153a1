"""At which steps there is a checkpoint."""

from __future__ import annotations

import math
from itertools import takewhile

from proofbook_subjects.foundry.config import TrainingConfig

__all__ = ["generate_schedule", "schedule_for"]


def generate_schedule(config: TrainingConfig, total: int, steps_per_epoch: int) -> tuple[int, ...]:
    """Return a schedule: dense in the first epoch, where most happens, and sparser from then on.

    The first epoch has ``first_epoch_checkpoints`` at even distances. After that the distance grows
    by ``log_base`` each time, or is ``linear_interval`` throughout; it is at least
    ``min_checkpoint_interval``, unless an epoch would then have fewer than
    ``min_checkpoints_per_epoch``. The last step is always in it.
    """
    first_epoch = min(steps_per_epoch, total)
    count = min(config.first_epoch_checkpoints, first_epoch)
    steps = {math.ceil(first_epoch * number / count) for number in range(1, count + 1)}
    widest = max(1, steps_per_epoch // config.min_checkpoints_per_epoch)
    gap = float(max(config.min_checkpoint_interval, steps_per_epoch // count))
    grows = config.subsequent_epochs_spacing == "log"
    if not grows:
        gap = float(max(config.linear_interval or widest, config.min_checkpoint_interval))
    at = float(first_epoch)
    while at < total:
        at += min(gap, widest)
        gap = gap * config.log_base if grows else gap
        steps.add(int(at))
    return (*takewhile(lambda step: step < total, sorted(steps)), total)


def schedule_for(config: TrainingConfig, total: int, steps_per_epoch: int) -> frozenset[int]:
    """Return every step after which a training saves; the last one is always among them."""
    steps = {step for step in config.checkpoint_schedule or () if step <= total}
    if config.checkpoint_every:
        steps |= set(range(config.checkpoint_every, total + 1, config.checkpoint_every))
    if config.auto_generate_checkpoints and config.checkpoint_schedule is None:
        steps |= set(generate_schedule(config, total, steps_per_epoch))
    return frozenset(steps | {total})
