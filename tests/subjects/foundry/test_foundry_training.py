"""A training runs from texts to a model, stops anywhere, and goes on to the bit."""

from __future__ import annotations

import importlib.metadata
import json
import math
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from training_ends import contents

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.checkpoints.folders import list_checkpoints, read_manifest
from proofbook_subjects.foundry.config import ExperimentConfig
from proofbook_subjects.foundry.config_files import recorded_config
from proofbook_subjects.foundry.data.batches import ResumableSampler, batch_stream
from proofbook_subjects.foundry.data.corpora import read_texts
from proofbook_subjects.foundry.preparation import Preparation
from proofbook_subjects.foundry.randomness import set_seed
from proofbook_subjects.foundry.trainer import Trainer, train
from proofbook_subjects.foundry.training.state import TrainingState
from proofbook_subjects.foundry.training.step import Stepper
from proofbook_subjects.foundry.training.stopping import Stopping

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
]

Make = Callable[..., ExperimentConfig]
UPSTREAM = {
    "global_step", "epoch", "optimizer", "lr_scheduler", "random_state", "numpy_random_state",
    "torch_random_state", "torch_cuda_random_state", "amp_scaler",
}  # fmt: skip


class StopAt(Stopping):
    """Asks to stop once so many steps, and passes of the next one, have been made."""

    def __init__(self, step: int, passes: int = 0) -> None:
        super().__init__()
        self.at, self.state = (step, passes), None

    def __bool__(self) -> bool:
        state: Any = self.state
        if state is not None and not self.signum:
            passes = state.accumulation.passes if state.accumulation else 0
            self.signum = signal.SIGINT if (state.step, passes) >= self.at else 0
        return bool(self.signum)


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., StopAt]:
    """Return a function that makes something that asks to stop at an exact place."""
    current: list[StopAt] = []
    begin = Stepper.__init__

    def watched(self: Stepper, state: TrainingState, *given: Any, **more: Any) -> None:
        if current:
            current[-1].state = state  # type: ignore[assignment]
        begin(self, state, *given, **more)

    monkeypatch.setattr(Stepper, "__init__", watched)

    def make(step: int, passes: int = 0) -> StopAt:
        current.append(StopAt(step, passes))
        return current[-1]

    return make


def outputs(config: ExperimentConfig, name: str) -> ExperimentConfig:
    place = str(Path(config.training.output_dir).with_name(name))
    return config.model_copy(
        update={"training": config.training.model_copy(update={"output_dir": place})}
    )


# 24 batches an epoch: of 24 steps, or of 8 with three passes each.
CASES: list[tuple[str, dict[str, Any], int, list[tuple[int, int]]]] = [
    ("plain", {}, 0, [(1, 0)]),
    ("plain-workers", {"data": {"num_workers": 2}}, 0, [(9, 0), (10, 0), (11, 0)]),
    ("dropout", {"model": {"dropout": 0.2, "attention_dropout": 0.1}}, 1, [(9, 0)]),
    (
        "random-data",
        {"data": {"token_noise": 0.2, "num_workers": 1}, "model": {"dropout": 0.2}},
        1,
        [(0, 0)],
    ),
    (
        "accumulated",
        {"training": {"gradient_accumulation_steps": 3, "stop_within_step": True},
         "model": {"dropout": 0.2}},
        1,
        [(-1, 1), (-1, 2), (0, 1)],
    ),
    ("bert", {"model": {"architecture": "bert", "dropout": 0.2}}, 1, [(-1, 0)]),
    ("fp16", {"training": {"use_amp": True, "amp_dtype": "fp16"}}, 0, [(3, 0)]),
]  # fmt: skip


