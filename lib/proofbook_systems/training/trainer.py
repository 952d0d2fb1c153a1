"""What is known of a trainer: its commands, its config, its project, its checkpoints, its log.

Starts nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from proofbook.errors import SubjectError
from proofbook.processes.placeholders import fill_command, has_placeholder
from proofbook.yamlfile import parse_scalar

__all__ = ["Trainer"]


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """A command line that takes a config and can resume.

    In commands, ``{config}``, ``{output_dir}``, ``{steps}`` and ``{python}`` stand for what they
    name; nothing goes through a shell. Where a command does not take the output folder or the
    number of steps, it is given a copy of the config that has them.
    """

    train: tuple[str, ...]
    """Starts a training from its beginning."""
    resume: tuple[str, ...]
    """Goes on from the newest checkpoint."""
    config_file: Path
    """YAML."""
    project: Path
    """Folder that it runs in."""
    steps: int
    """When training ends."""
    checkpoints: str
    """Pattern of the checkpoints' names in the output folder; they end in the step."""
    checkpoint_files: tuple[str, ...] = ()
    """What every checkpoint has."""
    config_keys: Mapping[str, str] = field(default_factory=dict)
    """What the config calls ``output_dir`` and ``steps``."""
    log_file: str = ""
    """File of JSON lines in the output folder, one a step; empty reads what is printed."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables beyond this process's."""
    advice: Mapping[str, str] = field(default_factory=dict)
    """Further advice for what it prints: pattern to advice."""

    def command(self, output: Path, *, resume: bool = False, steps: int | None = None) -> list[str]:
        """Return the words of a start into ``output``.

        Raises:
            SubjectError: The command has an unknown placeholder, or its config cannot be read.
        """
        words, name = (self.resume, "resume_command") if resume else (self.train, "train_command")
        values: dict[str, str | int] = {
            "output_dir": str(output), "steps": steps or self.steps
        }  # fmt: skip
        config = self.config_file
        if has_placeholder(words, "config"):
            missing = {
                key: value for key, value in values.items() if not has_placeholder(words, key)
            }
            config = self._config_with(missing, output)
        texts = {key: str(value) for key, value in values.items()}
        return fill_command(words, {"config": str(config), "python": sys.executable, **texts}, name)

    def with_changes(self, changes: Mapping[str, str], folder: Path) -> Trainer:
        """Return the trainer with a config in ``folder`` that has other values for some keys.

        Raises:
            SubjectError: The config cannot be read.
        """
        path = folder / f"{self.config_file.stem}_changed.yaml"
        self._write_config(path, {key: parse_scalar(value) for key, value in changes.items()})
        return replace(self, config_file=path)

    def _config_with(self, missing: Mapping[str, str | int], output: Path) -> Path:
        """Return the config, or a copy next to the output folder with what the command lacks."""
        if not missing:
            return self.config_file
        path = output.with_name(f"{output.name}_config.yaml")
        changes = {self._config_key(placeholder): value for placeholder, value in missing.items()}
        self._write_config(path, changes)
        return path

    def _config_key(self, placeholder: str) -> str:
        if key := self.config_keys.get(placeholder):
            return key
        raise SubjectError(
            f"the trainer's command has no {{{placeholder}}}, and config_keys has no key of the "
            "config for it; add one of the two"
        )

    def _write_config(self, path: Path, changes: Mapping[str, Any]) -> None:
        try:
            values = yaml.safe_load(self.config_file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise SubjectError(f"config_file {self.config_file} cannot be read: {error}") from error
        if not isinstance(values, dict):
            raise SubjectError(f"config_file {self.config_file} is not a mapping of keys to values")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump({**values, **changes}, sort_keys=False), encoding="utf-8")
