"""A training stops anywhere and goes on exactly; what is in its way is one line."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from proofbook.errors import SubjectError
from proofbook_subjects.dreambooth import loop
from proofbook_subjects.dreambooth.checkpoints import (
    find_checkpoint,
    list_checkpoints,
    read_manifest,
)
from proofbook_subjects.dreambooth.data import Pictures, find_pictures, load_batches
from proofbook_subjects.dreambooth.infer import generate
from proofbook_subjects.dreambooth.infer import main as infer
from proofbook_subjects.dreambooth.progress import Progress
from proofbook_subjects.dreambooth.randomness import derive_seed, permutation
from proofbook_subjects.dreambooth.settings import Settings
from proofbook_subjects.dreambooth.train import main as train_command

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

Make = Callable[..., Settings]
FILES = ["model.safetensors", "optimizer.bin", "scheduler.bin", "random_states_0.pkl"]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    from accelerate.state import AcceleratorState

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    AcceleratorState._reset_state(reset_partial_state=True)  # a process trains once
    yield
    torch.set_num_threads(before)


def same_checkpoints(ours: Path, theirs: Path, step: int) -> bool:
    names = [*FILES, *(p.name for p in (theirs / f"checkpoint-{step}").glob("model_*"))]
    return all(
        (ours / f"checkpoint-{step}" / name).read_bytes()
        == (theirs / f"checkpoint-{step}" / name).read_bytes()
        for name in names
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"gradient_accumulation_steps": 2, "num_dataloader_workers": 2, "random_flip": True},
        {"train_text_encoder": True, "lr_scheduler": "cosine", "lr_warmup_steps": 2},
        {"mixed_precision": "bf16", "gradient_checkpointing": True, "center_crop": True},
    ],
    ids=["plain", "accumulated", "text-encoder", "bf16"],
)
def test_resumed_it_is_the_same_to_the_bit(
    settings: Make, tmp_path: Path, changes: dict[str, Any]
) -> None:
    lengths = {"max_train_steps": 24, "checkpointing_steps": 12}
    whole = settings(**lengths, **changes, output_dir=tmp_path / "whole")
    broken = settings(**lengths, **changes, output_dir=tmp_path / "broken")
    assert loop.train(whole) == 0
    interrupt_after(broken, 4)
    assert 4 <= list_checkpoints(broken.output_dir)[0][0] < 24
    assert loop.train(broken, resume=True) == 0
    assert same_checkpoints(broken.output_dir, whole.output_dir, 24)
    unet = "unet/diffusion_pytorch_model.safetensors"
    assert (broken.output_dir / unet).read_bytes() == (whole.output_dir / unet).read_bytes()
    assert losses(broken) == losses(whole)


def losses(settings: Settings) -> list[tuple[int, float, float]]:
    lines = (settings.output_dir / "logs" / "train_log.jsonl").read_text().splitlines()
    return [(r["step"], r["loss"], r["lr"]) for r in map(json.loads, lines)]


def interrupt_after(settings: Settings, step: int, signum: int = signal.SIGINT) -> None:
    """Train, and have this process sent a signal once that step is in the log."""
    usual = Progress.step

    def tell(self: Progress, number: int, loss: float, lr: float) -> None:
        usual(self, number, loss, lr)
        if number == step:
            os.kill(os.getpid(), signum)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Progress, "step", tell)
        assert loop.train(settings) == 128 + signum


@pytest.mark.exhaustive
def test_a_signal_during_a_validation_loses_nothing(
    settings: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings(validation_prompts=["x"], validation_steps=2, checkpointing_steps=100)
    real = loop.validate

    def interrupted(*arguments: Any) -> Path:
        os.kill(os.getpid(), signal.SIGINT)
        return real(*arguments)

    monkeypatch.setattr(loop, "validate", interrupted)
    assert loop.train(given) == 130
    assert [step for step, _ in list_checkpoints(given.output_dir)] == [2]


@pytest.mark.exhaustive
def test_a_polite_signal_loses_nothing(settings: Make) -> None:
    given = settings(checkpointing_steps=100, max_train_steps=50)
    interrupt_after(given, 2, signal.SIGTERM)
    (found, path), *_ = list_checkpoints(given.output_dir)
    assert found == losses(given)[-1][0]
    assert set(FILES) <= set(read_manifest(path).files)


@pytest.mark.exhaustive
def test_checkpoints_validations_and_a_model_come_when_they_are_due(
    settings: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = settings(
        validation_prompts=["a photo of sks mouse", "b"], with_prior_preservation=True,
        class_data_dir=tmp_path / "class", class_prompt="a photo of an animal", num_class_images=2,
    )  # fmt: skip
    assert loop.train(given) == 0
    out = given.output_dir
    assert [step for step, _ in list_checkpoints(out)] == [6, 3]
    for step in (3, 6):
        assert len(list((out / f"validation-{step}").glob("*.png"))) == 2
    info = json.loads((out / "model_info.json").read_text())
    assert (info["character"], info["training_steps"]) == ("out", 6)
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "class").iterdir()}
    assert len(made) == 2
    (longer,) = generate(out, "a photo of sks mouse", tmp_path / "drawn", number=1, steps=2)
    assert Image.open(longer).size == (32, 32)
    assert infer(["--model", str(out), "--prompt", "x", "--steps", "1", "--num", "2",
                  "--output", str(tmp_path / "drawn")]) == 0  # fmt: skip
    capsys.readouterr()
    assert loop.train(given.model_copy(update={"max_train_steps": 7}), resume=True) == 0
    assert "Resuming from step 6" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "class").iterdir()} == made


@pytest.mark.exhaustive
def test_a_broken_checkpoint_is_passed_over_and_said_so(
    settings: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    given = settings()
    assert loop.train(given) == 0
    newest = given.output_dir / "checkpoint-6"
    data = bytearray((newest / "optimizer.bin").read_bytes())
    data[len(data) // 2] ^= 1
    (newest / "optimizer.bin").write_bytes(data)
    found, passed_over = find_checkpoint(given.output_dir)
    assert found == given.output_dir / "checkpoint-3"
    assert "optimizer.bin has changed since it was written" in passed_over[0]
    capsys.readouterr()
    assert loop.train(given, resume=True) == 0
    said = capsys.readouterr().out
    assert "Passed over: " in said and "Resuming from step 3" in said
    assert read_manifest(newest).step == 6


@pytest.mark.exhaustive
def test_another_run_and_another_model_are_refused(settings: Make, tmp_path: Path) -> None:
    given = settings(max_train_steps=3)
    assert loop.train(given) == 0
    with pytest.raises(
        SubjectError, match=r"is of another run: learning_rate is 0\.5 and was 0\.001"
    ):
        loop.train(settings(max_train_steps=3, learning_rate=0.5), resume=True)
    with pytest.raises(SubjectError, match=r"has no manifest\.json: it is not complete"):
        loop.train(given, resume_from=tmp_path)


@pytest.mark.exhaustive
def test_a_full_disk_leaves_earlier_checkpoints_as_they_were(
    settings: Make, mount_disk: Callable[[str], Path]
) -> None:
    given = settings(output_dir=mount_disk("size=34m") / "out", checkpointing_steps=2)
    with pytest.raises(SubjectError, match=r"cannot be written to \S+: No space left on dev"):
        loop.train(given)
    assert [step for step, _ in list_checkpoints(given.output_dir)] == [2]
    assert set(FILES) <= set(read_manifest(given.output_dir / "checkpoint-2").files)
    assert not list(given.output_dir.glob(".partial*"))


def test_out_of_memory_is_one_line(settings: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_much(*_: object) -> None:
        torch.empty(1 << 50)

    monkeypatch.setattr(loop, "_make_step", too_much)
    with pytest.raises(SubjectError, match=r"^out of memory; lower the resolution or the batch"):
        loop.train(settings())


def test_8_bit_adam_needs_its_package(settings: Make) -> None:
    with pytest.raises(SubjectError, match=r"^use_8bit_adam needs the package bitsandbytes; "):
        loop.train(settings(use_8bit_adam=True))


def test_a_base_that_is_none_is_one_line(settings: Make, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SubjectError, match=r"^base_model \S+empty: its \w+ cannot be loaded"):
        loop.train(settings(base_model=str(tmp_path / "empty")))


def test_the_command_ends_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_command(["--config", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err.startswith("train: config ")
    assert infer(["--model", str(tmp_path), "--prompt", "x"]) == 1
    assert "has no model_index.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("files", "problem"),
    [([], "has no pictures; give at least 2"), (["a.png"], "has 1 picture; give at least 2"),
     (["a.png", "b.txt"], "has 1 picture;"), (["a.png", "broken.png"], "cannot be read as a pict")],
)  # fmt: skip
def test_pictures_that_cannot_be_learnt_from_are_one_line(
    tmp_path: Path, files: list[str], problem: str
) -> None:
    for name in files:
        if name.startswith("broken"):
            (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\nno")
        else:
            Image.new("RGB", (8, 8)).save(tmp_path / name.replace(".txt", ".png"))
            if name.endswith(".txt"):
                (tmp_path / name.replace(".txt", ".png")).rename(tmp_path / name)
    with pytest.raises(SubjectError, match=problem):
        find_pictures(tmp_path)


def test_batches_do_not_depend_on_workers_or_on_where_they_begin(
    settings: Make, images: Path
) -> None:
    given = settings(random_flip=True)
    pictures = Pictures(given, find_pictures(images), find_pictures(images)[:2])
    alone = load_batches(pictures, given, 0)
    expected = [next(alone) for _ in range(6)]
    later = load_batches(pictures, given, 3)
    workers = load_batches(pictures, given.model_copy(update={"num_dataloader_workers": 2}), 3)
    for wanted in expected[3:]:
        for found in (next(later), next(workers)):
            assert all(torch.equal(found[kind], wanted[kind]) for kind in ("instance", "class"))
    assert not torch.equal(expected[0]["instance"], expected[1]["instance"])


def test_every_epoch_has_every_picture_in_another_order() -> None:
    orders = [permutation(7, "instance", 1, epoch) for epoch in range(4)]
    assert all(sorted(order) == list(range(7)) for order in orders)
    assert len({tuple(order) for order in orders}) > 1
    assert derive_seed("a", 1) == derive_seed("a", 1) != derive_seed("a", 2)
