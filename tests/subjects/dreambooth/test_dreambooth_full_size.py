"""The full-size model is that of the published sizes, and loads as any other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from diffusers import UNet2DConditionModel

from proofbook_subjects.dreambooth import full_size
from proofbook_subjects.dreambooth.models import find_base, load_networks
from proofbook_subjects.dreambooth.projects import write_project
from proofbook_subjects.dreambooth.settings import Settings, load_settings

SMALL: dict[str, dict[str, Any]] = {
    "text": {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
             "num_attention_heads": 2, "vocab_size": 400},
    "vae": {"block_out_channels": (8, 8, 8, 8), "norm_num_groups": 4},
    "unet": {"block_out_channels": (8, 8, 8, 8), "cross_attention_dim": 16, "norm_num_groups": 4},
}  # fmt: skip


def test_the_unet_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        unet = UNet2DConditionModel(**full_size._UNET)
    assert sum(weight.numel() for weight in unet.parameters()) == 859_520_964


@pytest.mark.exhaustive
def test_it_is_written_once_and_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Callable[..., Settings]
) -> None:
    build = full_size.build_full_size
    monkeypatch.setattr(full_size, "build_full_size", lambda folder: build(folder, **SMALL))
    place = Path(find_base("random:sd15", tmp_path))
    written = (place / "model_index.json").stat().st_mtime_ns
    assert find_base("random:sd15", tmp_path) == str(place)
    assert (place / "model_index.json").stat().st_mtime_ns == written
    networks = load_networks(settings(base_model=str(place)))
    assert networks.tokenizer("a photo of sks mouse").input_ids[0] == 0
    assert networks.scheduler.config.prediction_type == "epsilon"


def test_one_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("No space left on device")

    monkeypatch.setattr(full_size, "build_full_size", fail)
    with pytest.raises(OSError, match="No space left"):
        full_size.full_size_folder(tmp_path)
    assert [path.name for path in (tmp_path / "dreambooth").iterdir() if path.is_dir()] == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["butcher", "butcher-sd15", "butcher-random"])
def test_each_config_is_one_that_the_trainer_takes(tmp_path: Path, name: str) -> None:
    config = write_project(name, tmp_path)
    read = load_settings(config)
    assert read.model_dump(mode="json", exclude_unset=True) == yaml.safe_load(config.read_text())
    assert len(list((config.parent / "images").iterdir())) == 12
    assert (read.resolution, read.learning_rate) == (
        (32, 1e-3) if name == "butcher" else (512, 5e-6)
    )
