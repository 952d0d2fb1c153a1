"""What torch says of a card, and whether it computes right."""

from __future__ import annotations

from typing import NamedTuple

from packaging.version import Version

__all__ = ["Computed", "TorchCard", "compute", "describe_torch", "reaches"]

_FORMATS = ("float32", "float16", "bfloat16")
_BITS = {"float32": 10, "float16": 10, "bfloat16": 7}
"""Of the mantissa; float32 may be multiplied as TF32."""


class TorchCard(NamedTuple):
    """How torch sees a card."""

    usable: bool
    name: str
    cuda: str
    """Version of CUDA that torch is built for; empty if for none."""


class Computed(NamedTuple):
    """A product of matrices in one number format."""

    format: str
    error: float
    """Largest difference to the same in float64, as a part of the largest value."""
    allowed: float


def describe_torch(card: int) -> TorchCard:
    """Return how torch sees a card."""
    import torch

    usable = torch.cuda.is_available() and card < torch.cuda.device_count()
    name = torch.cuda.get_device_name(card) if usable else ""
    return TorchCard(usable, name, torch.version.cuda or "")


def reaches(oldest: str, found: str) -> bool:
    """Say whether a version is not older than another; "" always is."""
    return bool(found) and Version(found) >= Version(oldest)


def compute(device: str, size: int, seed: int = 0) -> list[Computed]:
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
    found = []
    for name in _FORMATS:
        dtype = getattr(torch, name)
        product = (a.to(device, dtype) @ b.to(device, dtype)).cpu().double()
        error = float((product - right).abs().max() / right.abs().max())
        found.append(Computed(name, error, 4 * 2.0 ** -_BITS[name]))
    return found
