"""A step is what its definition says, whatever it is divided into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.config import ExperimentConfig
from proofbook_subjects.foundry.data.batches import Batch, ResumableSampler
from proofbook_subjects.foundry.data.transforms import IGNORED
from proofbook_subjects.foundry.models import create_model
from proofbook_subjects.foundry.randomness import set_seed
from proofbook_subjects.foundry.training.memory import (
    MemoryReading,
    MemoryWatch,
    explain_memory,
    is_out_of_memory,
    prepare_device,
    read_memory,
)
from proofbook_subjects.foundry.training.state import TrainingState, amp_dtype, build_state
from proofbook_subjects.foundry.training.step import Stepper, count_targets, summed_loss

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
]

Make = Callable[..., ExperimentConfig]
VOCAB, LENGTH = 300, 16


def batches(seed: int = 0) -> Iterator[Batch]:
    generator = torch.Generator().manual_seed(seed)
    while True:
        ids = torch.randint(5, 40, (2, LENGTH), generator=generator)
        yield Batch(ids, ids.clone(), None)


def state_of(config: ExperimentConfig, size: int = 1000) -> TrainingState:
    set_seed(1)
    model = create_model(config.model, VOCAB, LENGTH)
    sampler = ResumableSampler(size, config.data.batch_size, 1)
    total = config.training.train_steps or 1
    return build_state(config, model, sampler, torch.device("cpu"), total, "content", {})


def weights(state: TrainingState) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in state.model.named_parameters()}


def test_a_step_changes_every_weight(make: Make) -> None:
    state = state_of(make(training={"warmup_steps": 0}))
    before = weights(state)
    result = Stepper(state, batches()).make_step()
    assert result is not None and result.loss == pytest.approx(5.7, abs=0.5)
    after = weights(state)
    assert [name for name in before if torch.equal(before[name], after[name])] == []
    assert (state.step, state.sampler.used, state.accumulation) == (1, 1, None)


def test_the_loss_falls(make: Make) -> None:
    state = state_of(make(training={"train_steps": 30}))
    one = next(batches())
    stepper = Stepper(state, iter([one] * 30))
    losses = [stepper.make_step().loss for _ in range(30)]  # type: ignore[union-attr]
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "bert", "lstm", "mamba"])
def test_every_architecture_learns(make: Make, architecture: str) -> None:
    model = {"architecture": architecture, "state_size": 2}
    state = state_of(make(model=model, training={"train_steps": 12}))
    one = next(batches())
    stepper = Stepper(state, iter([one] * 12))
    losses = [stepper.make_step().loss for _ in range(12)]  # type: ignore[union-attr]
    assert losses[-1] < losses[0]


def test_accumulated_passes_are_one_large_batch(make: Make) -> None:
    """Also where their tokens are not the same in number, which a mean of means gets wrong."""
    stream = batches()
    first, second = next(stream), next(stream)
    second.labels[:, 4:] = IGNORED
    split = state_of(make(training={"gradient_accumulation_steps": 2}))
    whole = state_of(make(data={"batch_size": 4}))
    both = Batch(*(torch.cat(pair) for pair in zip(first[:2], second[:2], strict=True)), None)
    ours = Stepper(split, iter([first, second])).make_step()
    theirs = Stepper(whole, iter([both])).make_step()
    assert ours is not None and theirs is not None
    assert (ours.tokens, split.sampler.used) == (theirs.tokens, 2)
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-5)
    assert ours.grad_norm == pytest.approx(theirs.grad_norm, rel=1e-4)


def test_no_step_reaches_into_the_next_epoch(make: Make) -> None:
    state = state_of(make(training={"gradient_accumulation_steps": 2}), size=6)
    stepper = Stepper(state, batches())
    places = []
    for _ in range(4):
        stepper.make_step()
        places.append((state.sampler.used, state.epoch))
    assert places == [(2, 0), (3, 1), (5, 1), (6, 2)]


@pytest.mark.parametrize("limit", [None, 0.01])
def test_gradients_are_cut_where_a_limit_is_given(make: Make, limit: float | None) -> None:
    state = state_of(make(training={"max_grad_norm": limit}))
    seen: list[float] = []

    def look() -> None:
        grads = [p.grad for p in state.model.parameters()]
        seen.append(float(torch.nn.utils.get_total_norm(grads)))

    result = Stepper(state, batches(), before_change=look).make_step()
    assert result is not None
    if limit is None:
        assert result.grad_norm is None and seen[0] > 0.1
    else:
        assert result.grad_norm > 0.1  # type: ignore[operator]
        assert seen[0] == pytest.approx(limit, rel=1e-3)


@pytest.mark.parametrize("passes", [1, 3])
def test_the_learning_rate_warms_up_and_falls_by_steps(make: Make, passes: int) -> None:
    lengths = {"train_steps": 6, "warmup_steps": 2, "gradient_accumulation_steps": passes}
    state = state_of(make(training={"learning_rate": 1.0, **lengths}))
    stepper = Stepper(state, batches())
    rates = [stepper.make_step().lr for _ in range(6)]  # type: ignore[union-attr]
    assert rates == pytest.approx([0.0, 0.5, 1.0, 0.75, 0.5, 0.25])


@pytest.mark.parametrize("kind", ["bf16", "fp16"])
def test_passes_in_16_bits_train_32_bit_weights(make: Make, kind: str) -> None:
    state = state_of(make(training={"use_amp": True, "amp_dtype": kind, "train_steps": 4}))
    assert state.scaler.is_enabled() == (kind == "fp16")
    seen = []
    layer = state.model.transformer.h[0].mlp.c_fc
    layer.register_forward_hook(lambda _m, _i, output: seen.append(output.dtype))
    result = Stepper(state, batches()).make_step()
    assert result is not None and result.loss == pytest.approx(5.7, abs=0.5)
    assert seen == [torch.bfloat16 if kind == "bf16" else torch.float16]
    assert {p.dtype for p in state.model.parameters()} == {torch.float32}


@pytest.mark.parametrize("kind", ["bf16", "fp16"])
@pytest.mark.parametrize("architecture", ["llama", "bert", "lstm", "mamba"])
def test_every_architecture_makes_a_step_in_16_bits(
    make: Make, architecture: str, kind: str
) -> None:
    model = {"architecture": architecture, "state_size": 2}
    state = state_of(make(model=model, training={"use_amp": True, "amp_dtype": kind}))
    result = Stepper(state, batches()).make_step()
    assert result is not None and result.loss == pytest.approx(5.7, abs=0.8)


def test_scaled_gradients_are_unscaled_before_they_are_cut(make: Make) -> None:
    def norm(**training: Any) -> float:
        result = Stepper(state_of(make(training=training)), batches()).make_step()
        assert result is not None and result.grad_norm is not None
        return result.grad_norm

    assert norm(use_amp=True, amp_dtype="fp16") == pytest.approx(norm(), rel=0.05)


def test_a_step_that_overflows_changes_nothing_and_does_not_count_for_the_rate(make: Make) -> None:
    state = state_of(make(training={"use_amp": True, "amp_dtype": "fp16", "train_steps": 5}))
    state.scaler.load_state_dict(state.scaler.state_dict() | {"scale": 1e38})
    before, said = weights(state), []
    result = Stepper(state, batches(), say=said.append).make_step()
    assert result is not None and state.step == 1
    assert all(torch.equal(before[name], value) for name, value in weights(state).items())
    assert state.scheduler.last_epoch == 0
    assert said == ["step 1 overflowed; the scale of gradients is halved"]


def test_overflows_without_end_are_an_error(make: Make) -> None:
    state = state_of(make(training={"use_amp": True, "amp_dtype": "fp16", "train_steps": 60}))
    state.model.transformer.ln_f.weight.data.fill_(float("inf"))
    stepper = Stepper(state, batches())
    with pytest.raises(SubjectError, match="loss of step 21 is not a finite"):
        for _ in range(60):
            stepper.make_step()


def test_amp_takes_the_format_that_the_device_has(make: Make) -> None:
    cpu = torch.device("cpu")
    assert amp_dtype(make(), cpu) is None
    assert amp_dtype(make(training={"use_amp": True}), cpu) == "bf16"
    assert amp_dtype(make(training={"use_amp": True, "amp_dtype": "fp16"}), cpu) == "fp16"


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_number_that_is_none_stops_the_training(make: Make, what: str) -> None:
    state = state_of(make())
    if what == "loss":
        state.model.transformer.ln_f.weight.data.fill_(float("nan"))
    else:
        state.model.transformer.ln_f.weight.register_hook(lambda grad: grad * float("inf"))
    before = weights(state)
    with pytest.raises(SubjectError, match=f"the {what} of step 1 is not a finite number"):
        Stepper(state, batches()).make_step()
    after = weights(state)
    assert all(torch.equal(before[n], after[n]) or before[n].isnan().any() for n in before)


class Full:
    """A network whose memory is too small for more than ``rows`` chunks at once."""

    def __init__(self, inner: Any, rows: int) -> None:
        self.inner, self.rows, self.asked = inner, rows, 0

    def __call__(self, input_ids: torch.Tensor, **more: Any) -> Any:
        self.asked += 1
        output = self.inner(input_ids=input_ids, **more)
        if len(input_ids) > self.rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return output

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def test_a_batch_that_does_not_fit_is_computed_in_parts_with_the_same_result(make: Make) -> None:
    enough, little = state_of(make(data={"batch_size": 2})), state_of(make(data={"batch_size": 2}))
    little.model = Full(little.model, 1)
    said: list[str] = []
    whole = Stepper(enough, batches()).make_step()
    parts = Stepper(little, batches(), say=said.append).make_step()
    assert whole is not None and parts is not None
    assert little.splits == 2
    assert parts.loss == pytest.approx(whole.loss, rel=1e-5)
    assert parts.grad_norm == pytest.approx(whole.grad_norm, rel=1e-4)
    assert said == ["out of memory in step 1; each batch is computed in 2 parts from now on"]


def test_a_single_chunk_that_does_not_fit_is_one_line(make: Make) -> None:
    state = state_of(make())
    state.model = Full(state.model, 0)
    with pytest.raises(SubjectError, match="out of memory, even with a single chunk"), \
         explain_memory():  # fmt: skip
        Stepper(state, batches()).make_step()
    assert state.step == 0


def test_memory_in_the_middle_of_a_step_begins_it_again(make: Make) -> None:
    """Numbers that dropout drew are drawn again, so that nothing of the first attempt is left."""
    make_state = lambda: state_of(make(  # noqa: E731
        training={"gradient_accumulation_steps": 2}, model={"dropout": 0.5}))  # fmt: skip
    straight, again = make_state(), make_state()
    straight.splits = 2
    set_seed(3)
    ours = Stepper(straight, batches()).make_step()
    inner, calls = again.model.forward, []

    def third_is_full(*arguments: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return inner(*arguments, **more)

    again.model.forward = third_is_full
    set_seed(3)
    theirs = Stepper(again, batches()).make_step()
    assert ours == theirs
    assert all(torch.equal(a, weights(again)[name]) for name, a in weights(straight).items())


def test_another_error_is_not_taken_for_memory(make: Make) -> None:
    state = state_of(make())
    state.model.forward = lambda **_: (_ for _ in ()).throw(RuntimeError("shapes differ"))
    with pytest.raises(RuntimeError, match="shapes differ"), explain_memory():
        Stepper(state, batches()).make_step()


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory"), True),
        (RuntimeError("expected a tensor"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_an_allocators_error_is_known(error: Exception, answer: bool) -> None:
    assert is_out_of_memory(error) is answer


def test_a_step_can_stop_between_two_passes_and_go_on(make: Make) -> None:
    config = make(training={"gradient_accumulation_steps": 3}, model={"dropout": 0.3})
    straight, stopped = state_of(config), state_of(config)
    three = [next(stream) for stream in [batches()] for _ in range(3)]
    set_seed(4)
    ours = Stepper(straight, iter(three)).make_step()
    set_seed(4)
    assert Stepper(stopped, iter(three), stop=lambda: True).make_step() is None
    assert stopped.accumulation is not None and stopped.accumulation.passes == 1
    assert (stopped.step, stopped.sampler.used) == (0, 0)
    assert Stepper(stopped, iter(three)).make_step() == ours


@pytest.mark.parametrize("architecture", ["gpt2", "bert"])
def test_the_loss_is_that_of_transformers(make: Make, architecture: str) -> None:
    state = state_of(make(model={"architecture": architecture}))
    one, masked = next(batches()), architecture == "bert"
    one.labels[:, 9:] = IGNORED
    with torch.no_grad():
        ours = summed_loss(state.model, one, masked=masked) / count_targets(one, masked=masked)
        theirs = state.model(input_ids=one.input_ids, labels=one.labels).loss
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)


def test_a_masked_model_counts_masked_tokens_alone(make: Make) -> None:
    state = state_of(make(model={"architecture": "bert"}))
    one = next(batches())
    one.labels[:, 1:] = IGNORED
    assert count_targets(one, masked=True) == 2
    assert count_targets(one, masked=False) == 0
    lost = summed_loss(state.model, one, masked=True)
    assert float(lost.detach()) == pytest.approx(2 * 5.7, abs=1.5)


def test_growing_memory_is_told_once() -> None:
    sizes = iter([100, 120, 250, 400, 90])
    watch = MemoryWatch(2.0, lambda: MemoryReading(*[next(sizes)] * 2), settled=2, every=1)
    told = [watch.after_step() for _ in range(6)]
    assert [len(faults) for faults in told] == [0, 0, 0, 1, 0, 0]
    assert "memory has grown" in told[3][0]
    assert watch.peak == 400


def test_fragmented_memory_is_told() -> None:
    reading = MemoryReading(2**28, 2**28 * 3)
    watch = MemoryWatch(2.0, lambda: reading, settled=1, every=5)
    assert "fragmented: 805 MB are reserved for 268 MB" in watch.after_step()[0]
    small = MemoryWatch(2.0, lambda: MemoryReading(1000, 9000), settled=1)
    assert small.after_step() == []


def test_memory_is_read_and_a_cpu_needs_no_preparation() -> None:
    cpu = torch.device("cpu")
    reading = read_memory(cpu)
    assert reading.used == reading.reserved > 10**7
    prepare_device(cpu)
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_gpu_is_asked_for_algorithms_that_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.delenv("PYTORCH_ALLOC_CONF", raising=False)
    try:
        prepare_device(torch.device("cuda"))
        assert torch.are_deterministic_algorithms_enabled()
        import os

        assert os.environ["PYTORCH_ALLOC_CONF"] == "expandable_segments:True"
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    finally:
        torch.use_deterministic_algorithms(False)
