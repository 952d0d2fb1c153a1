"""A trainer that eats memory, and graphics cards of which only the driver's program is there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from waiting import HANG

TRAINER = Path(__file__).with_name("hungry_trainer.py")
_SMI = """#!/bin/sh
case "$*" in
  *index,uuid*) echo "0, GPU-1, {name}, 24576, 20000, 550.54" ;;
  *-lms*) while :; do echo "{utilisation}, {memory}, {temperature}, 300.5"; sleep 0.05; done ;;
  *) echo "{utilisation}, 500, {temperature}, [N/A]" ;;
esac
"""


@pytest.fixture
def no_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without cards, whatever this one has."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Return a function that puts a card's ``nvidia-smi`` first on the PATH."""

    def put(**said: Any) -> None:
        given = {"name": "NVIDIA GeForce RTX 4090", "utilisation": 97, "memory": 9000,
                 "temperature": 70, **said}  # fmt: skip
        program = tmp_path / "bin" / "nvidia-smi"
        program.parent.mkdir(exist_ok=True)
        program.write_text(_SMI.format(**given))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    return put


@pytest.fixture
def run(run_cells: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Return a function that runs a runbook on the hungry trainer, with faults."""
    config = tmp_path / "hungry.yaml"
    config.write_text(yaml.safe_dump({"train_batch_size": 1}))

    def go(runbook: str, *faults: str, **parameters: Any) -> Any:
        words = [sys.executable, str(TRAINER), "{config}", "{output_dir}", "{steps}"]
        given = {
            "config": str(config), "train_command": [*words, *faults],
            "resume_command": [*words, "--resume", *faults], "log_file": "log.jsonl",
            "timeout": HANG, **parameters,
        }  # fmt: skip
        return run_cells(f"gpu/{runbook}", **given)

    return go
