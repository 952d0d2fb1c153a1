"""The training runbooks on small trainers, with faults on demand."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from driving_toys import waits_for
from waiting import HANG

TOY = Path(__file__).with_name("toy_trainer.py")
HUNGRY = Path(__file__).with_name("hungry_trainer.py")
TOY_FILES = ["model.safetensors", "optimizer.safetensors"]


@pytest.fixture
def run_toy(run_cells: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Return a function that runs a runbook on the toy trainer, with faults."""
    config = tmp_path / "toy.yaml"
    config.write_text(json.dumps({"anything": 1}))

    def run(runbook: str, *faults: str, steps: int = 24, **parameters: Any) -> Any:
        words = [sys.executable, str(TOY), "{output_dir}", "{steps}", "{config}"]
        faults = (*faults, waits_for(parameters.get("interruptions", [])))
        usual = {
            "config_file": str(config), "train_command": [*words, *faults], "steps": steps,
            "resume_command": [*words, "--resume", *faults], "checkpoint_files": TOY_FILES,
            "log_file": "log.jsonl", "timeout": HANG,
        }  # fmt: skip
        return run_cells(f"training/{runbook}", **{**usual, **parameters})

    return run


@pytest.fixture
def run_hungry(run_cells: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Return a function that runs a runbook on the trainer that eats memory, with faults."""
    config = tmp_path / "hungry.yaml"
    config.write_text(yaml.safe_dump({"train_batch_size": 1}))

    def run(runbook: str, *faults: str, **parameters: Any) -> Any:
        words = [sys.executable, str(HUNGRY), "{config}", "{output_dir}", "{steps}"]
        usual = {
            "config_file": str(config), "train_command": [*words, *faults],
            "resume_command": [*words, "--resume", *faults], "log_file": "log.jsonl",
            "timeout": HANG,
        }  # fmt: skip
        return run_cells(f"training/{runbook}", **{**usual, **parameters})

    return run
