"""What a device offers: whether it is here, and a model made ready to run on it.

A device knows nothing about checks: :mod:`trying` asks the same of every one.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Protocol

from proofbook_systems.models.inputs import Inputs

__all__ = ["Device", "Dims", "Program", "name_absent"]

Dims = dict[str, Any]
"""Of each input, which dimensions may have another size: ``{"input_ids": {0: Dim.AUTO}}``."""


class Program(Protocol):
    """A model that is ready on a device."""

    @property
    def where(self) -> str:
        """Where it runs, as the device itself says."""

    def __call__(self, **inputs: Any) -> Any:
        """Return what the model answers."""


class Device(Protocol):
    """One device."""

    @property
    def precision(self) -> str:
        """Float32, or the name of the type that weights and inputs are rounded to."""

    def missing(self) -> str:
        """Return why the device cannot be used here; empty where it can."""

    def export(self, model: Any, inputs: Inputs, dims: Dims | None) -> Any:
        """Return the model in the form that the device compiles.

        Args:
            model: The model, which may be changed: it is this process's own.
            inputs: What it is traced with.
            dims: The dimensions that may change; None fixes every one.

        Raises:
            Exception: Whatever the exporter has against the model.
        """

    def compile(self, exported: Any) -> Program:
        """Return what runs on the device.

        Raises:
            Exception: Whatever the device has against what was exported.
        """


def name_absent(*packages: str) -> str:
    """Return why a device is missing whose packages are not all installed."""
    absent = [name for name in packages if find_spec(name) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""
