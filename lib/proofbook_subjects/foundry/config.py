"""The configuration of an experiment: nested, strict, checked as a whole before anything starts.

Imports pydantic alone, so that a mistake is known at once. Knows nothing about files.
"""

from __future__ import annotations

import math
from typing import Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

__all__ = [
    "MASKED",
    "DataConfig",
    "ExperimentConfig",
    "LoggingConfig",
    "ModelConfig",
    "TokenizerConfig",
    "TrainingConfig",
]

MASKED = frozenset({"bert"})
"""Architectures that fill in masked tokens; all others predict the next token."""

_SECTIONS = ("transformer", "rnn", "mamba")
_TYPE_KEYS = ("type", "name")
_FEWEST_TOKENS = 8


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False,
        protected_namespaces=(),
    )  # fmt: skip

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse ``yes`` where a number is meant: Python takes true for 1."""
        kind = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, bool) and bool not in (kind, *get_args(kind)):
            raise ValueError(f"it is {str(value).lower()}, which only a switch can be")
        return value


class DataConfig(_Section):
    """Texts, and what becomes of them. Relative paths start at the project's folder."""

    source_corpus: str = Field(min_length=1)
    """Raw texts: a file or folder of ``.txt`` (a document a line) or ``.jsonl`` (key ``text``)."""
    training_corpus: str = Field(min_length=1)
    """Where ``preprocess`` puts clean texts; may be the same as the source."""
    test_corpus: str | None = None
    """Texts that are held out; nothing is evaluated without."""
    tokenized_dir: str | None = None
    """Token ids of the training corpus; a folder next to it where this is left out."""
    cache_dir: str | None = None
    """Chunks, by content and length; a folder next to the tokens where this is left out."""
    batch_size: int = Field(ge=1)
    """Chunks in each forward pass."""
    max_sequence_length: int = Field(ge=2, le=2**20)
    """Tokens of a chunk, exactly."""
    num_workers: int = Field(default=0, ge=0, le=64)
    """Processes that prepare batches; 0 is none but the trainer's own."""
    shuffle: bool = True
    """Another order in each epoch, that follows from ``random_seed``."""
    remainder: Literal["pad", "drop"] = "pad"
    """What becomes of the last tokens, where they fill no chunk."""
    mask_probability: float = Field(default=0.15, gt=0, lt=1)
    """Share of tokens that a masked model has to fill in."""
    token_noise: float = Field(default=0.0, ge=0, lt=1)
    """Share of input tokens that are replaced by random ones; a regulariser."""
    cleaning: tuple[Literal["unicode", "spaces", "empty", "duplicates"], ...] = (
        "unicode", "spaces", "empty",
    )  # fmt: skip
    """Steps of ``preprocess``, in order."""
    preprocess_command: tuple[str, ...] = ()
    """A program for ``preprocess`` to run instead; ``{source}`` and ``{target}`` are filled in."""


class TokenizerConfig(_Section):
    """How text becomes numbers."""

    output_dir: str = Field(min_length=1)
    """Folder that ``train-tokenizer`` writes, or an existing tokenizer."""
    vocab_size: int = Field(ge=_FEWEST_TOKENS, lt=2**31)
    """Most tokens; the model has as many outputs."""
    kind: Literal["bpe", "sentencepiece"] = "bpe"
    """What ``train-tokenizer`` trains: bytes merged by Hugging Face's library, or SentencePiece."""


