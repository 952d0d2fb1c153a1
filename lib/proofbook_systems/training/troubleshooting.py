"""The checklist's advice, shown where the failure appears. Knows symptoms, not causes."""

from __future__ import annotations

import re

__all__ = ["ADVICE", "find_advice"]

ADVICE: list[tuple[str, str, tuple[str, ...]]] = [
    (
        "out of memory",
        r"out of memory|can't allocate memory|Cannot allocate memory",
        (
            "lower the resolution, which saves most: 512 instead of 768 saves 3 to 4 GB",
            "set gradient_checkpointing: true",
            "raise gradient_accumulation_steps and lower train_batch_size",
            "set mixed_precision: fp16",
            "close other programs that use the graphics card",
        ),
    ),
    (
        "download timed out",
        r"ReadTimeout|ConnectTimeout|Connection timed out|HTTPSConnectionPool",
        (
            "download the base model first, with the hub's own command",
            "look whether it is in the hub's cache already; a cached model is used without the hub",
        ),
    ),
    (
        "number formats differ",
        r"expected scalar type \w+ but found \w+|expected .* dtype",
        ("pass text encoder and VAE to the validation pipeline in the format of the weights",),
    ),
    (
        "disk full",
        r"No space left on device|Disk quota exceeded",
        ("free the disk: checkpoints need 2 to 3 GB each, and 50 GB in all",),
    ),
    (
        "hangs",
        r"\A\s*\Z|DataLoader worker .* (?:killed|exited)|deadlock",
        (
            "look at the graphics card, the memory and the disk",
            "interrupt it, and resume from the newest checkpoint",
            "set num_dataloader_workers: 0",
        ),
    ),
    (
        "loss is not finite",
        r"loss[=: ]+(?:nan|inf)",
        (
            "lower the learning rate: 5e-6 is usual, 2e-6 where the loss is unstable",
            "look at the pictures: 15 to 25, diverse, well lit, cropped on the subject",
        ),
    ),
]
"""(symptom, pattern of what is printed, advice)."""


def find_advice(printed: str) -> list[str]:
    """Return advice for what a trainer printed; empty where no symptom is known."""
    return [
        f"{symptom}: {'; '.join(advice)}"
        for symptom, pattern, advice in ADVICE
        if re.search(pattern, printed, re.IGNORECASE)
    ]