@pytest.mark.exhaustive(keep=1)
@pytest.mark.slow
@pytest.mark.parametrize(("name", "changes", "relative", "stops"), CASES, ids=lambda v: str(v)[:12])
def test_stopped_and_resumed_it_is_the_same_to_the_bit(
    make: Make, project: Path, stop_at: Callable[..., StopAt], name: str, changes: dict[str, Any],
    relative: int, stops: list[tuple[int, int]],
) -> None:  # fmt: skip
    """``relative`` counts stops from the end of the first epoch."""
    changes = {"training": {}, **changes}
    changes["training"] = {"train_steps": None, "epochs": 2, "checkpoint_every": 7} | changes[
        "training"
    ]
    whole, broken = outputs(make(**changes), "whole"), outputs(make(**changes), "broken")
    alone = whole.model_copy(
        update={"data": whole.data.model_copy(update={"num_workers": 0})}
    )  # how many prepare the data must not matter either
    assert train(alone, project) == 0
    total = list_checkpoints(Path(whole.training.output_dir))[0].step
    base = relative * total // 2
    for resumed, (step, passes) in enumerate(stops):
        asked = stop_at(base + step, passes)
        assert train(broken, project, resume=resumed > 0, stopping=asked) == 130
        newest = list_checkpoints(Path(broken.training.output_dir))[0]
        assert (newest.step, newest.passes) == (base + step, passes)
    assert train(broken, project, resume=True) == 0
    output = Path(broken.training.output_dir)
    assert contents(output, total) == contents(Path(whole.training.output_dir), total)
    assert not any(place.passes for place in list_checkpoints(output))


def test_a_trainer_is_made_as_its_config_says(make: Make, project: Path) -> None:
    training = {
        "train_steps": None, "epochs": 3, "warmup_steps": None, "warmup_ratio": 0.25,
        "gradient_accumulation_steps": 2, "checkpoint_every": 10, "weight_decay": 0.1,
    }  # fmt: skip
    config = make(training=training, data={"batch_size": 3})
    trainer = Trainer(config, project, Stopping())
    prepared = trainer.preparation.prepare()
    plan, state = trainer.build(prepared)
    batches = math.ceil(len(prepared.training) / 3)
    assert plan.per_epoch == math.ceil(batches / 2)
    assert plan.total == 3 * plan.per_epoch
    assert {10, plan.total} <= plan.saves <= {*range(10, plan.total, 10), plan.total}
    (group,) = state.optimizer.param_groups
    assert (group["weight_decay"], group["betas"]) == (0.1, (0.9, 0.999))
    warmup = plan.total // 4
    assert group["lr"] == 0 and state.scheduler.lr_lambdas[0](warmup) == 1
    assert state.scheduler.lr_lambdas[0](warmup - 1) < 1
    assert (state.step, state.epoch, state.sampler.batches_per_epoch) == (0, 0, batches)
    assert {p.device for p in state.model.parameters()} == {trainer.device}
    assert prepared.tokenizer.vocab_size <= state.model.config.vocab_size == 300


def test_batches_say_what_the_texts_say(make: Make, project: Path) -> None:
    """From raw texts to an epoch of batches, in the order of the file and shuffled."""
    texts = [*read_texts(project / "texts")]
    for shuffle in (False, True):
        preparation = Preparation(make(data={"shuffle": shuffle}), project, lambda _: None)
        prepared = preparation.prepare()
        sampler = ResumableSampler(len(prepared.training), 2, 42, shuffle=shuffle)
        data = preparation.dataset(prepared.training, prepared.tokenizer)
        stream = batch_stream(data, sampler, 0)
        batches = [next(stream) for _ in range(sampler.batches_per_epoch)]
        rows = [row for batch in batches for row in batch.labels.tolist()]
        assert {tuple(batch.input_ids.shape) for batch in batches[:-1]} == {(2, 16)}
        numbers = [n for place in range(len(batches)) for n in sampler.numbers(place)]
        assert (numbers == sorted(numbers)) is not shuffle
        ids = [i for _, row in sorted(zip(numbers, rows, strict=True)) for i in row if i >= 0]
        ends = [place for place, i in enumerate(ids) if i == prepared.tokenizer.eos_token_id]
        starts = [0, *(place + 1 for place in ends[:-1])]
        found = [prepared.tokenizer.decode(ids[a:b]) for a, b in zip(starts, ends, strict=True)]
        assert found == texts


