"""What torch says of a GPU, and whether it computes right."""

from __future__ import annotations

from typing import NamedTuple

from packaging.version import Version

__all__ = ["Product", "TorchGpu", "describe_torch", "is_at_least", "multiply"]

_FORMATS = ("float32", "float16", "bfloat16")
_BITS = {"float32": 10, "float16": 10, "bfloat16": 7}
"""Of the mantissa; float32 may be multiplied as TF32."""


class TorchGpu(NamedTuple):
    """How torch sees a GPU."""

    usable: bool
    name: str
    cuda: str
    """Version of CUDA that torch is built for; empty if for none."""


class Product(NamedTuple):
    """A product of matrices in one number format."""

    format: str
    error: float
    """Largest difference to the same in float64, as a part of the largest value."""
    allowed: float


def describe_torch(index: int) -> TorchGpu:
    """Return how torch sees a GPU."""
    import torch

    usable = torch.cuda.is_available() and index < torch.cuda.device_count()
    name = torch.cuda.get_device_name(index) if usable else ""
    return TorchGpu(usable, name, torch.version.cuda or "")


def is_at_least(oldest: str, version: str) -> bool:
    """Say whether a version is not older than another; an empty one is older than any."""
    return bool(version) and Version(version) >= Version(oldest)


def multiply(device: str, size: int, seed: int = 0) -> list[Product]:
    """Multiply matrices on a device in each number format, and compare with float64.

    Args:
        device: As torch calls it.
        size: Rows and columns.
        seed: Chooses the values.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(size, size, generator=generator, dtype=torch.float64) for _ in range(2))
    right = a @ b
    products = []
    for name in _FORMATS:
        dtype = getattr(torch, name)
        computed = (a.to(device, dtype) @ b.to(device, dtype)).cpu().double()
        error = float((computed - right).abs().max() / right.abs().max())
        products.append(Product(name, error, 4 * 2.0 ** -_BITS[name]))
    return products