class ModelConfig(_Section):
    """A network. ``architecture`` may also be a table of its own that holds the other keys."""

    architecture: Literal["gpt2", "llama", "bert", "lstm", "mamba"] = "gpt2"
    """Which one."""
    layers: int = Field(ge=1)
    """Blocks on top of each other."""
    embedding_size: int = Field(ge=1)
    """Width of the token embeddings."""
    hidden_size: int = Field(ge=1)
    """Width between the blocks."""
    intermediate_hidden_size: int | None = Field(default=None, ge=1)
    """Width within a block; four times the hidden size where this is left out."""
    attention_heads: int = Field(default=1, ge=1)
    """They share the hidden size evenly."""
    key_value_heads: int | None = Field(default=None, ge=1)
    """Of ``llama``, where they are fewer."""
    activation_function: Literal[
        "gelu",
        "gelu_fast",
        "gelu_new",
        "gelu_pytorch_tanh",
        "leaky_relu",
        "mish",
        "quick_gelu",
        "relu",
        "relu2",
        "relu6",
        "sigmoid",
        "silu",
        "swish",
        "tanh",
    ] = "gelu"
    """By the name that transformers gives it."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Of embeddings and blocks."""
    attention_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Of attention weights."""
    tie_embeddings: bool = True
    """Whether input and output share a matrix."""
    use_flash_attention: bool = False
    """Ask for flash attention; where it cannot be had, PyTorch's own is taken, and told."""
    state_size: int = Field(default=16, ge=1)
    """Of ``mamba``."""

    @model_validator(mode="before")
    @classmethod
    def _flatten(cls, values: Any) -> Any:
        return _flat_model(values) if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        if self.architecture in ("gpt2", "llama", "bert"):
            if self.hidden_size % self.attention_heads:
                raise ValueError(
                    f"hidden_size {self.hidden_size} is not a multiple of attention_heads "
                    f"{self.attention_heads}"
                )
            if self.key_value_heads and self.attention_heads % self.key_value_heads:
                raise ValueError("attention_heads is not a multiple of key_value_heads")
        if self.architecture != "lstm" and self.embedding_size != self.hidden_size:
            raise ValueError(
                f"embedding_size {self.embedding_size} must equal hidden_size {self.hidden_size}; "
                "only an lstm has two widths"
            )
        if self.dropout and self.architecture in ("llama", "mamba"):
            raise ValueError(f"{self.architecture} has no dropout; set it to 0")
        return self

    @property
    def is_masked(self) -> bool:
        """Whether it fills in masked tokens."""
        return self.architecture in MASKED