def test_saving_changes_nothing(make: Make, project: Path) -> None:
    model = {"dropout": 0.2}
    often = outputs(make(model=model, training={"checkpoint_every": 1}), "often")
    never = outputs(make(model=model), "never")
    front = {"checkpoint_every": 2, "background_saving": False}
    front_config = outputs(make(model=model, training=front), "front")
    for config in (often, never, front_config):
        assert train(config, project) == 0
    ends = [contents(Path(c.training.output_dir), 6) for c in (often, never, front_config)]
    assert ends[0] == ends[1] == ends[2]
    assert len(list_checkpoints(Path(often.training.output_dir))) == 6


def test_a_checkpoint_has_everything(make: Make, project: Path) -> None:
    config = make(training={"checkpoint_schedule": [2, 5]})
    assert train(config, project) == 0
    output = Path(config.training.output_dir)
    assert [place.step for place in list_checkpoints(output)] == [6, 5, 2]
    place = output / "checkpoint-2"
    state = torch.load(place / "training_state.pt", weights_only=True)
    assert state.keys() >= UPSTREAM | {"sampler", "accumulation"}
    assert (state["global_step"], state["epoch"], state["sampler"]["used"]) == (2, 0, 2)
    metadata = json.loads((place / "metadata.json").read_text())
    assert metadata.keys() == {
        "experiment_name", "global_step", "epoch", "timestamp", "git_commit_hash", "config_hash",
        "training_config", "model_config",
    }  # fmt: skip
    assert (metadata["experiment_name"], metadata["global_step"]) == ("test", 2)
    assert read_manifest(place).config == recorded_config(config)


def test_restoring_puts_back_weights_optimizer_scheduler_and_random_numbers(
    make: Make, project: Path
) -> None:
    config = make(training={"checkpoint_every": 3, "use_amp": True, "amp_dtype": "fp16"})
    assert train(config, project) == 0
    trainer = Trainer(config, project, Stopping())
    _, state = trainer.build(trainer.preparation.prepare())
    place = Path(config.training.output_dir) / "checkpoint-3"
    set_seed(99)
    state.restore(place, read_manifest(place))
    saved = torch.load(place / "training_state.pt", weights_only=True)
    assert (state.step, state.sampler.used, state.scheduler.last_epoch) == (3, 3, 3)
    assert torch.equal(torch.get_rng_state(), saved["torch_random_state"])
    ours = state.optimizer.state_dict()
    assert ours["param_groups"] == saved["optimizer"]["param_groups"]
    assert ours["state"].keys() == saved["optimizer"]["state"].keys()
    for number, slots in saved["optimizer"]["state"].items():
        assert all(torch.equal(ours["state"][number][name], slots[name]) for name in slots)
    assert state.scaler.state_dict() == saved["amp_scaler"]
    from safetensors.torch import load_file

    for name, tensor in load_file(place / "model.safetensors").items():
        assert torch.equal(state.model.state_dict()[name], tensor)


def test_old_checkpoints_are_removed_when_asked(make: Make, project: Path) -> None:
    config = make(training={"checkpoint_every": 1, "keep_checkpoints": 2})
    assert train(config, project) == 0
    assert [p.step for p in list_checkpoints(Path(config.training.output_dir))] == [6, 5]


def test_resuming_without_a_checkpoint_starts_at_step_0(
    make: Make, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make(training={"train_steps": 2})
    assert train(config, project, resume=True) == 0
    assert "No checkpoint to resume from; starting at step 0" in capsys.readouterr().out
    assert train(config, project, resume=True) == 0
    assert "Resuming from step 2" in capsys.readouterr().out


def test_a_broken_checkpoint_is_passed_over_and_the_end_is_the_same(
    make: Make, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make(training={"checkpoint_every": 3})
    assert train(config, project) == 0
    output = Path(config.training.output_dir)
    before = contents(output, 6)
    (output / "checkpoint-6" / "training_state.pt").write_bytes(b"torn")
    assert train(config, project, resume=True) == 0
    printed = capsys.readouterr().out
    assert "Passed over:" in printed and "Resuming from step 3" in printed
    assert contents(output, 6) == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"training": {"learning_rate": 0.5}}, "learning_rate is 0.5 and was 0.01"),
        ({"model": {"layers": 2}}, "model.layers is 2 and was 1"),
        ({"random_seed": 7}, "random_seed is 7 and was 42"),
        ({"training": {"train_steps": 9}}, "train_steps is 9 and was 6"),
    ],
)
def test_a_checkpoint_of_another_config_is_refused(
    make: Make, project: Path, changes: dict[str, Any], words: str
) -> None:
    assert train(make(), project) == 0
    with pytest.raises(SubjectError, match=words):
        train(make(**changes), project, resume=True)


