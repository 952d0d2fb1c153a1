"""What a training leaves that must be the same to the bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["contents"]


def contents(output: Path, step: int) -> dict[str, Any]:
    """Return everything of a training's end that must be the same to the bit."""
    last = output / f"checkpoint-{step}"
    lines = (output / "logs" / "train_log.jsonl").read_text().splitlines()
    steps = [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]
    names = ("model.safetensors", "training_state.pt", "config.json", "tokenizer.json")
    files = {name: (last / name).read_bytes() for name in names}
    return {**files, "final": (output / "model.safetensors").read_bytes(), "steps": steps}
