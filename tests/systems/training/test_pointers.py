"""A save that ends with a file without a number is over when that is written, too."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from proofbook_systems.training.controls import Control
from proofbook_systems.training.layouts import find_checkpoints
from proofbook_systems.training.pointers import torn_save, unfinished_save
from proofbook_systems.training.running import Ended
from proofbook_systems.training.saving import Change, Kind
from proofbook_systems.training.steps import Step
from proofbook_systems.training.trainer import Trainer

WHOLE = save({"w": np.ones(2)})
EACH = ["step_4", "last", "step_8", "last", "step_12", "last"]
FIRST = ["last", "step_4", "last", "step_8", "last", "step_12"]
BEST = ["step_4", "last", "step_8", "step_12", "last"]
NONE = ["step_4", "step_8", "step_12"]


def alone(folder: Path, order: list[str], kind: Kind) -> Control:
    folder.mkdir()
    changes = [Change(float(n), kind, f"{name}.safetensors") for n, name in enumerate(order)]
    ended = Ended(
        code=0, state="exited with code 0", steps=[Step(14, None, None)], printed="", seconds=1.0
    )
    trainer = Trainer(train=(), resume=(), config_file=None, project=folder, steps=14)
    return Control(trainer=trainer, output=folder, ended=ended, changes=changes)


def write(path: Path, second: int, content: bytes = WHOLE) -> None:
    path.write_bytes(content)
    os.utime(path, (second, second))


@pytest.mark.parametrize(
    ("order", "last", "kind", "unfinished"),
    [
        (EACH, 3, "closed", 8),  # that of step 4
        (EACH, None, "moved here", 8),  # removed, to be written anew
        (EACH, 6, "closed", None),
        (FIRST, 3, "closed", None),  # it says nothing of the files that come after it
        (BEST, 3, "closed", None),  # it is not written each time
        (NONE, 3, "closed", None),
    ],
)
def test_a_save_is_over_when_its_last_file_is_written(
    order: list[str], last: int | None, kind: Kind, unfinished: int | None, tmp_path: Path
) -> None:
    control = alone(tmp_path / "alone", order, kind)
    for number in (4, 8):
        write(tmp_path / f"step_{number}.safetensors", number)
    write(tmp_path / "step_12.safetensors", 9, WHOLE[:9])  # torn, and none to go on from
    if last is not None:
        write(tmp_path / "last.safetensors", last + 3)
    listed = find_checkpoints(tmp_path)
    assert unfinished_save(control, tmp_path, listed) == unfinished


def test_a_link_to_the_newest_checkpoint_ends_a_save_too(tmp_path: Path) -> None:
    control = alone(tmp_path / "alone", EACH, "created")
    for number in (4, 8):
        write(tmp_path / f"step_{number}.safetensors", number)
    link = tmp_path / "last.safetensors"
    link.symlink_to("step_4.safetensors")
    os.utime(link, (5, 5), follow_symlinks=False)
    assert unfinished_save(control, tmp_path, find_checkpoints(tmp_path)) == 8
    os.utime(link, (9, 9), follow_symlinks=False)
    assert unfinished_save(control, tmp_path, find_checkpoints(tmp_path)) is None


@pytest.mark.parametrize(
    ("files", "step"),
    [
        ({"step_8/model.pt": WHOLE, "step_8/config.json": b"{}"}, None),
        ({"step_8/model.pt": WHOLE}, 8),  # its config was to be copied beside it
        ({"step_9/model.pt": WHOLE}, None),  # one that is made for a signal may be another one
        ({}, None),
    ],
)
def test_a_save_that_was_stopped_by_chance_has_left_a_part_of_its_files(
    files: dict[str, bytes], step: int | None, tmp_path: Path
) -> None:
    for number in (4, 8):
        for name in ("model.safetensors", "config.json"):
            place = tmp_path / "alone" / f"step_{number}" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(WHOLE if "model" in name else b"{}")
    made = alone(tmp_path / "made", [], "closed")
    control = replace(made, output=tmp_path / "alone")
    for place, content in files.items():
        path = tmp_path / "killed" / place.replace(".pt", ".safetensors")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert torn_save(control, find_checkpoints(tmp_path / "killed")) == step
