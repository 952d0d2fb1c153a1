"""Read an experiment's YAML file; every fault is one line that says where it is."""

from __future__ import annotations

import difflib
import hashlib
import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from proofbook.errors import SubjectError
from proofbook.yamlfile import YamlFile, read_yaml
from proofbook_subjects.foundry.config import ExperimentConfig

__all__ = ["MAY_DIFFER", "config_hash", "differences", "load_config", "recorded_config"]

MAY_DIFFER = frozenset(
    {
        "data.cache_dir",
        "data.num_workers",
        "logging",
        "training.auto_generate_checkpoints",
        "training.background_saving",
        "training.checkpoint_every",
        "training.checkpoint_schedule",
        "training.device",
        "training.first_epoch_checkpoints",
        "training.keep_checkpoints",
        "training.linear_interval",
        "training.log_base",
        "training.memory_growth_limit",
        "training.min_checkpoint_interval",
        "training.min_checkpoints_per_epoch",
        "training.output_dir",
        "training.resume_from_checkpoint",
        "training.stop_within_step",
        "training.subsequent_epochs_spacing",
    }
)
"""What may change between a checkpoint and its resumption; everything else changes the run."""

_LENGTH = frozenset({"training.epochs", "training.train_steps"})


def load_config(path: Path, changes: Mapping[str, object] | None = None) -> ExperimentConfig:
    """Read a configuration. A key with dots, ``training.train_steps``, reaches into a section.

    Args:
        path: A YAML file.
        changes: Values by such keys, instead of the file's.

    Raises:
        ProfileError: It cannot be read, or says something wrong; with file and line.
        SubjectError: It does not exist.
    """
    if not path.is_file():
        raise SubjectError(f"config {path} does not exist; give the experiment's YAML file")
    file = read_yaml(path)
    if not isinstance(file.value, dict):
        raise file.error("a config is a table of keys and values", ())
    values = _reached({**file.value, **(changes or {})}, file)
    try:
        return ExperimentConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = tuple(part for part in first["loc"] if isinstance(part, str | int))
        key = f"{'.'.join(map(str, place))}: " if place else ""
        raise file.error(f"{key}{_words(first, place)}", place) from error


def recorded_config(config: ExperimentConfig) -> dict[str, Any]:
    """Return what a checkpoint says of its config: all but where it is, since it may be moved."""
    values = config.model_dump(mode="json")
    del values["training"]["output_dir"]
    return values


def config_hash(config: ExperimentConfig) -> str:
    """Return a hash of all that changes the run."""
    kept = {k: v for k, v in _leaves(config.model_dump(mode="json")).items() if not _is_free(k)}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def differences(ours: ExperimentConfig, theirs: Mapping[str, Any]) -> list[str]:
    """Return, in words, which keys of another run's configuration make it another run.

    The number of steps may differ where the learning rate does not depend on it.
    """
    mine, other = _leaves(ours.model_dump(mode="json")), _leaves(theirs)
    free = _LENGTH if ours.training.lr_scheduler.startswith("constant") else frozenset()
    keys = sorted(key for key in mine.keys() | other.keys() if not _is_free(key) | (key in free))
    return [
        f"{key} is {mine.get(key)!r} and was {other.get(key)!r}"
        for key in keys
        if mine.get(key) != other.get(key)
    ]


def _reached(values: Mapping[str, Any], file: YamlFile) -> dict[str, Any]:
    """Return the table with every key that has dots in its section."""
    nested = {k: dict(v) if isinstance(v, dict) else v for k, v in values.items() if "." not in k}
    for key, value in values.items():
        if "." in key:
            section, _, name = key.partition(".")
            if not isinstance(nested.setdefault(section, {}), dict):
                raise file.error(f"{key}: {section} is not a table", (key,))
            nested[section][name] = value
    return nested


def _is_free(key: str) -> bool:
    return key in MAY_DIFFER or key.partition(".")[0] in MAY_DIFFER


def _leaves(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            leaves |= _leaves(value, f"{above}{key}.")
        else:
            leaves[f"{above}{key}"] = value
    return leaves


def _words(error: Any, place: tuple[str | int, ...]) -> str:
    if error["type"] == "missing":
        return "is missing"
    if error["type"] != "extra_forbidden":
        return str(error["msg"])
    close = difflib.get_close_matches(str(place[-1]), _keys_at(place[:-1]), n=1)
    return f"unknown key{f'; did you mean {close[0]!r}?' if close else ''}"


def _keys_at(place: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] = ExperimentConfig
    for name in place:
        kind = typing.get_type_hints(model).get(str(name))
        if not isinstance(kind, type) or isinstance(kind, types.GenericAlias):
            return []
        model = kind
    return list(model.model_fields) if issubclass(model, BaseModel) else []
