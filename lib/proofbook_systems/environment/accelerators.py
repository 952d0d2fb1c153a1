"""What torch sees of the GPUs.

Initialises CUDA in this process: ask only where nothing is forked afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TorchDevices", "inspect_torch"]


@dataclass(frozen=True, kw_only=True)
class TorchDevices:
    """The installed torch and the CUDA devices it can use."""

    version: str
    cuda_build: str
    """CUDA version that torch was built for; empty for a CPU build."""
    names: tuple[str, ...]
    """One name a usable device."""


def inspect_torch() -> TorchDevices:
    """Return what torch can use; no devices where it is a CPU build or no GPU answers."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return TorchDevices(
        version=str(torch.__version__),
        cuda_build=str(torch.version.cuda or ""),
        names=tuple(torch.cuda.get_device_name(index) for index in range(count)),
    )
