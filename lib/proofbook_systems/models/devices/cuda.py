"""A CUDA GPU with eager PyTorch, in float32 without TF32, or in bfloat16."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch

from proofbook_systems.models.devices.device import Dims
from proofbook_systems.models.inputs import Inputs
from proofbook_systems.models.outputs import map_tensors

__all__ = ["CUDA"]


@dataclass(frozen=True, kw_only=True)
class _Program:
    model: Any
    dtype: torch.dtype
    where: str

    def __call__(self, **inputs: Any) -> Any:
        placed = map_tensors(inputs, lambda value: _to(value, "cuda", self.dtype))
        answer = self.model(**placed)
        torch.cuda.synchronize()
        return answer


@dataclass(frozen=True, kw_only=True)
class CUDA:
    """The first CUDA device."""

    precision: str = "float32"

    def missing(self) -> str:
        """Return why no CUDA device can be used."""
        return "" if torch.cuda.is_available() else "no CUDA device"

    def export(self, model: Any, inputs: Inputs, dims: Dims | None) -> Any:
        """Return the model on the GPU; eager models take any shape."""
        del inputs, dims
        return copy.deepcopy(model).to("cuda", getattr(torch, self.precision))

    def compile(self, exported: Any) -> _Program:
        """Return the model, with every product computed in its own precision."""
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        places = {str(each.device) for each in exported.parameters()}
        return _Program(
            model=exported,
            dtype=getattr(torch, self.precision),
            where=f"{torch.cuda.get_device_name()} {', '.join(sorted(places))}",
        )


def _to(value: torch.Tensor, device: str, dtype: torch.dtype) -> torch.Tensor:
    return value.to(device, dtype if value.is_floating_point() else value.dtype)
