"""Train: from a configuration to a model, with everything between that can be taken up again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook_subjects.dreambooth.checkpoints import (
    find_checkpoint,
    read_manifest,
    refuse_other_run,
    sweep,
)
from proofbook_subjects.dreambooth.data import Pictures, find_pictures, load_batches
from proofbook_subjects.dreambooth.finishing import save_model
from proofbook_subjects.dreambooth.models import load_networks
from proofbook_subjects.dreambooth.pictures import make_class_pictures, validate
from proofbook_subjects.dreambooth.progress import Progress
from proofbook_subjects.dreambooth.saving import Saver
from proofbook_subjects.dreambooth.settings import Settings
from proofbook_subjects.dreambooth.state import State, build_state, weight_dtype
from proofbook_subjects.dreambooth.step import Loss
from proofbook_subjects.dreambooth.stopping import Stopping

__all__ = ["train"]


def train(settings: Settings, *, resume: bool = False, resume_from: Path | None = None) -> int:
    """Train, and return the exit code: 0 once the model is there, 128 + n after signal n.

    Raises:
        SubjectError: Something that was given cannot be used, or there is no room for it.
    """
    with Stopping() as stopping, _memory_explained():
        instance = find_pictures(settings.instance_data_dir)
        settings.output_dir.mkdir(parents=True, exist_ok=True)
        sweep(settings.output_dir)
        accelerator = _accelerator(settings)
        print(f"Device: {accelerator.device}")  # noqa: T201 - this is a program
        networks = load_networks(settings)
        classes = _class_pictures(settings, networks, accelerator, stopping)
        state = build_state(settings, accelerator, networks)
        if resume or resume_from:
            _resume(state, resume_from)
        if stopping.signum or _make_steps(state, Pictures(settings, instance, classes), stopping):
            return stopping.exit_code
        place = save_model(state)
        print(f"Saved model: {place}")  # noqa: T201 - this is a program
        return 0


def _make_steps(state: State, pictures: Pictures, stopping: Stopping) -> bool:
    """Make every step that is left, and what is due after some; return whether it was stopped."""
    settings = state.settings
    progress = Progress(
        settings.output_dir / settings.logging_dir, state.step, settings.max_train_steps
    )
    saver = Saver(settings.output_dir, progress.say, state.step)
    loss = Loss(state.networks, settings, state.accelerator.device, weight_dtype(settings))
    batches = load_batches(pictures, settings, state.step * settings.gradient_accumulation_steps)
    first = state.step + 1
    try:
        while state.step < settings.max_train_steps and not stopping.signum:
            _make_step(state, loss, batches, progress, saver.release)
            if state.step == first:
                saver.reserve(state.snapshot())
            if state.step % settings.checkpointing_steps == 0:
                saver.save(state.snapshot())
            if _validation_is_due(state):
                progress.say(f"Validation: {validate(state.networks, settings, state.step)}")
        saver.finish()
        # Asked once: a signal that comes later finds all steps made, and the model is saved.
        if stopped := bool(stopping.signum):
            if state.step > saver.step:
                saver.save(state.snapshot())
                saver.finish()
            progress.say(f"Stopped at step {state.step}; go on with --resume")
        return stopped
    finally:
        progress.close()


def _make_step(
    state: State,
    loss: Loss,
    batches: Iterator[Any],
    progress: Progress,
    before_change: Callable[[], object],
) -> None:
    import torch

    passes = state.settings.gradient_accumulation_steps
    accelerator, losses = state.accelerator, []
    rate = state.scheduler.get_last_lr()[0]
    for number in range(state.step * passes, (state.step + 1) * passes):
        with accelerator.accumulate(*state.prepared):
            value = loss(next(batches), number)
            accelerator.backward(value)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(state.parameters, state.settings.max_grad_norm)
                before_change()
            state.optimizer.step()
            state.scheduler.step()
            state.optimizer.zero_grad()
        losses.append(value.detach())
    state.step += 1
    progress.step(state.step, float(torch.stack(losses).mean()), rate)


def _validation_is_due(state: State) -> bool:
    settings = state.settings
    return bool(settings.validation_prompts) and state.step % settings.validation_steps == 0


def _accelerator(settings: Settings) -> Any:
    import torch
    from accelerate import Accelerator

    if torch.cuda.is_available():
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    return Accelerator(
        mixed_precision=settings.mixed_precision,
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
    )


def _class_pictures(
    settings: Settings, networks: Any, accelerator: Any, stopping: Stopping
) -> list[Path]:
    if not settings.with_prior_preservation or settings.class_data_dir is None:
        return []
    count = make_class_pictures(
        networks, settings, accelerator.device, lambda: bool(stopping.signum)
    )
    print(f"Class images: {count} generated in {settings.class_data_dir}")  # noqa: T201 - a program
    return find_pictures(settings.class_data_dir, fewest=1) if not stopping.signum else []


def _resume(state: State, chosen: Path | None) -> None:
    """Put back the given checkpoint, or the newest complete one; without any, start at step 0."""
    checkpoint, passed_over = (chosen, []) if chosen else find_checkpoint(state.settings.output_dir)
    for why in passed_over:
        print(f"Passed over: {why}")  # noqa: T201 - this is a program
    if checkpoint is None:
        print("No checkpoint to resume from; starting at step 0")  # noqa: T201 - this is a program
        return
    manifest = read_manifest(checkpoint)
    refuse_other_run(checkpoint, manifest, state.settings)
    state.restore(checkpoint, manifest.step)
    print(f"Resuming from checkpoint: {checkpoint}")  # noqa: T201 - this is a program
    print(f"Resuming from step {manifest.step}", flush=True)  # noqa: T201 - this is a program


@contextmanager
def _memory_explained() -> Iterator[None]:
    """Turn an allocator's error into one line."""
    try:
        yield
    except MemoryError as error:
        raise SubjectError(_OUT_OF_MEMORY) from error
    except RuntimeError as error:
        if "out of memory" in str(error) or "can't allocate memory" in str(error):
            raise SubjectError(_OUT_OF_MEMORY) from error
        raise


_OUT_OF_MEMORY = (
    "out of memory; lower the resolution or the batch size, or set gradient_checkpointing: true or "
    "mixed_precision: fp16; checkpoints are as they were"
)
