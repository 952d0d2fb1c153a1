"""The toy trainer as tests drive it without a runbook."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from proofbook_systems.training.trainer import Trainer

TOY = Path(__file__).with_name("toy_trainer.py")


def waits_for(plan: Sequence[str]) -> str:
    """Return the word with which the toy waits at each step that a plan names."""
    steps = [entry.partition(" after ")[2] for entry in plan]
    return f"waits={','.join(step if step.isdigit() else '0' for step in steps)}"


def toy(*faults: str, steps: int = 24, log_file: str = "log.jsonl") -> Trainer:
    """Return a toy trainer with faults, which runs here."""
    words = (sys.executable, str(TOY), "{output_dir}", "{steps}")
    return Trainer(
        train=(*words, *faults), resume=(*words, "--resume", *faults), config_file=Path("none"),
        project=Path.cwd(), steps=steps, checkpoints="checkpoint-*",
        checkpoint_files=("model.safetensors", "optimizer.safetensors"), log_file=log_file,
    )  # fmt: skip
