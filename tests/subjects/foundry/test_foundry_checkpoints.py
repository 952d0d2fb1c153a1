"""A checkpoint is whole or not there, is found, and holds everything that a training needs."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import HANG

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.checkpoints import files, folders, saving
from proofbook_subjects.foundry.checkpoints.folders import (
    find_checkpoint,
    list_checkpoints,
    read_manifest,
    remove_old,
    sweep,
    write_checkpoint,
)
from proofbook_subjects.foundry.checkpoints.saving import Saver
from proofbook_subjects.foundry.checkpoints.schedules import generate_schedule, schedule_for
from proofbook_subjects.foundry.checkpoints.snapshots import Snapshot, copied
from proofbook_subjects.foundry.config import TrainingConfig


def snapshot(step: int, weights: torch.Tensor | None = None, passes: int = 0) -> Snapshot:
    tensor = torch.full((5,), float(step)) if weights is None else weights
    return Snapshot(
        step=step, passes=passes, weights={"w": tensor},
        state={"optimizer": {"state": {0: {"exp_avg": tensor}}}, "global_step": step},
        texts={"config.json": b"{}", "metadata.json": b"{}"}, config={"random_seed": 1},
    )  # fmt: skip


def test_a_checkpoint_is_read_back(tmp_path: Path) -> None:
    place = write_checkpoint(tmp_path, snapshot(3))
    manifest = read_manifest(place)
    assert (manifest.step, manifest.passes, manifest.config) == (3, 0, {"random_seed": 1})
    assert set(manifest.files) == {
        "config.json", "metadata.json", "model.safetensors", "training_state.pt",
    }  # fmt: skip
    state = torch.load(place / "training_state.pt", weights_only=True)
    assert state["global_step"] == 3
    sums = (place / "manifest.json.sha256").read_text().split()
    assert sums[0] == hashlib.sha256((place / "manifest.json").read_bytes()).hexdigest()


def test_the_newest_is_found_by_number_and_not_by_name(tmp_path: Path) -> None:
    for step in (9, 10, 2):
        write_checkpoint(tmp_path, snapshot(step))
    write_checkpoint(tmp_path, snapshot(10, passes=2))
    (tmp_path / "checkpoint-x").mkdir()
    (tmp_path / "checkpoint-99").write_text("a file")
    assert [(p.step, p.passes) for p in list_checkpoints(tmp_path)] == [
        (10, 2), (10, 0), (9, 0), (2, 0),
    ]  # fmt: skip
    assert find_checkpoint(tmp_path) == (tmp_path / "checkpoint-10.2", [])
    assert find_checkpoint(tmp_path / "none") == (None, [])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


NAMES = ("model.safetensors", "training_state.pt", "config.json", "manifest.json",
         "manifest.json.sha256")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spoil", [Path.unlink, cut, flip], ids=["gone", "cut", "flipped"])
def test_a_broken_one_is_passed_over_with_its_reason(
    tmp_path: Path, name: str, spoil: Callable[[Path], None]
) -> None:
    for step in (1, 2):
        write_checkpoint(tmp_path, snapshot(step))
    spoil(tmp_path / "checkpoint-2" / name)
    found, reasons = find_checkpoint(tmp_path)
    assert found == tmp_path / "checkpoint-1"
    assert len(reasons) == 1 and "checkpoint-2" in reasons[0]


def test_a_renamed_one_is_passed_over(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, snapshot(1)).rename(tmp_path / "checkpoint-5")
    assert find_checkpoint(tmp_path)[0] is None
    with pytest.raises(SubjectError, match="it was renamed"):
        read_manifest(tmp_path / "checkpoint-5")


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("moment", range(12))
def test_killed_at_any_moment_the_earlier_or_the_new_one_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    write_checkpoint(tmp_path, snapshot(1))
    write_checkpoint(tmp_path, snapshot(2))
    left = [moment]

    def interrupted(work: Callable[..., Any]) -> Callable[..., Any]:
        def act(*arguments: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return work(*arguments, **more)

        return act

    # A kill tidies nothing up, and can come before each change of the disk.
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    for owner, name in ((files, "sync"), (folders, "sync"), (Path, "rename")):
        monkeypatch.setattr(owner, name, interrupted(getattr(owner, name)))
    for step in (2, 3):
        try:
            write_checkpoint(tmp_path, snapshot(step))
        except Killed:
            break
    monkeypatch.undo()
    sweep(tmp_path)
    found, _ = find_checkpoint(tmp_path)
    assert found is not None and read_manifest(found).step in (2, 3)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_one_that_is_written_again_replaces_the_first(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, snapshot(1))
    write_checkpoint(tmp_path, snapshot(1, torch.zeros(9)))
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-1"]
    read_manifest(tmp_path / "checkpoint-1")


@pytest.mark.parametrize("background", [True, False])
def test_a_full_disk_is_named_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, background: bool
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    saver = Saver(tmp_path, lambda _: None, background=background)
    saver.save(snapshot(1))
    saver.finish()
    monkeypatch.setattr(folders, "write_torch", full)
    with pytest.raises(SubjectError, match="No space left on device; earlier ones are"):
        saver.save(snapshot(2))
        saver.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-1"]


def test_what_torch_hides_about_a_disk_is_told() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(OSError) as caught:
        files.write_torch(full, {"w": torch.zeros(100_000)})
    assert caught.value.errno == errno.ENOSPC


def test_what_changes_after_the_release_is_not_in_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_write, weights, said = threading.Event(), torch.zeros(5), []
    write = saving.write_checkpoint

    def later(*arguments: Any) -> Path:
        may_write.wait(HANG)
        return write(*arguments)

    monkeypatch.setattr(saving, "write_checkpoint", later)
    saver = Saver(tmp_path, said.append)
    saver.reserve(snapshot(1, weights))
    saver.save(snapshot(1, weights))
    saver.release()
    weights.fill_(9)
    may_write.set()
    saver.finish()
    state = torch.load(tmp_path / "checkpoint-1" / "training_state.pt", weights_only=True)
    assert state["optimizer"]["state"][0]["exp_avg"].tolist() == [0.0] * 5
    assert said == [f"Saved checkpoint: {tmp_path / 'checkpoint-1'}"]
    assert saver.last == (1, 0)


def test_a_copy_shares_nothing_and_reuses_what_fits() -> None:
    value = {"a": [torch.ones(3), (1, "x")], "b": torch.zeros(2)}
    first = copied(value)
    value["a"][0].fill_(5)  # type: ignore[index]
    assert first["a"][0].tolist() == [1, 1, 1] and first["a"][1] == (1, "x")
    second = copied(value, first)
    assert second["a"][0] is first["a"][0] and second["a"][0].tolist() == [5, 5, 5]
    assert copied({"a": torch.ones(4)}, first)["a"].shape == (4,)


def test_old_ones_are_removed_and_stops_within_earlier_steps(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, snapshot(1, passes=2))
    for step in (1, 2, 3):
        write_checkpoint(tmp_path, snapshot(step))
    removed = remove_old(tmp_path, 2)
    assert sorted(path.name for path in removed) == ["checkpoint-1", "checkpoint-1.2"]
    write_checkpoint(tmp_path, snapshot(3, passes=1))
    assert remove_old(tmp_path, None) == []
    assert len([*tmp_path.iterdir()]) == 3


def training(**values: Any) -> TrainingConfig:
    given = {"output_dir": "o", "learning_rate": 1.0, "epochs": 2}
    return TrainingConfig.model_validate(given | values)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    per_epoch=st.integers(1, 400), epochs=st.integers(1, 6), extra=st.integers(0, 50),
    spacing=st.sampled_from(["log", "linear"]), interval=st.integers(1, 200),
    first=st.integers(1, 30), least=st.integers(1, 9), base=st.floats(1.1, 4),
)  # fmt: skip
def test_a_schedule_rises_ends_with_the_last_step_and_keeps_its_promises(
    per_epoch: int, epochs: int, extra: int, spacing: str, interval: int, first: int, least: int,
    base: float,
) -> None:  # fmt: skip
    total = max(1, per_epoch * epochs - extra)
    config = training(
        subsequent_epochs_spacing=spacing, min_checkpoint_interval=interval, log_base=base,
        first_epoch_checkpoints=first, min_checkpoints_per_epoch=least,
    )  # fmt: skip
    steps = generate_schedule(config, total, per_epoch)
    assert [*steps] == sorted({*steps}) and steps[0] >= 1 and steps[-1] == total
    in_first = [step for step in steps if step <= min(per_epoch, total)]
    assert len(in_first) == min(first, per_epoch, total)
    for epoch in range(1, total // per_epoch):
        within = [s for s in steps if epoch * per_epoch < s <= (epoch + 1) * per_epoch]
        assert len(within) >= min(least, per_epoch)


def test_distances_grow_by_the_base_or_stay() -> None:
    grown = generate_schedule(
        training(first_epoch_checkpoints=1, min_checkpoint_interval=10, log_base=2.0,
                 min_checkpoints_per_epoch=1), 1000, 10)  # fmt: skip
    assert grown[:4] == (10, 20, 30, 40)  # an epoch of 10 steps keeps at least one
    wide = training(first_epoch_checkpoints=10, min_checkpoint_interval=10, log_base=2.0,
                    min_checkpoints_per_epoch=1)  # fmt: skip
    assert generate_schedule(wide, 300, 100)[10:] == (110, 130, 170, 250, 300)
    even = training(first_epoch_checkpoints=2, subsequent_epochs_spacing="linear",
                    linear_interval=30, min_checkpoint_interval=1,
                    min_checkpoints_per_epoch=2)  # fmt: skip
    assert generate_schedule(even, 200, 100) == (50, 100, 130, 160, 190, 200)


def test_steps_to_save_at_are_those_of_all_that_asks() -> None:
    assert schedule_for(training(), 10, 5) == {10}
    assert schedule_for(training(checkpoint_schedule=[2, 40]), 10, 5) == {2, 10}
    assert schedule_for(training(checkpoint_every=4, checkpoint_schedule=[1]), 10, 5) == {
        1, 4, 8, 10,
    }  # fmt: skip
    auto = training(auto_generate_checkpoints=True, first_epoch_checkpoints=2)
    assert {3, 5} <= schedule_for(auto, 10, 5)
    given = training(auto_generate_checkpoints=True, checkpoint_schedule=[2])
    assert schedule_for(given, 10, 5) == {2, 10}


def test_a_manifest_of_another_kind_is_refused(tmp_path: Path) -> None:
    place = write_checkpoint(tmp_path, snapshot(1))
    values = json.loads((place / "manifest.json").read_text())
    (place / "manifest.json").write_text(json.dumps(values | {"format": 2}))
    with pytest.raises(SubjectError, match="has changed"):
        read_manifest(place)
