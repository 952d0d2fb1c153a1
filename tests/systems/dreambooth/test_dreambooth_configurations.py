"""A changed configuration is trained as it stands; subjects that are not there are one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from proofbook.errors import SubjectError
from proofbook_systems.dreambooth.subjects import change_config, find_subject

TOY = Path(__file__).parents[1] / "training" / "toy_trainer.py"


def test_a_changed_configuration_is_trained(run_cells: Callable[..., Any], tmp_path: Path) -> None:
    config = tmp_path / "toy.yaml"
    config.write_text(yaml.safe_dump({"learning_rate": 0.1, "kept": True}))
    words = [sys.executable, str(TOY), "{output_dir}", "{steps}"]
    given = {
        "config": str(config), "train_command": words, "checkpoint_files": ["model.safetensors"],
        "log_file": "log.jsonl", "changes": {"learning_rate": "5e-6"},
    }  # fmt: skip
    found = run_cells("dreambooth/configurations", **given)
    assert found.red == []
    changed = yaml.safe_load((tmp_path / "toy_changed.yaml").read_text())
    assert changed == {"learning_rate": 5e-6, "kept": True}
    (tmp_path / "job" / "work" / "model" / "model_index.json").unlink()
    lacking = {**given, "train_command": [*words, "modelless"]}
    assert run_cells("dreambooth/configurations", **lacking).red == ["model-is-there"]


def test_subjects_that_are_not_there_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match=r"^config gone\.yaml does not exist"):
        find_subject("gone.yaml", "", tmp_path)
    config = tmp_path / "c.yaml"
    config.write_text("- 1\n")
    with pytest.raises(SubjectError, match="is not a table of keys and values"):
        change_config(find_subject(str(config), "", tmp_path), {}, tmp_path)
    with pytest.raises(SubjectError, match=r"^project \S+none does not exist; give the folder"):
        find_subject(str(config), str(tmp_path / "none"), tmp_path)
