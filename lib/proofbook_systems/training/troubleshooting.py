"""Advice for what a trainer printed, shown next to the failure. Knows symptoms, not causes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from proofbook.errors import SubjectError

__all__ = ["ADVICE", "OUT_OF_MEMORY", "find_advice"]

OUT_OF_MEMORY = "out of memory"
"""The symptom of a batch that does not fit."""

ADVICE: list[tuple[str, str, tuple[str, ...]]] = [
    (
        OUT_OF_MEMORY,
        r"out of memory|can't allocate memory|Cannot allocate memory",
        (
            "lower the resolution or the length of sequences, which saves most",
            "set gradient_checkpointing: true",
            "raise gradient_accumulation_steps and lower the batch size",
            "set mixed_precision: fp16",
            "close other programs that use the GPU",
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
        ("pass every network of the validation in the number format of the trained weights",),
    ),
    (
        "disk full",
        r"No space left on device|Disk quota exceeded",
        ("free the disk, or keep fewer checkpoints: each has weights and optimizer states",),
    ),
    (
        "no progress",
        r"\A\s*\Z|DataLoader worker .* (?:killed|exited)|deadlock",
        (
            "look at the GPU, the memory and the disk",
            "interrupt it, and resume from the newest checkpoint",
            "set the number of data loader workers to 0",
        ),
    ),
    (
        "loss is not finite",
        r"loss[=: ]+(?:nan|inf)",
        ("lower the learning rate", "look for broken samples in the training data"),
    ),
]
"""(symptom, pattern of what is printed, advice)."""


def find_advice(printed: str, further: Mapping[str, str] | None = None) -> list[str]:
    """Return advice for what a trainer printed; empty where no symptom is known.

    Args:
        printed: All that it printed.
        further: Advice for this trainer, by the symptom or by a pattern of what is printed.

    Raises:
        SubjectError: A pattern is not a regular expression.
    """
    own = dict(further or {})
    lines = []
    for symptom, pattern, advice in ADVICE:
        more = own.pop(symptom, "")
        if re.search(pattern, printed, re.IGNORECASE):
            lines.append(f"{symptom}: {'; '.join([*advice, *([more] if more else [])])}")
    return lines + [
        f"{pattern}: {more}" for pattern, more in own.items() if _fits(pattern, printed)
    ]


def _fits(pattern: str, printed: str) -> bool:
    try:
        return re.search(pattern, printed, re.IGNORECASE) is not None
    except re.error as error:
        raise SubjectError(f"advice: {pattern!r} is not a regular expression: {error}") from error
