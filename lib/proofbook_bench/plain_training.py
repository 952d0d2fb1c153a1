"""Seconds per step: a trainer that can be interrupted, beside a plain loop that cannot.

Both sides read one configuration, and train the same networks on the same pictures in the same
number format. The plain loop has no checkpoints, no log, no signals, and random numbers as they
come.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median

from proofbook.errors import SubjectError

__all__ = ["measure_plain_loop", "measure_trainer", "write_config"]

_TRAINER = "proofbook_subjects.dreambooth.train"
_PLAIN_LOOP = "proofbook_bench.programs.plain_loop"
_WARM_UP = 5
"""Steps that do not count: memory is made then."""


def write_config(path: Path, project: Path, *, steps: int, batch: int, precision: str) -> Path:
    """Write the configuration of both sides: a project's own, with another length and batch.

    Args:
        path: The project's configuration.
        project: Folder that its relative paths start from.
        steps: Of each measurement.
        batch: Pictures of the one in each step.
        precision: As ``mixed_precision`` takes it.
    """
    import yaml

    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    values |= {
        "max_train_steps": steps, "train_batch_size": batch, "mixed_precision": precision,
        "checkpointing_steps": 100, "validation_prompts": [], "output_dir": "speed",
    }  # fmt: skip
    place = project / "speed.yaml"
    place.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return place


def measure_trainer(config: Path) -> float:
    """Return the trainer's median seconds per step.

    Raises:
        SubjectError: It failed: it has no speed.
    """
    shutil.rmtree(config.parent / "speed", ignore_errors=True)
    _run(_TRAINER, ["--config", str(config)], config.parent)
    lines = (config.parent / "speed" / "logs" / "train_log.jsonl").read_text().splitlines()
    return median(float(json.loads(line)["seconds"]) for line in lines[_WARM_UP:])


def measure_plain_loop(config: Path) -> float:
    """Return the plain loop's median seconds per step.

    Raises:
        SubjectError: It failed: it has no speed.
    """
    printed = _run(_PLAIN_LOOP, [str(config)], config.parent)
    return median(float(step) for step in json.loads(printed.splitlines()[-1])[_WARM_UP:])


def _run(program: str, words: list[str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", program, *words], capture_output=True, text=True, check=False,
        cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it printed nothing"]
        raise SubjectError(f"{program} exited with {done.returncode}: {lines[-1]}")
    return done.stdout
