"""The trainer's configuration: one YAML file, read strictly.

Imports no model library, so that a mistake is known at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from proofbook.errors import SubjectError
from proofbook.yamlfile import read_yaml

__all__ = ["MAY_DIFFER", "Settings", "differences", "load_settings"]

MAY_DIFFER = frozenset(
    {
        "checkpointing_steps",
        "logging_dir",
        "max_train_steps",
        "num_dataloader_workers",
        "output_dir",
        "validation_prompts",
        "validation_steps",
    }
)
"""Keys that may change between a checkpoint and its resumption; all others change the run."""


class Settings(BaseModel):
    """One training run."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    base_model: str = Field(min_length=1)
    """A folder, a hub id, ``reference:tiny``, or ``random:sd15``."""
    revision: str | None = None
    """Of the hub's repository."""
    instance_data_dir: Path
    """Pictures of the one that is to be learned."""
    instance_prompt: str = Field(min_length=1)
    """What the pictures show, with a rare word for the one."""
    class_data_dir: Path | None = None
    """Pictures of its class; made once, where there are too few."""
    class_prompt: str | None = None
    """What the class's pictures show."""
    with_prior_preservation: bool = False
    """Whether the class is trained along, so that it is not forgotten."""
    prior_loss_weight: float = Field(default=1.0, ge=0)
    """How much the class counts against the one."""
    num_class_images: int = Field(default=100, ge=1)
    """How many pictures of the class there should be."""
    output_dir: Path
    """Where checkpoints, validation pictures and the final model go."""
    logging_dir: str = "logs"
    """Below ``output_dir``: where the log of steps goes."""
    train_batch_size: int = Field(default=1, ge=1)
    """Pictures of the one in each forward pass."""
    gradient_accumulation_steps: int = Field(default=1, ge=1)
    """Forward passes in each step."""
    learning_rate: float = Field(default=5e-6, gt=0)
    """Its largest value."""
    lr_scheduler: Literal[
        "constant", "constant_with_warmup", "cosine", "cosine_with_restarts", "linear", "polynomial"
    ] = "constant"
    """How the learning rate goes on."""
    lr_warmup_steps: int = Field(default=0, ge=0)
    """Steps until the learning rate has its largest value."""
    max_train_steps: int = Field(default=800, ge=1)
    """When training ends."""
    train_text_encoder: bool = False
    """Whether the text encoder is trained along."""
    gradient_checkpointing: bool = False
    """Compute activations again instead of keeping them: less memory, more time."""
    use_8bit_adam: bool = False
    """Needs bitsandbytes and CUDA."""
    mixed_precision: Literal["no", "fp16", "bf16"] = "no"
    """Number format of the forward pass."""
    resolution: int = Field(default=512, ge=16)
    """Pixels of a side."""
    center_crop: bool = False
    """Crop the middle, and not somewhere."""
    random_flip: bool = False
    """Mirror half of the pictures."""
    checkpointing_steps: int = Field(default=100, ge=1)
    """Steps between two checkpoints."""
    validation_steps: int = Field(default=100, ge=1)
    """Steps between two validations."""
    validation_prompts: list[str] = []
    """What is drawn at each validation."""
    seed: int = Field(default=42, ge=0, lt=2**31)
    """The same seed gives the same weights."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Longer gradients are cut to it."""
    num_dataloader_workers: int = Field(default=0, ge=0)
    """Processes that prepare pictures; 0 is none but the trainer's own."""

    @model_validator(mode="after")
    def _class_is_complete(self) -> Self:
        if self.with_prior_preservation and not (self.class_data_dir and self.class_prompt):
            raise ValueError("with_prior_preservation needs class_data_dir and class_prompt")
        return self


def load_settings(path: Path, changes: Mapping[str, object] | None = None) -> Settings:
    """Read a configuration file; ``changes`` replace what it says.

    Raises:
        ProfileError: It cannot be read, or says something wrong; with file and line.
        SubjectError: It does not exist.
    """
    if not path.is_file():
        raise SubjectError(f"config {path} does not exist; give the trainer's YAML file")
    file = read_yaml(path)
    if not isinstance(file.value, dict):
        raise file.error("a config is a table of keys and values", ())
    for key in file.value:
        if key not in Settings.model_fields:
            raise file.error(f"unknown key {key!r}; {_nearest(str(key))}", (key,))
    values: dict[str, Any] = {**file.value, **(changes or {})}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = tuple(part for part in first["loc"] if isinstance(part, str | int))
        key = f"{place[0]}: " if place else ""
        raise file.error(f"{key}{first['msg']}", place) from error


def differences(ours: Settings, theirs: Mapping[str, Any]) -> list[str]:
    """Return, in words, which keys of another run's settings make it another run."""
    mine = ours.model_dump(mode="json")
    free = MAY_DIFFER if "constant" in ours.lr_scheduler else MAY_DIFFER - {"max_train_steps"}
    keys = sorted((mine.keys() | theirs.keys()) - free)
    return [
        f"{key} is {mine.get(key)!r} and was {theirs.get(key)!r}"
        for key in keys
        if mine.get(key) != theirs.get(key)
    ]


def _nearest(key: str) -> str:
    close = difflib.get_close_matches(key, Settings.model_fields, n=1)
    return f"did you mean {close[0]!r}?" if close else "see the README for the keys there are"
