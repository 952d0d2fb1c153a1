"""What is known of a trainer: its commands, its folder, its checkpoints, its log.

Starts nothing.
"""

from __future__ import annotations

import string
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from proofbook.errors import SubjectError

__all__ = ["Trainer"]

_PLACES = ("config", "output_dir", "python", "steps")


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """A command line that takes a config and can resume.

    In commands, ``{config}``, ``{output_dir}``, ``{steps}`` and ``{python}`` stand for what they
    name; nothing goes through a shell. Where a command does not take the output folder or the
    number of steps, it is given a copy of the config that says them.
    """

    train: tuple[str, ...]
    """Begins anew."""
    resume: tuple[str, ...]
    """Goes on from the newest checkpoint."""
    config: Path
    """YAML."""
    steps: int
    """When training ends."""
    checkpoints: str = "checkpoint-*"
    """Pattern of the checkpoints' folders in the output folder; they end in the step."""
    files: tuple[str, ...] = ()
    """What every checkpoint has."""
    log: str = ""
    """File of JSON lines in the output folder, one a step; empty reads what is printed."""
    final: tuple[str, ...] = ()
    """Files of the output folder that are there once training is over."""
    output_key: str = "output_dir"
    """What the config calls the output folder."""
    steps_key: str = "max_train_steps"
    """What the config calls the number of steps."""

    def command(self, output: Path, *, resume: bool = False, steps: int | None = None) -> list[str]:
        """Return the words of a start into ``output``.

        Raises:
            SubjectError: The command has a placeholder that there is not, or its config cannot be
                read.
        """
        words, total = self.resume if resume else self.train, steps or self.steps
        said: dict[str, Any] = (
            {self.output_key: str(output)} if not _has(words, "{output_dir}") else {}
        )
        if not _has(words, "{steps}"):
            said[self.steps_key] = total
        given = {
            "config": str(self._config_with(said, output)), "output_dir": str(output),
            "python": sys.executable, "steps": str(total),
        }  # fmt: skip
        return _filled(words, given)

    def _config_with(self, said: dict[str, Any], output: Path) -> Path:
        """Return the config, or a copy beside the output folder that says something else."""
        if not said or not _has((*self.train, *self.resume), "{config}"):
            return self.config
        try:
            values = yaml.safe_load(self.config.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise SubjectError(f"config {self.config} cannot be read: {error}") from error
        if not isinstance(values, dict):
            raise SubjectError(f"config {self.config} is no table of keys and values")
        path = output.with_name(f"{output.name}_config.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump({**values, **said}, sort_keys=False), encoding="utf-8")
        return path


def _has(words: Sequence[str], place: str) -> bool:
    return any(place in word for word in words)


def _filled(words: Sequence[str], given: dict[str, str]) -> list[str]:
    if not words:
        raise SubjectError("the trainer's command is empty; give its words as a list")
    for word in words:
        unknown = {name for _, name, _, _ in string.Formatter().parse(word) if name} - set(_PLACES)
        if unknown:
            raise SubjectError(
                f"{word!r} in the trainer's command has {{{sorted(unknown)[0]}}}; there are "
                + ", ".join(f"{{{name}}}" for name in _PLACES)
            )
    return [word.format_map(given) for word in words]
