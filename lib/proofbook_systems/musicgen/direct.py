"""The libraries underneath, used directly as their documentation shows, to compare with."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from proofbook_systems.musicgen.generation import Model, load
from proofbook_systems.musicgen.subject import Subject

__all__ = ["disk_offloaded", "generate_directly"]


def generate_directly(model: Model, prompt: str, seconds: float, *, seed: int) -> float:
    """Generate with transformers' own ``generate`` alone; return the seconds that it took.

    Samples as ``generation.generate`` does by default, and ends with the audio in memory: from the
    same seed both compute the same clip.
    """
    import torch

    began = time.perf_counter()
    inputs = model.processor(text=[prompt], padding=True, return_tensors="pt").to(model.device)
    steps = round(seconds * model.frame_rate) + model.codebooks - 1
    torch.manual_seed(seed)
    model.network.generate(
        **inputs, do_sample=True, guidance_scale=3.0, top_k=250, max_new_tokens=steps
    ).cpu()
    return time.perf_counter() - began


def disk_offloaded(subject: Subject, folder: Path) -> Model:
    """Load a model whole, and hand it to Accelerate's ``disk_offload``."""
    from accelerate import disk_offload

    model = load(subject, "cpu")
    folder.mkdir(parents=True, exist_ok=True)
    return replace(model, network=disk_offload(model.network, str(folder), execution_device="cpu"))
