"""The parameters of the runbooks on graphics cards.

Imports pydantic alone. Field names, types and defaults equal those of each runbook's parameters
cell.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from proofbook_systems.dreambooth.config import TrainerConfig

__all__ = ["RUNBOOKS", "EnvironmentConfig", "MemoryConfig", "ThroughputConfig"]


class EnvironmentConfig(BaseModel):
    """Parameters of ``gpu/environment``."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    card: int = Field(default=0, ge=0)
    """Which card, as ``nvidia-smi`` counts."""
    name: str = ""
    """Part of the name that it must have; empty is any."""
    cuda: str = Field(default="11.8", pattern=r"^\d+(\.\d+)*$")
    """Oldest version of CUDA that torch may be built for."""
    memory_gb: float = Field(default=8.0, ge=0)
    """GiB that it must have."""
    free_gb: float = Field(default=6.0, ge=0)
    """GiB that must be free."""
    size: int = Field(default=1024, ge=16)
    """Rows of the matrices that are multiplied."""


class MemoryConfig(TrainerConfig):
    """Parameters of ``gpu/memory``."""

    steps: int = Field(default=6, ge=2)
    """Steps of each training."""
    batch_key: str = Field(default="train_batch_size", min_length=1)
    """What the config calls the batch's size."""
    first_batch: int = Field(default=1, ge=1)
    """The first size that is tried."""
    largest_batch: int = Field(default=64, ge=1)
    """None beyond it is tried."""
    tolerance: float = Field(default=0.0, ge=0)
    """Part of the result by which the largest size may be too small; 0 finds it exactly."""
    least_batch: int = Field(default=1, ge=0)
    """Size that must fit."""
    trial_steps: int = Field(default=2, ge=1)
    """Steps of each trial."""
    memory_limit: int = Field(default=0, ge=0)
    """MB that a trial may have, without a card; 0 is what the machine has."""
    limit_above_batch: int = Field(default=0, ge=0)
    """Without a card, set the limit between what a batch of this size and one of twice that take
    here; 0 leaves memory_limit."""
    cycles: int = Field(default=2, ge=1)
    """How often a training is interrupted and resumed."""
    slack: float = Field(default=200.0, gt=0)
    """MB by which what is in use may differ afterwards."""
    growth: float = Field(default=0.1, gt=0)
    """Part by which the last cycle's peak may lie above the first's."""


class ThroughputConfig(TrainerConfig):
    """Parameters of ``gpu/throughput``."""

    steps: int = Field(default=40, ge=4)
    """Steps of the whole training."""
    slowest: float = Field(default=0.0, ge=0)
    """Seconds that a step may take; 0 is what the checklist's table says of the card."""
    least_utilisation: float = Field(default=90.0, ge=0, le=100)
    """Percent of the time that the card must be busy."""
    least_cores: float = Field(default=0.5, ge=0)
    """Cores that must be kept busy where there is no card."""
    hottest: float = Field(default=85.0, gt=0)
    """Degrees Celsius that the card may have."""
    memory_share: float = Field(default=0.92, gt=0, le=1)
    """Part of the card's memory that may be in use."""
    unevenness: float = Field(default=5.0, ge=1)
    """How many times slower than the median the slowest part of the training may be."""


RUNBOOKS: dict[str, type[BaseModel]] = {
    "environment": EnvironmentConfig,
    "memory": MemoryConfig,
    "throughput": ThroughputConfig,
}
