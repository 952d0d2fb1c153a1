"""Which versions of the libraries are installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

__all__ = ["installed"]

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


def installed() -> dict[str, str]:
    """Return the versions of what models are made of; what is not installed is not in it."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
