"""Which versions of the libraries are installed, and which this process has imported."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version

__all__ = ["IMPORTED", "installed", "name_imported"]

_PACKAGES = (
    "transformers",
    "torch",
    "safetensors",
    "timm",
    "torchvision",
    "openvino",
    "onnxruntime",
    "onnx",
)
IMPORTED = ("transformers", "torch")
"""What computes a model's answer, in the release that was found first, which may be another."""


def installed() -> dict[str, str]:
    """Return the versions of what models are made of; what is not installed is not in it."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def name_imported() -> dict[str, str]:
    """Return the releases that this process has imported, as each says of itself.

    A checkout on ``PYTHONPATH`` hides what is installed, whose version is told all the same.
    """
    loaded = {name: sys.modules.get(name) for name in IMPORTED}
    return {
        name: str(getattr(module, "__version__", "unknown"))
        for name, module in loaded.items()
        if module is not None
    }
