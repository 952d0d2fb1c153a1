"""One optimizer step: forward passes, gradients, update. Every token of a step counts the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.data.batches import Batch
from proofbook_subjects.foundry.data.transforms import IGNORED
from proofbook_subjects.foundry.training.memory import is_out_of_memory
from proofbook_subjects.foundry.training.state import TrainingState, amp_dtype

if TYPE_CHECKING:
    import torch

__all__ = ["StepResult", "Stepper", "count_targets", "summed_loss"]

_MOST_SKIPS = 20


class StepResult(NamedTuple):
    """What a step came to."""

    loss: float
    lr: float
    grad_norm: float | None
    tokens: int


def summed_loss(model: Any, batch: Batch, *, masked: bool) -> torch.Tensor:
    """Return the cross-entropy of a batch, summed over what is to be predicted."""
    from torch.nn import functional

    options = {} if batch.attention_mask is None else {"attention_mask": batch.attention_mask}
    logits, labels = model(input_ids=batch.input_ids, **options).logits, batch.labels
    if not masked:
        logits, labels = logits[:, :-1], labels[:, 1:]
    return functional.cross_entropy(
        logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="sum"
    )


def count_targets(batch: Batch, *, masked: bool) -> int:
    """Return how many tokens of a batch are to be predicted."""
    labels = batch.labels if masked else batch.labels[:, 1:]
    return int((labels != IGNORED).sum())


class Stepper:
    """Makes the steps of a training, one when asked."""

    def __init__(
        self,
        state: TrainingState,
        batches: Iterator[Batch],
        *,
        before_change: Callable[[], object] = bool,
        stop: Callable[[], bool] = bool,
        say: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Prepare to make steps.

        Args:
            state: What they change.
            batches: From the sampler's place on.
            before_change: Called right before weights change.
            stop: Asked between two passes whether to stop within the step.
            say: Told what people should know.
        """
        self._state, self._batches = state, batches
        self._before_change, self._stop, self._say = before_change, stop, say
        self._masked = state.config.model.is_masked
        self._skips = 0

    def make_step(self) -> StepResult | None:
        """Make a step; return None where it was stopped within.

        Raises:
            SubjectError: The loss is not a number, or memory is too small for a single chunk.
        """
        batches = self._read()
        while True:
            try:
                return self._attempt(batches)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error) or not self._can_split():
                    raise
            # Outside of the handler, whose traceback holds the tensors that filled the memory.
            self._split()

    def _read(self) -> list[Batch]:
        """Return the batches of this step: no step reaches into the next epoch."""
        sampler = self._state.sampler
        left = sampler.batches_per_epoch - sampler.used % sampler.batches_per_epoch
        accumulation = self._state.config.training.gradient_accumulation_steps
        return [next(self._batches) for _ in range(min(accumulation, left))]

    def _attempt(self, batches: Sequence[Batch]) -> StepResult | None:
        state = self._state
        tokens = sum(count_targets(batch, masked=self._masked) for batch in batches)
        part = state.accumulation or state.begin_step()
        for batch in batches[part.passes :]:
            if part.passes and self._stop():
                return None
            self._accumulate(batch, max(tokens, 1))
            part.passes += 1
        return self._update(float(part.loss), tokens, len(batches))

    def _accumulate(self, batch: Batch, tokens: int) -> None:
        state = self._state
        assert state.accumulation is not None
        for part in _parts(batch, state.splits):
            moved = part.to(state.device)
            with self._autocast():
                loss = summed_loss(state.model, moved, masked=self._masked) / tokens
            state.scaler.scale(loss).backward()
            state.accumulation.loss += loss.detach()

    def _autocast(self) -> Any:
        import torch

        kind = amp_dtype(self._state.config, self._state.device)
        if kind is None:
            return nullcontext()
        dtype = torch.bfloat16 if kind == "bf16" else torch.float16
        return torch.autocast(self._state.device.type, dtype=dtype)

    def _update(self, loss: float, tokens: int, passes: int) -> StepResult:
        import torch

        state = self._state
        limit, rate = state.config.training.max_grad_norm, state.scheduler.get_last_lr()[0]
        norm = None
        if limit is not None:
            state.scaler.unscale_(state.optimizer)
            norm = float(torch.nn.utils.clip_grad_norm_(state.model.parameters(), limit))
        self._refuse_non_finite(loss, norm)
        self._before_change()
        scale = state.scaler.get_scale()
        state.scaler.step(state.optimizer)
        state.scaler.update()
        # A step whose gradients overflowed changes nothing, and does not count for the schedule.
        if skipped := state.scaler.get_scale() < scale:
            self._say(f"step {state.step + 1} overflowed; the scale of gradients is halved")
        else:
            state.scheduler.step()
        self._skips = self._skips + 1 if skipped else 0
        state.optimizer.zero_grad(set_to_none=True)
        state.accumulation = None
        state.step += 1
        state.sampler.used += passes
        return StepResult(loss, rate, norm, tokens)

    def _refuse_non_finite(self, loss: float, norm: float | None) -> None:
        state = self._state
        is_finite = math.isfinite(loss) and (norm is None or math.isfinite(norm))
        if is_finite or (state.scaler.is_enabled() and self._skips < _MOST_SKIPS):
            return
        what = "loss" if not math.isfinite(loss) else "gradient"
        raise SubjectError(
            f"the {what} of step {state.step + 1} is not a finite number; lower "
            "training.learning_rate, or set training.max_grad_norm; checkpoints are as they were"
        )

    def _can_split(self) -> bool:
        return self._state.splits < self._state.config.data.batch_size

    def _split(self) -> None:
        state = self._state
        state.restart_step()
        if state.device.type == "cuda":
            import torch

            torch.cuda.empty_cache()
        state.splits = min(2 * state.splits, state.config.data.batch_size)
        self._say(
            f"out of memory in step {state.step + 1}; each batch is computed in {state.splits} "
            "parts from now on"
        )


def _parts(batch: Batch, count: int) -> Iterator[Batch]:
    """Yield a batch in at most ``count`` parts of whole chunks."""
    if count == 1:
        yield batch
        return
    rows = math.ceil(len(batch.input_ids) / count)
    for first in range(0, len(batch.input_ids), rows):
        yield batch.rows(first, first + rows)
