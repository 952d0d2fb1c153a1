"""What is known of a trainer: its commands, its config, its project, its checkpoints, its log.

Starts nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from proofbook.errors import SubjectError
from proofbook.processes.placeholders import fill_command, has_placeholder
from proofbook.yamlfile import parse_scalar
from proofbook_systems.training.steps import Recognised
from proofbook_systems.training.wholeness import newest_whole

__all__ = ["Trainer", "find_interpreter"]

_ENVIRONMENTS = (".venv", "venv", "env")


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """A command line that takes a config and can resume.

    In commands, ``{config}``, ``{output_dir}``, ``{steps}`` and ``{python}`` stand for what they
    name, and ``{checkpoint}`` in the one that resumes for the newest whole checkpoint; nothing goes
    through a shell. Where a command does not take the output folder or the number of steps, it is
    given a copy of the config that has them.
    """

    train: tuple[str, ...]
    """Starts a training from its beginning."""
    resume: tuple[str, ...]
    """Goes on from the newest checkpoint; with ``{checkpoint}`` and none there, it trains anew."""
    config_file: Path | None
    """YAML; None where no command takes one."""
    project: Path
    """Folder that it runs in."""
    steps: int
    """When training ends; 0, or a command that takes no number, leaves it to the trainer."""
    checkpoints: str = ""
    """Pattern of the checkpoints' places in the output folder; empty recognises them."""
    checkpoint_files: tuple[str, ...] = ()
    """What every checkpoint has."""
    usual_files: frozenset[str] = frozenset()
    """What every checkpoint of an earlier start had."""
    config_keys: Mapping[str, str] = field(default_factory=dict)
    """What the config calls ``output_dir`` and ``steps``."""
    log_file: str = ""
    """File of the output folder that tells the steps; empty takes the best place."""
    log_pattern: str = ""
    """The form of a printed step, where it is not recognised."""
    recognised: Recognised | None = None
    """Where and how an earlier start told its steps."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables beyond this process's."""
    advice: Mapping[str, str] = field(default_factory=dict)
    """Further advice for what it prints: pattern to advice."""

    @property
    def label(self) -> str:
        """What measurements call it."""
        return self.config_file.stem if self.config_file else self.project.name

    @property
    def takes_steps(self) -> bool:
        """Whether it can be told when to end."""
        return has_placeholder(self.train, "steps") or (
            "steps" in self.config_keys and has_placeholder(self.train, "config")
        )

    def command(self, output: Path, *, resume: bool = False, steps: int | None = None) -> list[str]:
        """Return the words of a start into ``output``.

        Raises:
            SubjectError: The command has an unknown placeholder, or its config cannot be read.
        """
        newest = "" if has_placeholder(self.resume, "checkpoint") else None
        if resume and newest is not None:
            newest = self._newest(output)
        resume = resume and newest != ""
        words, name = (self.resume, "resume_command") if resume else (self.train, "train_command")
        wanted = steps or self.steps
        values: dict[str, str | int] = {"output_dir": str(output)}
        if self.takes_steps:
            values["steps"] = wanted
        missing = {key: value for key, value in values.items() if not has_placeholder(words, key)}
        takes_config = has_placeholder(words, "config")
        filled = fill_command(words, {
            "config": str(self._config_with(missing, output)) if takes_config else "",
            "python": find_interpreter(self.project), "output_dir": str(output),
            "steps": str(wanted), **({"checkpoint": newest} if newest else {}),
        }, name)  # fmt: skip
        if self.takes_steps and not wanted:
            raise SubjectError(f"{name} takes {{steps}}; give steps, those of the whole training")
        if "output_dir" in missing and not takes_config:
            raise SubjectError(
                f"{name} has no {{output_dir}}; put it where the trainer takes the folder that it "
                "writes into"
            )
        return filled

    def with_changes(self, changes: Mapping[str, str], folder: Path) -> Trainer:
        """Return the trainer with a config in ``folder`` that has other values for some keys.

        Raises:
            SubjectError: The config cannot be read.
        """
        if self.config_file is None:
            raise SubjectError(
                f"the trainer takes no {{config}}, which a change of {', '.join(changes)} needs; "
                "give an option of its command line, such as --batch_size="
            )
        path = folder / f"{self.config_file.stem}_changed.yaml"
        self._write_config(path, {key: parse_scalar(value) for key, value in changes.items()})
        return replace(self, config_file=path)

    def _newest(self, output: Path) -> str:
        """Return the newest whole checkpoint, which a person would resume from; empty if none."""
        newest = newest_whole(output, self.checkpoints, {*self.usual_files, *self.checkpoint_files})
        return str(newest or "")

    def _config_with(self, missing: Mapping[str, str | int], output: Path) -> Path:
        """Return the config, or a copy next to the output folder with what the command lacks."""
        if self.config_file is None:
            raise SubjectError("the trainer's command takes {config}; give config_file")
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
        assert self.config_file is not None
        try:
            values = yaml.safe_load(self.config_file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise SubjectError(f"config_file {self.config_file} cannot be read: {error}") from error
        if not isinstance(values, dict):
            raise SubjectError(f"config_file {self.config_file} is not a mapping of keys to values")
        path.parent.mkdir(parents=True, exist_ok=True)
        for key, value in changes.items():
            values = _with_value(values, key, value, within=False)
        path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")


def _with_value(
    values: dict[str, Any], key: str, value: Any, *, within: bool = True
) -> dict[str, Any]:
    """Return a config with another value, in the section that a key with dots leads to.

    A key that the config has as it is, dots and all, is changed there, and one whose section the
    config does not have stands for itself.
    """
    section, _, rest = key.partition(".")
    inner = values.get(section, {} if within else None)
    if key not in values and rest and isinstance(inner, dict):
        return {**values, section: _with_value(inner, rest, value)}
    return {**values, key: value}


def find_interpreter(project: Path) -> str:
    """Return the Python that a project's own environment has; ours where it has none."""
    name = Path("Scripts", "python.exe") if os.name == "nt" else Path("bin", "python")
    found = (project / environment / name for environment in _ENVIRONMENTS)
    return str(next((path for path in found if path.exists()), sys.executable))
