"""What is known of a trainer: its commands, its folder, its checkpoints, its log.

Starts nothing.
"""

from __future__ import annotations

import string
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proofbook.errors import SubjectError

__all__ = ["Trainer"]

_PLACES = ("config", "output_dir", "python", "steps")


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """A command line that takes a config and can resume.

    In commands, ``{config}``, ``{output_dir}``, ``{steps}`` and ``{python}`` stand for what they
    name; nothing goes through a shell.
    """

    train: tuple[str, ...]
    """Begins anew."""
    resume: tuple[str, ...]
    """Goes on from the newest checkpoint."""
    config: Path
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

    def command(self, output: Path, *, resume: bool = False, steps: int | None = None) -> list[str]:
        """Return the words of a start into ``output``.

        Raises:
            SubjectError: The command has a placeholder that there is not.
        """
        given = {
            "config": str(self.config), "output_dir": str(output), "python": sys.executable,
            "steps": str(steps or self.steps),
        }  # fmt: skip
        return _filled(self.resume if resume else self.train, given)


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
