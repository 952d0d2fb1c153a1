"""The parameters of the DreamBooth runbooks.

Imports pydantic alone, so that a profile is validated at once. Field names, types and defaults
equal those of each runbook's parameters cell.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "RUNBOOKS",
    "CheckpointsConfig",
    "ConfigurationsConfig",
    "InferenceConfig",
    "ProgressionConfig",
    "ResumeConfig",
    "TrainConfig",
    "TrainerConfig",
]

_TRAIN = [
    "{python}", "reference:train_dreambooth.py", "--config", "{config}",
    "--output-dir", "{output_dir}", "--max-train-steps", "{steps}",
]  # fmt: skip


class TrainerConfig(BaseModel):
    """What the runbooks on a trainer have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    config: str = Field(default="reference:butcher", min_length=1)
    """The trainer's YAML file, or ``reference:…``."""
    project: str = ""
    """Folder that the trainer runs in; empty is that of the config."""
    train_command: list[str] = Field(default=_TRAIN, min_length=1)
    """Starts it: ``{python}``, ``{config}``, ``{output_dir}`` and ``{steps}`` are filled in."""
    resume_command: list[str] = Field(default=[*_TRAIN, "--resume"], min_length=1)
    """Has it go on."""
    environment: dict[str, str] = {}
    """Further variables for the trainer."""
    steps: int = Field(default=40, ge=1)
    """Steps of the whole training."""
    checkpoint_every: int = Field(default=10, ge=1)
    """Steps between two checkpoints, as the config says."""
    checkpoint_files: list[str] = [
        "model.safetensors", "optimizer.bin", "scheduler.bin", "random_states_0.pkl",
    ]  # fmt: skip
    """What each checkpoint has; ``sampler.bin`` and ``scaler.pt`` where the set-up has them."""
    log_file: str = "logs/train_log.jsonl"
    """Lines of JSON, one a step, in the output folder; empty reads what is printed."""
    timeout: float = Field(default=600.0, gt=0)
    """Seconds that each start may take."""
    output_dir: str = ""
    """Folder for models and logs; empty is beside the records."""


class TrainConfig(TrainerConfig):
    """Parameters of ``dreambooth/train``."""

    steps: int = Field(default=60, ge=1)
    """Steps of the whole training."""
    validation_every: int = Field(default=20, ge=0)
    """Steps between two validations, as the config says; 0 is none."""
    validation_images: int = Field(default=2, ge=0)
    """Pictures of each validation."""
    class_images: int = Field(default=4, ge=0)
    """Pictures of the class that there are afterwards; 0 is no prior preservation."""
    class_folder: str = "class_images"
    """Where they are, in the project."""
    memory_growth: float = Field(default=2.0, gt=0)
    """MB a step by which memory may grow once training is under way."""
    gpu: bool = False
    """Whether the trainer must use a graphics card."""


class ResumeConfig(TrainerConfig):
    """Parameters of ``dreambooth/resume``."""

    steps: int = Field(default=24, ge=1)
    """Steps of the whole training."""
    interruptions: list[str] = Field(default=["SIGINT after 7", "SIGKILL in 20"], min_length=1)
    """What happens to it: ``SIGTERM after 7``, or ``SIGKILL in 20`` while that is written."""


class CheckpointsConfig(TrainerConfig):
    """Parameters of ``dreambooth/checkpoints``."""

    steps: int = Field(default=20, ge=1)
    """Steps of the training that makes them."""
    trained: str = ""
    """Output folder of a training that is over; empty trains first."""
    smallest: float = Field(default=1.0, ge=0)
    """MB that each checkpoint has at least."""
    largest: float = Field(default=20000.0, gt=0)
    """MB that each checkpoint has at most."""
    corruptions: int = Field(default=12, ge=0)
    """How many random corruptions of a copy must be found; 0 where a trainer writes no hashes."""
    seed: int = Field(default=7, ge=0)
    """Chooses them."""


class ConfigurationsConfig(TrainerConfig):
    """Parameters of ``dreambooth/configurations``."""

    steps: int = Field(default=12, ge=1)
    """Steps of the whole training."""
    changes: dict[str, str] = {"resolution": "64"}
    """What the config says otherwise: key to value."""


class ProgressionConfig(BaseModel):
    """Parameters of ``dreambooth/progression``."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    trained: str = Field(default="reference:butcher", min_length=1)
    """Output folder of a training that is over, or ``reference:…``."""
    instance_dir: str = ""
    """Pictures that it learnt from; empty is the reference's."""
    least_gain: float = 0.0
    """By how much the last validation must be more like them than the first."""


class InferenceConfig(BaseModel):
    """Parameters of ``dreambooth/inference``."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    trained: str = Field(default="reference:butcher", min_length=1)
    """Folder of the final model, or ``reference:…``."""
    instance_dir: str = ""
    """Pictures that it learnt from; empty is the reference's."""
    infer_command: list[str] = Field(
        default=[
            "{python}", "reference:infer_dreambooth.py", "--model", "{model}",
            "--prompt", "{prompt}", "--seed", "{seed}", "--num", "{number}", "--output", "{output}",
        ],
        min_length=1,
    )  # fmt: skip
    """Draws: the words in braces are filled in."""
    environment: dict[str, str] = {}
    """Further variables for it."""
    character: str = "sks mouse"
    """The one that was learnt, as prompts call it."""
    emotions: list[str] = Field(default=["happy"], min_length=1)
    """What it should feel, in a prompt each."""
    template: str = Field(default="a photo of {character}, {emotion} expression", min_length=1)
    """The prompt: ``{character}`` and ``{emotion}`` are filled in."""
    number: int = Field(default=4, ge=2)
    """Pictures of each prompt, with seeds one after the other."""
    seed: int = Field(default=11, ge=0)
    """The first seed."""
    least_consistency: float = Field(default=0.3, ge=0, le=1)
    """How like the pictures of one prompt must be in their colours."""
    least_likeness: float = Field(default=0.3, ge=0, le=1)
    """How like each must be to the instance pictures in their colours, on average."""
    timeout: float = Field(default=600.0, gt=0)
    """Seconds that each command may take."""


RUNBOOKS: dict[str, type[BaseModel]] = {
    "checkpoints": CheckpointsConfig,
    "configurations": ConfigurationsConfig,
    "inference": InferenceConfig,
    "progression": ProgressionConfig,
    "resume": ResumeConfig,
    "train": TrainConfig,
}
