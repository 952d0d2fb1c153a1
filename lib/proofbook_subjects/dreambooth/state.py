"""Everything that changes in a training: made, shown, and put back.

Knows nothing about files beyond their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook_subjects.dreambooth.checkpoints import Snapshot, weights_file
from proofbook_subjects.dreambooth.models import Networks
from proofbook_subjects.dreambooth.saving import copied
from proofbook_subjects.dreambooth.settings import Settings

__all__ = ["State", "build_state", "weight_dtype"]

_OPTIMIZER, _SCHEDULER = "optimizer.bin", "scheduler.bin"
_SCALER, _RANDOM = "scaler.pt", "random_states_0.pkl"


@dataclass(kw_only=True)
class State:
    """What a step changes."""

    settings: Settings
    accelerator: Any
    networks: Networks
    prepared: tuple[Any, ...]
    """The trained networks, as Accelerate wraps them."""
    optimizer: Any
    scheduler: Any
    step: int = 0
    """Steps that have been made."""

    @property
    def parameters(self) -> list[Any]:
        """The parameters that are trained."""
        return [p for network in self.networks.trained for p in network.parameters()]

    def snapshot(self) -> Snapshot:
        """Return everything as it is; its tensors stay in use, and change with the next step."""
        import torch

        states = {
            _OPTIMIZER: self.optimizer.state_dict(),
            _SCHEDULER: copied(self.scheduler.state_dict()),
            _RANDOM: {"step": self.step, "torch": torch.get_rng_state()},
        }
        if self.accelerator.scaler is not None:
            states[_SCALER] = self.accelerator.scaler.state_dict()
        weights = tuple(dict(network.state_dict()) for network in self.networks.trained)
        return Snapshot(step=self.step, weights=weights, states=states, settings=self.settings)

    def restore(self, checkpoint: Path, step: int) -> None:
        """Put a checkpoint's contents back.

        Raises:
            SubjectError: It is of another model.
        """
        import torch
        from safetensors.torch import load_file

        for number, network in enumerate(self.networks.trained):
            path = checkpoint / weights_file(number)
            try:
                network.load_state_dict(load_file(path))
            except RuntimeError as error:
                what = " ".join(str(error).split())[:300]
                raise SubjectError(f"{path} is of another model: {what}") from error
        read = {name: torch.load(checkpoint / name, weights_only=True, map_location="cpu")
                for name in (_OPTIMIZER, _SCHEDULER, _RANDOM)}  # fmt: skip
        self.optimizer.load_state_dict(read[_OPTIMIZER])
        self.scheduler.load_state_dict(read[_SCHEDULER])
        torch.set_rng_state(read[_RANDOM]["torch"])
        if self.accelerator.scaler is not None and (checkpoint / _SCALER).is_file():
            self.accelerator.scaler.load_state_dict(
                torch.load(checkpoint / _SCALER, weights_only=True)
            )
        self.step = step


def build_state(settings: Settings, accelerator: Any, networks: Networks) -> State:
    """Return the state before the first step, on the accelerator's device.

    Raises:
        SubjectError: 8-bit Adam is asked for and cannot be had.
    """
    from diffusers.optimization import get_scheduler

    parameters = [p for network in networks.trained for p in network.parameters()]
    optimizer = _optimizer_class(settings)(parameters, lr=settings.learning_rate)
    scheduler = get_scheduler(
        settings.lr_scheduler, optimizer, num_warmup_steps=settings.lr_warmup_steps,
        num_training_steps=settings.max_train_steps,
    )  # fmt: skip
    *prepared, optimizer, scheduler = accelerator.prepare(*networks.trained, optimizer, scheduler)
    dtype = weight_dtype(settings)
    networks.vae.to(accelerator.device, dtype)
    if not settings.train_text_encoder:
        networks.text_encoder.to(accelerator.device, dtype)
    return State(
        settings=settings, accelerator=accelerator, networks=networks, prepared=tuple(prepared),
        optimizer=optimizer, scheduler=scheduler,
    )  # fmt: skip


def weight_dtype(settings: Settings) -> Any:
    """Return the number format of the networks that are not trained."""
    import torch

    return {"no": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[
        settings.mixed_precision
    ]


def _optimizer_class(settings: Settings) -> Any:
    import torch

    if not settings.use_8bit_adam:
        return torch.optim.AdamW
    try:
        import bitsandbytes
    except ImportError as error:
        raise SubjectError(
            "use_8bit_adam needs the package bitsandbytes; install it, or set use_8bit_adam: false"
        ) from error
    return bitsandbytes.optim.AdamW8bit
