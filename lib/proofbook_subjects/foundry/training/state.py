"""Everything that changes in a training: made, shown, and put back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.checkpoints.folders import STATE, WEIGHTS, Manifest
from proofbook_subjects.foundry.checkpoints.snapshots import Snapshot, copied
from proofbook_subjects.foundry.config import ExperimentConfig
from proofbook_subjects.foundry.config_files import recorded_config
from proofbook_subjects.foundry.data.batches import ResumableSampler
from proofbook_subjects.foundry.randomness import random_states, restore_random_states

__all__ = ["Accumulation", "TrainingState", "build_state", "unshared"]


@dataclass(kw_only=True)
class Accumulation:
    """A step that is not over: its gradients are in the parameters."""

    passes: int
    """Forward passes that have been made."""
    loss: Any
    """A tensor: their losses so far."""
    start: dict[str, Any]
    """Random numbers before the first of them."""


@dataclass(kw_only=True)
class TrainingState:
    """What a step changes."""

    config: ExperimentConfig
    model: Any
    optimizer: Any
    scheduler: Any
    scaler: Any
    """Of gradients; does nothing unless passes are computed in fp16."""
    sampler: ResumableSampler
    device: Any
    content: str
    """Hash of the data."""
    texts: dict[str, bytes] = field(default_factory=dict)
    """Files of every checkpoint that never change."""
    step: int = 0
    """Steps that have been made."""
    splits: int = 1
    """Parts that each batch is cut into, since memory was too small for it."""
    accumulation: Accumulation | None = None

    @property
    def epoch(self) -> int:
        """The epoch of the next batch, from 0."""
        return self.sampler.epoch

    def snapshot(self, metadata: bytes = b"{}") -> Snapshot:
        """Return everything as it is; weights and optimizer stay in use until the next update."""
        state = {
            "global_step": self.step,
            "epoch": self.epoch,
            "optimizer": self.optimizer.state_dict(),
            "lr_scheduler": copied(self.scheduler.state_dict()),
            "amp_scaler": self.scaler.state_dict(),
            "sampler": self.sampler.state_dict(),
            "content": self.content,
            "splits": self.splits,
            "accumulation": self._accumulated(),
            **random_states(),
        }
        return Snapshot(
            step=self.step, passes=self.accumulation.passes if self.accumulation else 0,
            weights=unshared(self.model), state=state,
            texts=self.texts | {"metadata.json": metadata},
            config=recorded_config(self.config),
        )  # fmt: skip

    def restore(self, checkpoint: Path, manifest: Manifest) -> None:
        """Put a checkpoint's contents back.

        Raises:
            SubjectError: It is of another model or of other data.
        """
        import torch

        state = torch.load(checkpoint / STATE, weights_only=True, map_location="cpu")
        if state["content"] != self.content:
            raise SubjectError(
                f"{checkpoint} is of other data; the corpus or tokenizer has changed"
            )
        self._restore_weights(checkpoint / WEIGHTS)
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["lr_scheduler"])
        self.scaler.load_state_dict(state["amp_scaler"])
        self.sampler.load_state_dict(state["sampler"])
        self.step, self.splits = manifest.step, state["splits"]
        self._restore_accumulation(state["accumulation"])
        # Last, since anything before it may have drawn numbers.
        restore_random_states(state)

    def begin_step(self) -> Accumulation:
        """Return the accumulation of a step that begins now."""
        import torch

        loss = torch.zeros((), device=self.device)
        self.accumulation = Accumulation(passes=0, loss=loss, start=random_states())
        return self.accumulation

    def restart_step(self) -> None:
        """Forget what has been computed of a step, as if it had not begun."""
        self.optimizer.zero_grad(set_to_none=True)
        if self.accumulation is not None:
            restore_random_states(self.accumulation.start)
        self.accumulation = None

    def _accumulated(self) -> dict[str, Any] | None:
        part = self.accumulation
        if part is None:
            return None
        grads = {name: p.grad for name, p in self.model.named_parameters() if p.grad is not None}
        return {
            "passes": part.passes, "loss": part.loss, "start": part.start,
            "gradients": copied(grads),
        }  # fmt: skip

    def _restore_accumulation(self, part: dict[str, Any] | None) -> None:
        self.accumulation = None
        if part is not None:
            for name, parameter in self.model.named_parameters():
                grad = part["gradients"].get(name)
                parameter.grad = None if grad is None else grad.to(self.device)
            self.accumulation = Accumulation(
                passes=part["passes"], loss=part["loss"].to(self.device), start=part["start"]
            )

    def _restore_weights(self, path: Path) -> None:
        from safetensors.torch import load_file

        tensors = load_file(path)
        expected = unshared(self.model)
        if expected.keys() != tensors.keys():
            differing = sorted(expected.keys() ^ tensors.keys())
            raise SubjectError(f"{path} is of another model: {', '.join(differing[:3])} differ")
        try:
            # Not strict: names of shared tensors are left out, and follow from the others.
            self.model.load_state_dict(tensors, strict=False)
        except RuntimeError as error:
            what = " ".join(str(error).split())[:300]
            raise SubjectError(f"{path} is of another model: {what}") from error


def unshared(model: Any) -> dict[str, Any]:
    """Return a network's tensors by name; one that has several names by the first."""
    seen: set[tuple[int, Any]] = set()
    tensors = {}
    for name, tensor in model.state_dict().items():
        place = (tensor.data_ptr(), tensor.shape)
        if place not in seen:
            seen.add(place)
            tensors[name] = tensor
    return tensors


def build_state(
    config: ExperimentConfig, model: Any, sampler: ResumableSampler, device: Any, total: int,
    content: str, texts: dict[str, bytes],
) -> TrainingState:  # fmt: skip
    """Return the state before the first step of ``total``."""
    import torch
    from transformers import get_scheduler

    training = config.training
    model.to(device).train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=training.learning_rate, eps=training.adam_epsilon,
        betas=(training.adam_beta1, training.adam_beta2), weight_decay=training.weight_decay,
    )  # fmt: skip
    scheduler = get_scheduler(
        training.lr_scheduler, optimizer, num_warmup_steps=training.total_warmup(total),
        num_training_steps=total,
    )  # fmt: skip
    return TrainingState(
        config=config, model=model, optimizer=optimizer, scheduler=scheduler,
        scaler=torch.amp.GradScaler(device.type, enabled=amp_dtype(config, device) == "fp16"),
        sampler=sampler, device=device, content=content, texts=texts,
    )  # fmt: skip


def amp_dtype(config: ExperimentConfig, device: Any) -> str | None:
    """Return ``bf16`` or ``fp16``; None where passes are computed in 32 bits."""
    import torch

    if not config.training.use_amp:
        return None
    if config.training.amp_dtype != "auto":
        return config.training.amp_dtype
    return "bf16" if device.type == "cpu" or torch.cuda.is_bf16_supported() else "fp16"
