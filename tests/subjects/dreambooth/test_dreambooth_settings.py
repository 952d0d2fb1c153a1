"""A configuration is read strictly, and a mistake in it is one line with file and line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proofbook.errors import ProfileError, SubjectError
from proofbook_subjects.dreambooth.settings import differences, load_settings

GOOD = """\
base_model: runwayml/stable-diffusion-v1-5
instance_data_dir: images
instance_prompt: a photo of sks dog
output_dir: models/dreambooth_butcher
learning_rate: 5e-6
"""


def write(folder: Path, *lines: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(GOOD + "".join(f"{line}\n" for line in lines))
    return path


def test_the_checklists_rate_is_a_number(tmp_path: Path) -> None:
    found = load_settings(write(tmp_path), {"max_train_steps": 7})
    assert (found.learning_rate, found.max_train_steps) == (5e-6, 7)
    assert load_settings(write(tmp_path, "revision: null")).revision is None


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("resolutoin: 512", "config.yaml:6: unknown key 'resolutoin'; did you mean 'resolution'?"),
        ("zzz: 1", "config.yaml:6: unknown key 'zzz'; see the README"),
        ("resolution: wide", "config.yaml:6: resolution: Input should be a valid integer"),
        ("train_batch_size: 0", "config.yaml:6: train_batch_size: Input should be greater than"),
        ("mixed_precision: fp8", "config.yaml:6: mixed_precision: Input should be 'no', 'fp16'"),
        ("with_prior_preservation: true", "Value error, with_prior_preservation needs class_data"),
        ("seed: [1", "not YAML"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(ProfileError, match=re.escape(problem)) as caught:
        load_settings(write(tmp_path, line))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing_or_no_table_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match=r"^config \S+none does not exist; give the trainer's"):
        load_settings(tmp_path / "none")
    path = tmp_path / "list.yaml"
    path.write_text("- 1\n")
    with pytest.raises(ProfileError, match="a config is a table of keys and values"):
        load_settings(path)


def test_what_makes_another_run_is_said(tmp_path: Path) -> None:
    ours = load_settings(write(tmp_path))
    theirs = ours.model_dump(mode="json")
    assert differences(ours, theirs) == []
    longer = {**theirs, "max_train_steps": 1200, "output_dir": "elsewhere"}
    assert differences(ours, longer) == []
    other = {**theirs, "learning_rate": 1e-5, "resolution": 768}
    assert differences(ours, other) == [
        "learning_rate is 5e-06 and was 1e-05", "resolution is 512 and was 768"]  # fmt: skip
    cosine = load_settings(write(tmp_path, "lr_scheduler: cosine"))
    shorter = {**cosine.model_dump(mode="json"), "max_train_steps": 5}
    assert differences(cosine, shorter) == ["max_train_steps is 800 and was 5"]