class TrainingConfig(_Section):
    """The steps, and what is saved of them."""

    output_dir: str = Field(min_length=1)
    """Where checkpoints, logs and the final model go."""
    learning_rate: float = Field(gt=0, le=10)
    """Its largest value."""
    adam_beta1: float = Field(default=0.9, ge=0, lt=1)
    adam_beta2: float = Field(default=0.999, ge=0, lt=1)
    adam_epsilon: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    """Of AdamW, on every parameter."""
    lr_scheduler: Literal["constant", "constant_with_warmup", "cosine", "linear"] = "linear"
    """How the learning rate goes on after the warm-up."""
    epochs: int | None = Field(default=None, ge=1)
    """Times that all chunks are seen; ``train_steps`` counts where both are given."""
    train_steps: int | None = Field(default=None, ge=1)
    """Optimizer steps."""
    warmup_steps: int | None = Field(default=None, ge=0)
    """Steps until the learning rate has its largest value."""
    warmup_ratio: float | None = Field(default=None, ge=0, le=1)
    """The same as a share of all steps; ``warmup_steps`` counts where both are given."""
    gradient_accumulation_steps: int = Field(default=1, ge=1)
    """Forward passes in a step."""
    max_grad_norm: float | None = Field(default=1.0, gt=0)
    """Longer gradients are cut to it; null cuts none."""
    use_amp: bool = False
    """Forward passes in 16 bits."""
    amp_dtype: Literal["auto", "bf16", "fp16"] = "auto"
    """Auto is bf16 where the device has it."""
    device: str = Field(default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    """``cpu``, ``cuda``, or the GPU if there is one."""
    checkpoint_schedule: tuple[int, ...] | None = None
    """Steps after which there is a checkpoint; the last one always has one."""
    checkpoint_every: int | None = Field(default=None, ge=1)
    """Steps between two checkpoints, beside the schedule."""
    resume_from_checkpoint: bool = False
    """The same as ``run --resume``."""
    keep_checkpoints: int | None = Field(default=None, ge=1)
    """Older ones are removed; null keeps all."""
    background_saving: bool = True
    """Write checkpoints while the next steps are computed."""
    stop_within_step: bool = False
    """Stop between two forward passes when asked, and not only between two steps."""
    auto_generate_checkpoints: bool = False
    """Make a schedule as ``generate-checkpoints`` does, where none is given."""
    first_epoch_checkpoints: int = Field(default=20, ge=1)
    subsequent_epochs_spacing: Literal["log", "linear"] = "log"
    log_base: float = Field(default=2.0, gt=1)
    linear_interval: int | None = Field(default=None, ge=1)
    min_checkpoint_interval: int = Field(default=100, ge=1)
    min_checkpoints_per_epoch: int = Field(default=5, ge=1)
    memory_growth_limit: float = Field(default=2.0, gt=1)
    """A warning comes when memory is so many times what it was after the first steps."""

    @model_validator(mode="after")
    def _steps_fit(self) -> Self:
        if self.epochs is None and self.train_steps is None:
            raise ValueError("give epochs or train_steps; there is no other end")
        if self.train_steps and (self.warmup_steps or 0) > self.train_steps:
            raise ValueError(
                f"warmup_steps {self.warmup_steps} is more than train_steps {self.train_steps}"
            )
        if any(step < 1 for step in self.checkpoint_schedule or ()):
            raise ValueError("checkpoint_schedule has a step below 1")
        if self.checkpoint_schedule is not None and list(self.checkpoint_schedule) != sorted(
            set(self.checkpoint_schedule)
        ):
            raise ValueError("checkpoint_schedule must rise, and name each step once")
        return self

    def total_steps(self, steps_per_epoch: int) -> int:
        """Return when training ends: at ``train_steps``, else after ``epochs``."""
        return self.train_steps or (self.epochs or 1) * steps_per_epoch

    def total_warmup(self, total_steps: int) -> int:
        """Return ``warmup_steps``, else ``warmup_ratio`` of all steps; at most all."""
        if self.warmup_steps is not None:
            return min(self.warmup_steps, total_steps)
        return math.floor((self.warmup_ratio or 0.0) * total_steps)


class LoggingConfig(_Section):
    """What is told, and where."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    dir: str = "logs"
    """Below ``training.output_dir``, unless it is absolute."""
    use_wandb: bool = False
    """Log to Weights & Biases too; needs the package ``wandb``."""
    wandb_project: str = Field(default="foundry", min_length=1)
    wandb_mode: Literal["offline", "online", "disabled"] = "offline"


class ExperimentConfig(_Section):
    """One experiment."""

    experiment_name: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    data: DataConfig
    tokenizer: TokenizerConfig
    model: ModelConfig
    training: TrainingConfig
    logging: LoggingConfig = LoggingConfig()
    random_seed: int = Field(default=42, ge=0, lt=2**31)
    """The same seed gives the same weights."""


def _flat_model(values: dict[str, Any]) -> dict[str, Any]:
    """Return a model section whose keys are all on one level.

    Raises:
        ValueError: Two places say something about the same key.
    """
    flat = {key: value for key, value in values.items() if key not in _SECTIONS}
    tables = [values[key] for key in _SECTIONS if isinstance(values.get(key), dict)]
    if isinstance(values.get("architecture"), dict):
        table = dict(flat.pop("architecture"))
        kinds = [table.pop(key) for key in _TYPE_KEYS if key in table]
        tables += [table, *({"architecture": kind} for kind in kinds)]
    for table in tables:
        if twice := sorted(flat.keys() & table.keys()):
            raise ValueError(f"{', '.join(twice)} is given twice, in and above the nested table")
        flat |= table
    wrong = [key for key in _SECTIONS if key in values and not isinstance(values[key], dict)]
    return flat | {key: values[key] for key in wrong}
