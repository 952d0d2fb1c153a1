"""Steps that a resumption makes again, in the files that tell them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from proofbook_systems.training.told_twice import told_twice, why_twice_unknown


def logs(folder: Path, steps: Sequence[int], name: str = "logs/train.jsonl") -> Path:
    lines = [json.dumps({"step": step, "loss": 1.0 / step, "lr": 0.1}) for step in steps]
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def test_steps_that_a_resumption_tells_again_are_named(tmp_path: Path) -> None:
    alone = logs(tmp_path / "alone", range(1, 7))
    resumed = logs(tmp_path / "resumed", [1, 2, 3, 4, 3, 4, 5, 6])
    assert told_twice(alone, resumed) == [
        "logs/train.jsonl has step 3 2 times; so it has 2 of 6 steps"
    ]
    assert why_twice_unknown(alone) == ""


@pytest.mark.parametrize("resumed", [range(1, 7), [1, 2, 5, 6]], ids=["cut", "thrown away"])
def test_a_log_that_tells_each_step_once_is_right(tmp_path: Path, resumed: Sequence[int]) -> None:
    alone = logs(tmp_path / "alone", range(1, 7))
    assert told_twice(alone, logs(tmp_path / "resumed", resumed)) == []


def test_a_log_with_several_lines_of_a_step_is_not_asked(tmp_path: Path) -> None:
    alone = logs(tmp_path / "alone", [1, 1, 2, 2])
    assert told_twice(alone, logs(tmp_path / "resumed", [1, 1, 2, 1, 1, 2, 2])) == []
    assert why_twice_unknown(alone) == "no file of its output folder tells a step once"


def test_a_file_for_each_start_has_each_step_once(tmp_path: Path) -> None:
    alone = logs(tmp_path / "alone", range(1, 7), "first.jsonl")
    resumed = logs(logs(tmp_path / "resumed", [1, 2, 3], "first.jsonl"), [3, 4], "second.jsonl")
    assert told_twice(alone, resumed) == []
