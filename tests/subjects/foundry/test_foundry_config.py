"""A config is read strictly: what it says is meant, and what cannot be meant is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel, ValidationError
from transformers.activations import ACT2FN

from proofbook.errors import ProfileError, SubjectError
from proofbook_subjects.foundry.config import (
    DataConfig,
    ExperimentConfig,
    LoggingConfig,
    ModelConfig,
    TokenizerConfig,
    TrainingConfig,
)
from proofbook_subjects.foundry.config_files import config_hash, differences, load_config

Values = dict[str, Any]

MODEL = {"layers": 2, "embedding_size": 8, "hidden_size": 8, "attention_heads": 2}


def test_a_valid_config_is_read(values: Values) -> None:
    config = ExperimentConfig.model_validate(values)
    assert config.tokenizer.vocab_size == 300
    assert config.model.layers == 1


def test_what_is_left_out_has_its_default(values: Values) -> None:
    config = ExperimentConfig.model_validate(values)
    assert config.random_seed == 42
    assert (config.logging.level, config.logging.use_wandb) == ("INFO", False)
    assert config.training.gradient_accumulation_steps == 1
    assert config.data.test_corpus is None


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("tokenizer.vocab_size", -1),
        ("tokenizer.vocab_size", 0),
        ("tokenizer.vocab_size", 2**31),
        ("tokenizer.kind", "words"),
        ("data.batch_size", 0),
        ("data.max_sequence_length", 1),
        ("data.max_sequence_length", 2**20 + 1),
        ("data.num_workers", -1),
        ("data.remainder", "keep"),
        ("data.mask_probability", 1),
        ("data.source_corpus", ""),
        ("data.cleaning", ["shout"]),
        ("model.layers", 0),
        ("model.hidden_size", -8),
        ("model.attention_heads", 3),
        ("model.key_value_heads", 3),
        ("model.embedding_size", 8),
        ("model.dropout", 1.0),
        ("model.architecture", "perceptron"),
        ("model.activation_function", "hum"),
        ("training.learning_rate", 0),
        ("training.learning_rate", float("inf")),
        ("training.learning_rate", float("nan")),
        ("training.learning_rate", "fast"),
        ("training.adam_beta1", 1.0),
        ("training.adam_epsilon", 0),
        ("training.gradient_accumulation_steps", 0),
        ("training.max_grad_norm", 0),
        ("training.train_steps", 0),
        ("training.warmup_steps", 7),
        ("training.warmup_ratio", 1.5),
        ("training.log_base", 1),
        ("training.device", "abacus"),
        ("training.checkpoint_schedule", [0, 2]),
        ("training.checkpoint_schedule", [4, 2]),
        ("training.checkpoint_schedule", [2, 2]),
        ("training.unknown", 1),
        ("data.unknown", 1),
        ("model.unknown", 1),
        ("logging.level", "LOUD"),
        ("logging.wandb_project", ""),
        ("random_seed", -1),
        ("experiment_name", "a/b"),
        ("unknown", 1),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused(values: Values, place: str, value: object) -> None:
    section, _, name = place.rpartition(".")
    target = values.setdefault(section, {}) if section else values
    target[name] = value
    with pytest.raises(ValidationError):
        ExperimentConfig.model_validate(values)


SECTIONS: dict[str, type[BaseModel]] = {
    "data": DataConfig, "tokenizer": TokenizerConfig, "model": ModelConfig,
    "training": TrainingConfig, "logging": LoggingConfig,
}  # fmt: skip
FIELDS = [(name, key) for name, section in SECTIONS.items() for key in section.model_fields]
NUMBERS = [
    (name, key) for name, key in FIELDS
    if {int, float} & {(kind := SECTIONS[name].model_fields[key].annotation), *get_args(kind)}
]  # fmt: skip


def refused(values: Values, section: str, key: str, value: object, path: Path) -> str:
    values.setdefault(section, {})[key] = value
    with pytest.raises(ProfileError) as caught:
        load_config(write(path / "c.yaml", values))
    return str(caught.value)


@pytest.mark.parametrize(("section", "key"), FIELDS, ids=".".join)
def test_every_field_refuses_what_is_of_another_kind(
    values: Values, tmp_path: Path, section: str, key: str
) -> None:
    """In one line that names it; a text that is no path, no number and no name fits none."""
    free = SECTIONS[section].model_fields[key].annotation in (str, str | None)
    said = refused(values, section, key, 5 if free else "no such thing!", tmp_path)
    assert f"{section}.{key}" in said and "\n" not in said


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(("section", "key"), NUMBERS, ids=".".join)
@pytest.mark.parametrize("value", [-1, float("inf"), float("nan"), True])
def test_every_number_refuses_what_is_none(
    values: Values, tmp_path: Path, section: str, key: str, value: object
) -> None:
    """True is 1 for Python, and ``batch_size: yes`` is a mistake."""
    said = refused(values, section, key, value, tmp_path)
    assert f"{section}.{key}" in said and "\n" not in said


def test_activation_functions_are_those_of_transformers() -> None:
    names = get_args(ModelConfig.model_fields["activation_function"].annotation)
    assert {*names} <= ACT2FN.keys()


@pytest.mark.parametrize(
    "place",
    [
        "experiment_name", "data", "tokenizer", "model", "training", "data.batch_size",
        "data.source_corpus", "tokenizer.vocab_size", "model.layers", "model.hidden_size",
        "training.output_dir", "training.learning_rate",
    ],
)  # fmt: skip
def test_a_missing_field_is_refused(values: Values, place: str) -> None:
    section, _, name = place.rpartition(".")
    del (values[section] if section else values)[name]
    with pytest.raises(ValidationError, match="required"):
        ExperimentConfig.model_validate(values)


def test_a_training_without_an_end_is_refused(values: Values) -> None:
    values["training"] |= {"train_steps": None, "epochs": None}
    with pytest.raises(ValidationError, match="give epochs or train_steps"):
        ExperimentConfig.model_validate(values)


@pytest.mark.parametrize(
    "section",
    [
        {**MODEL, "architecture": "llama"},
        {"architecture": {"type": "llama", **MODEL}},
        {"architecture": {"name": "llama", **MODEL}},
        {"architecture": "llama", "transformer": MODEL},
    ],
    ids=["flat", "typed", "named", "transformer"],
)
def test_the_model_may_be_flat_or_nested_by_architecture(section: Values) -> None:
    assert ModelConfig.model_validate(section) == ModelConfig(architecture="llama", **MODEL)


def test_a_model_that_says_a_key_on_two_levels_is_refused() -> None:
    with pytest.raises(ValidationError, match="layers is given twice"):
        ModelConfig.model_validate({"layers": 3, "architecture": {"type": "gpt2", **MODEL}})
    with pytest.raises(ValidationError):
        ModelConfig.model_validate({**MODEL, "transformer": "small"})
    with pytest.raises(ValidationError):
        ModelConfig.model_validate("gpt2")


def test_dropout_that_a_network_has_not_is_refused() -> None:
    with pytest.raises(ValidationError, match="llama has no dropout"):
        ModelConfig(architecture="llama", dropout=0.1, **MODEL)


def test_only_an_lstm_has_two_widths() -> None:
    assert ModelConfig(architecture="lstm", **{**MODEL, "embedding_size": 4}).embedding_size == 4


@pytest.mark.parametrize(
    ("given", "per_epoch", "total"),
    [
        ({"train_steps": 10, "epochs": None}, 7, 10),
        ({"train_steps": None, "epochs": 3}, 7, 21),
        ({"train_steps": 10, "epochs": 3}, 7, 10),
    ],
)
def test_train_steps_count_before_epochs(
    values: Values, given: Values, per_epoch: int, total: int
) -> None:
    values["training"] |= given
    assert ExperimentConfig.model_validate(values).training.total_steps(per_epoch) == total


@pytest.mark.parametrize(
    ("given", "warmup"),
    [
        ({"warmup_steps": 3}, 3),
        ({"warmup_steps": None, "warmup_ratio": 0.25}, 5),
        ({"warmup_steps": 3, "warmup_ratio": 0.5}, 3),
        ({"warmup_steps": 0, "warmup_ratio": 0.5}, 0),
        ({"warmup_steps": None}, 0),
        ({"warmup_steps": 90, "train_steps": None, "epochs": 1}, 20),
    ],
)
def test_warmup_steps_count_before_their_ratio(values: Values, given: Values, warmup: int) -> None:
    values["training"] |= {"train_steps": 20} | given
    assert ExperimentConfig.model_validate(values).training.total_warmup(20) == warmup


def test_a_config_does_not_change(values: Values) -> None:
    config = ExperimentConfig.model_validate(values)
    with pytest.raises(ValidationError, match="frozen"):
        config.random_seed = 1  # type: ignore[misc]


def write(path: Path, values: object) -> Path:
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path


def test_a_key_with_dots_reaches_into_a_section(values: Values, tmp_path: Path) -> None:
    path = write(tmp_path / "c.yaml", {**values, "training.train_steps": 9})
    assert load_config(path).training.train_steps == 9
    assert load_config(path, {"training.train_steps": 3}).training.train_steps == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"training.learning_rat": 1.0}, r"unknown key; did you mean 'learning_rate'\?"),
        ({"data.qqq": 1}, r"data\.qqq: unknown key$"),
        ({"random_sed": 1}, "did you mean 'random_seed'"),
        ({"training.learning_rate": "x"}, r"training\.learning_rate: Input should be a valid num"),
        ({"experiment_name.x": 1}, "experiment_name is not a table"),
    ],
)
def test_a_fault_is_named_with_its_key(
    values: Values, tmp_path: Path, change: Values, words: str
) -> None:
    with pytest.raises(ProfileError, match=words):
        load_config(write(tmp_path / "c.yaml", values), change)


def test_a_fault_is_named_with_its_line(values: Values, tmp_path: Path) -> None:
    del values["model"]["layers"]
    values["tokenizer"]["vocab_size"] = -5
    with pytest.raises(ProfileError, match=r"c\.yaml:\d+.*tokenizer\.vocab_size"):
        load_config(write(tmp_path / "c.yaml", values))


def test_a_missing_section_is_named(values: Values, tmp_path: Path) -> None:
    del values["model"]
    with pytest.raises(ProfileError, match="model: is missing"):
        load_config(write(tmp_path / "c.yaml", values))


def test_a_file_that_is_no_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match="does not exist"):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(ProfileError, match="table of keys"):
        load_config(write(tmp_path / "c.yaml", ["a"]))


def test_what_changes_a_run_is_told_apart_from_what_does_not(values: Values) -> None:
    def config(**training: object) -> ExperimentConfig:
        changed = {**values, "training": {**values["training"], **training}}
        return ExperimentConfig.model_validate(changed)

    ours = config()
    free = config(output_dir="elsewhere", keep_checkpoints=2, checkpoint_every=3)
    assert differences(ours, free.model_dump(mode="json")) == []
    assert config_hash(ours) == config_hash(free)
    other = config(learning_rate=0.5)
    assert differences(ours, other.model_dump(mode="json")) == [
        "training.learning_rate is 0.01 and was 0.5"
    ]
    assert config_hash(ours) != config_hash(other)


def test_more_steps_are_another_run_only_where_the_rate_depends_on_them(values: Values) -> None:
    def config(steps: int, scheduler: str) -> ExperimentConfig:
        training = {**values["training"], "train_steps": steps, "lr_scheduler": scheduler}
        return ExperimentConfig.model_validate({**values, "training": training})

    def departs(scheduler: str) -> bool:
        theirs = config(8, scheduler).model_dump(mode="json")
        return bool(differences(config(16, scheduler), theirs))

    assert not departs("constant_with_warmup")
    assert departs("linear")
