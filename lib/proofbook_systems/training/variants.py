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

__all__ = ["VARIANT_CHECKS", "configured", "configured_number", "possible_changes", "vary"]

VARIANT_CHECKS = {
    "split": "passes-add-up",
    "half": "sixteen-bits",
    "overflow": "overflow-left-out",
}
"""The check that a short training with a change is made for, by the trial's name."""


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


def possible_changes(
    trainer: Trainer, common: Mapping[str, str], changes: Mapping[str, Mapping[str, str]]
) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Return the trials that can be made, and the reasons why others cannot.

    Args:
        trainer: Whose settings they are.
        common: What all trials have.
        changes: What one has beside that, by its name; an empty one is none.

    Returns:
        Settings by the trial's name, ``whole`` without a change first, or none at all; and reasons
        by the name of the check that lacks its trial.
    """
    asked = {name: {**common, **change} for name, change in changes.items() if change}
    reasons = {name: why for name in asked if (why := _why_not_varied(trainer, asked[name]))}
    tries = {name: change for name, change in asked.items() if name not in reasons}
    lacking = {VARIANT_CHECKS[name]: why for name, why in reasons.items()}
    return ({"whole": dict(common), **tries} if tries else {}), lacking


def _why_not_varied(trainer: Trainer, changes: Mapping[str, str]) -> str:
    """Say why settings cannot be changed: they are keys of a config, and there is none."""
    keys = [key for key in changes if not key.startswith("-")]
    if trainer.config_file is not None or not keys:
        return ""
    return (
        f"there is no config that {keys[0]!r} could be a key of: give options of the command, as "
        f"--{keys[0].rpartition('.')[2]}, or none"
    )


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