def test_a_checkpoint_of_other_data_is_refused(make: Make, project: Path, tmp_path: Path) -> None:
    assert train(make(), project) == 0
    other = tmp_path / "other"
    shutil.copytree(project, other)
    with (other / "texts" / "stories.jsonl").open("a") as file:
        file.write(json.dumps({"text": "One more sentence that was not there before."}) + "\n")
    with pytest.raises(SubjectError, match="is of other data"):
        train(make(), other, resume=True)


def test_a_tokenizer_of_another_vocabulary_is_refused(make: Make, project: Path) -> None:
    with pytest.raises(SubjectError, match="vocab_size is 100: it is another one"):
        train(make(tokenizer={"vocab_size": 100}), project)


def test_an_empty_corpus_and_a_missing_one_are_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match="does not exist"):
        train(make(), tmp_path)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("\n\n")
    with pytest.raises(SubjectError, match="corpus is empty"):
        train(make(), tmp_path)


def test_a_single_short_document_trains(make: Make, tmp_path: Path, project: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("bell\n")
    shutil.copytree(project / "tokenizer", tmp_path / "tokenizer")
    assert train(make(training={"train_steps": 2, "warmup_steps": 0}), tmp_path) == 0


def test_a_missing_test_corpus_is_told_and_no_error(
    make: Make, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(make(data={"test_corpus": "nowhere"}, training={"train_steps": 2}), project) == 0
    assert "nowhere does not exist; nothing is evaluated" in capsys.readouterr().out


def test_tokens_follow_a_changed_corpus_and_foreign_ones_stay(make: Make, project: Path,
                                                             tmp_path: Path) -> None:  # fmt: skip
    shutil.copytree(project, tmp_path / "p")
    preparation = Preparation(make(), tmp_path / "p", lambda _: None)
    before = preparation.prepare().training.info
    with (tmp_path / "p" / "texts" / "stories.jsonl").open("a") as file:
        file.write(json.dumps({"text": "One more."}) + "\n")
    after = preparation.prepare().training.info
    assert after.tokens > before.tokens
    (preparation.paths.tokenized / "foundry_source.json").unlink()
    shutil.rmtree(tmp_path / "p" / "texts")
    assert preparation.prepare().training.info == after


def test_an_error_is_in_the_log(make: Make, project: Path) -> None:
    config = make(training={"learning_rate": 10, "max_grad_norm": None, "train_steps": 6})
    object.__setattr__(config.training, "learning_rate", 1e30)
    with pytest.raises(SubjectError, match="not a finite number"):
        train(config, project)
    log = Path(config.training.output_dir) / "logs" / "test.log"
    assert "ERROR" in log.read_text() and "not a finite number" in log.read_text()


def test_the_surroundings_are_noted(make: Make, project: Path) -> None:
    config = make(training={"train_steps": 1, "warmup_steps": 0})
    assert train(config, project) == 0
    noted = json.loads((Path(config.training.output_dir) / "environment.json").read_text())
    assert noted["device"] == "cpu"
    assert noted["packages"]["torch"] == importlib.metadata.version("torch")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("kind", ["bf16", "fp16"])
def test_on_a_gpu_it_resumes_to_the_bit(
    make: Make, project: Path, stop_at: Callable[..., StopAt], kind: str
) -> None:
    changes = {"use_amp": True, "amp_dtype": kind, "device": "cuda", "train_steps": 12}
    config = make(training=changes, model={"dropout": 0.2})
    whole, broken = outputs(config, "whole"), outputs(config, "broken")
    try:
        assert train(whole, project) == 0
        assert train(broken, project, stopping=stop_at(5)) == 130
        assert train(broken, project, resume=True) == 0
    finally:
        torch.use_deterministic_algorithms(False)
    names = [Path(c.training.output_dir) for c in (broken, whole)]
    assert contents(names[0], 12) == contents(names[1], 12)
