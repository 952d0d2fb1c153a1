"""The same trainer with other settings: keys of its config, or options of its command line.

Starts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from proofbook.errors import SubjectError
from proofbook_systems.training.trainer import Trainer

__all__ = ["configured", "configured_number", "vary"]


def vary(trainer: Trainer, changes: Mapping[str, str], folder: Path) -> Trainer:
    """Return the trainer with other values for some settings.

    A key that begins with ``-`` is an option: it and its value follow the commands' words, as one
    word where it ends with ``=``. Any other key is one of the config.

    Args:
        trainer: As it is.
        changes: Values by key.
        folder: Where a changed copy of the config goes.

    Raises:
        SubjectError: A key of the config is changed, and the trainer takes no config.
    """
    options = {key: value for key, value in changes.items() if key.startswith("-")}
    keys = {key: value for key, value in changes.items() if key not in options}
    words = [word for key, value in options.items() for word in _option(key, value)]
    varied = trainer.with_changes(keys, folder) if keys else trainer
    return replace(varied, train=(*varied.train, *words), resume=(*varied.resume, *words))


def configured(trainer: Trainer, key: str) -> Any:
    """Return a value of the trainer's config by its key with dots; None where it has none."""
    if trainer.config_file is None:
        return None
    try:
        value: Any = yaml.safe_load(trainer.config_file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SubjectError(f"config_file {trainer.config_file} cannot be read: {error}") from error
    if isinstance(value, dict) and key in value:
        return value[key]
    for name in key.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def configured_number(trainer: Trainer, setting: str) -> float | None:
    """Return a number that a parameter gives as such, or as a key of the config; None for neither.

    Raises:
        SubjectError: The config has something else than a number there.
    """
    if not setting:
        return None
    value = _number(setting)
    if value is not None:
        return value
    there = configured(trainer, setting)
    if there is None:
        return None
    if (value := _number(there)) is None:
        raise SubjectError(f"{setting} is {there!r} in the config; a number was expected")
    return value


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)  # PyYAML reads 5e-6 as text
    except ValueError:
        return None


def _option(key: str, value: str) -> list[str]:
    if key.endswith("="):
        return [f"{key}{value}"]
    return [key, value] if value else [key]
