"""Load a MusicGen in a process of its own, both ways: how long does it take, in how much memory?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

__all__ = ["Loading", "measure_loading"]

_PROGRAM = "proofbook_bench.programs.load_musicgen"


class Loading(NamedTuple):
    """What one process took."""

    seconds: float
    peak: int
    """Anonymous memory beyond what its imports took, in bytes."""
    layer: int
    """Largest piece that is moved at once, in bytes; of the subject alone."""
    budget: int
    """In bytes; of the subject alone."""


def measure_loading(
    side: Literal["subject", "peer"],
    checkpoints: str,
    *,
    dtype: str,
    budget: str,
    folder: Path,
    cache: Path,
) -> Loading:
    """Load by one side in a new process, with ``cache`` for what it converts.

    Raises:
        CalledProcessError: The side failed: it has no time.
    """
    environment: Mapping[str, str] = {**os.environ, "PROOFBOOK_CACHE": str(cache)}
    command = [sys.executable, "-m", _PROGRAM, side, checkpoints, dtype, budget, str(folder)]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=dict(environment), cwd=folder
    )
    return Loading(**json.loads(done.stdout.strip().splitlines()[-1]))
