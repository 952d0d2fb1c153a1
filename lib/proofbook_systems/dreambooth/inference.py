"""Draw with a finished model through its own command, as its user would."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.processes import supervise
from proofbook_systems.dreambooth.image_similarity import PICTURE_SUFFIXES
from proofbook_systems.training.subject import find_command

__all__ = ["draw_with_command"]


def draw_with_command(
    command: Sequence[str],
    model: Path,
    prompt: str,
    output: Path,
    *,
    seed: int,
    number: int,
    timeout: float,
    env: Mapping[str, str] | None = None,
) -> list[Path]:
    """Run a command that draws, and return the pictures that it leaves, by name.

    Raises:
        SubjectError: It fails, takes too long, or leaves fewer than ``number``.
    """
    values = {
        "python": sys.executable, "model": str(model), "prompt": prompt, "seed": str(seed),
        "number": str(number), "output": str(output),
    }  # fmt: skip
    try:
        words = [word.format_map(values) for word in find_command(command, "dreambooth.command")]
    except KeyError as error:
        known = ", ".join(f"{{{name}}}" for name in values)
        raise SubjectError(f"infer_command has {{{error.args[0]}}}; there are {known}") from error
    output.mkdir(parents=True, exist_ok=True)
    log = output.with_suffix(".log")
    log.unlink(missing_ok=True)
    with supervise(
        words, log=log, name="the model's command", env={**os.environ, **(env or {})}
    ) as p:
        ended, state, tail = p.wait(timeout), p.state, p.tail(3)
    if not ended:
        raise SubjectError(f"the model's command took longer than {timeout:g} s; see {log}")
    pictures = sorted(path for path in output.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    if state != "exited with code 0":
        raise SubjectError(f"the model's command {state}: {' / '.join(tail.split(chr(10)))}")
    if len(pictures) < number:
        raise SubjectError(
            f"the model's command left {len(pictures)} of {number} pictures; see {log}"
        )
    return pictures
