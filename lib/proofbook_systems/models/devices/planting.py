"""Faults of a device, planted on purpose: a broken weight on its side, and answers that it took."""

from __future__ import annotations

from typing import Any

import torch

from proofbook_systems.models.devices.device import Program
from proofbook_systems.models.planting import find_damage

__all__ = ["DEVICE_FAULTS", "cheat", "damage"]

DEVICE_FAULTS = {
    "zeroed-weight": "match",
    "swapped-layers": "match",
    "rounded-dtype": "match",
    "kept-answer": "inputs",
    "asks-the-model": "run",
}
"""Each fault, and the step that is there to find it."""


def damage(model: Any, fault: str) -> Any:
    """Return the model with a broken weight, as a faulty converter makes it."""
    if (broken := find_damage(fault)) is not None:
        with torch.no_grad():
            broken(model)
    return model


def cheat(program: Program, model: Any, fault: str) -> Program:
    """Return a program that hands out what it has answered before, or what the model answers."""
    if fault == "kept-answer":
        return _Kept(program)
    return _Asking(program, model) if fault == "asks-the-model" else program


class _Kept:
    def __init__(self, program: Program) -> None:
        self.program, self.where, self.kept = program, program.where, None

    def __call__(self, **inputs: Any) -> Any:
        self.kept = self.program(**inputs) if self.kept is None else self.kept
        return self.kept


class _Asking:
    def __init__(self, program: Program, model: Any) -> None:
        self.model, self.where = model, program.where

    def __call__(self, **inputs: Any) -> Any:
        return self.model(**inputs)
