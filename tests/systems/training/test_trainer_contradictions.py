"""Files of a checkpoint that tell different steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from proofbook_systems.training.contradictions import find_contradictions
from proofbook_systems.training.layouts import Checkpoint


def checkpoint(folder: Path, notes: dict[str, object], state: dict[str, object]) -> Checkpoint:
    place = folder / "checkpoint-10"
    place.mkdir()
    (place / "metadata.json").write_text(json.dumps(notes))
    torch.save(state, place / "state.pt")
    return Checkpoint(10, place)


def test_two_files_that_tell_different_steps_are_named(tmp_path: Path) -> None:
    found = find_contradictions([checkpoint(tmp_path, {"global_step": 9}, {"global_step": 10})])
    assert found == ["checkpoint-10: of global_step metadata.json says 9, and state.pt says 10"]


@pytest.mark.parametrize(
    ("notes", "state"),
    [
        ({"global_step": 10}, {"global_step": 10}),
        ({"global_step": 9}, {"global_step": 9}),
        ({"global_step": 10}, {"step": 0}),
        ({"global_step": 10, "epoch": 0.5}, {"epoch": 1}),
        ({}, {"global_step": 10}),
    ],
    ids=["the same", "counted from 0", "another counter", "epochs", "one alone"],
)
def test_files_that_count_alike_agree(
    notes: dict[str, object], state: dict[str, object], tmp_path: Path
) -> None:
    assert find_contradictions([checkpoint(tmp_path, notes, state)]) == []
