"""Weights on the disk are those that Accelerate would read, whatever their format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import dispatch_model
from accelerate.utils import OffloadedWeightsLoader
from safetensors.torch import save_file

from proofbook_systems.musicgen.mapped_weights import MappedFile, MappedWeights, map_weights

TENSORS = {
    "odd": torch.arange(3, dtype=torch.uint8),  # so that what follows begins at no round byte
    "matrix": torch.arange(12, dtype=torch.float32).reshape(3, 4) / 7,
    "half": torch.arange(5, dtype=torch.float16) / 3,
    "brain": torch.arange(7, dtype=torch.bfloat16) / 3,
    "counts": torch.arange(4),
    "flags": torch.tensor([True, False]),
    "scalar": torch.tensor(2.5),
    "empty": torch.zeros(0, 3),
    "tiny": torch.arange(4, dtype=torch.float32).to(torch.float8_e4m3fn),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_file(TENSORS, path)
    return path


def loader(path: Path, **also: Any) -> OffloadedWeightsLoader:
    index = {
        f"net.{name}": {"safetensors_file": str(path), "weight_name": name} for name in TENSORS
    }
    index["net.matrix"]["dtype"] = "float16"
    return OffloadedWeightsLoader(index=index, **also)


@pytest.mark.parametrize("device", [None, "cpu"])
def test_each_weight_is_the_one_that_accelerate_reads(file: Path, device: Any):
    theirs = loader(file, state_dict={"own": torch.ones(2)}, device=device)
    ours = MappedWeights(theirs)
    assert list(ours) == list(theirs)
    assert len(ours) == len(TENSORS) + 1
    for key in theirs:
        mine, other = ours[key], theirs[key]
        assert (mine.dtype, mine.shape) == (other.dtype, other.shape), key
        assert torch.equal(mine.float(), other.float()), key


def test_what_is_in_no_safetensors_file_is_read_by_accelerate(tmp_path: Path):
    (tmp_path / "old.dat").write_bytes(torch.arange(3, dtype=torch.float32).numpy().tobytes())
    theirs = OffloadedWeightsLoader(
        index={"old": {"dtype": "float32", "shape": [3]}}, save_folder=tmp_path
    )
    assert MappedWeights(theirs)["old"].tolist() == [0.0, 1.0, 2.0]


def test_an_unknown_weight_is_named(file: Path):
    with pytest.raises(KeyError, match=r"net\.absent"):
        MappedWeights(loader(file))["net.absent"]


def test_a_file_is_opened_once_and_what_takes_its_place_does_not_count(file: Path):
    ours = MappedWeights(loader(file))
    before = ours["net.half"]
    file.unlink()
    save_file({name: torch.zeros_like(tensor) for name, tensor in TENSORS.items()}, file)
    assert torch.equal(ours["net.half"], before)
    assert before.any()


def test_a_weight_that_is_written_to_stays_what_it_is_in_the_file(file: Path):
    ours = MappedWeights(loader(file))
    ours["net.counts"].zero_()
    assert ours["net.counts"].tolist() == [0, 1, 2, 3]


def test_a_file_that_ends_early_is_refused(tmp_path: Path):
    path = tmp_path / "cut.safetensors"
    path.write_bytes((1000).to_bytes(8, "little") + b"{}")
    with pytest.raises(ValueError, match="ends before its first tensor"):
        MappedFile(path)


def test_a_network_takes_its_offloaded_weights_so(tmp_path: Path):
    plain = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    wanted = plain(torch.ones(1, 4)).detach()
    path = tmp_path / "model.safetensors"
    save_file(plain.state_dict(), path)
    index = {n: {"safetensors_file": str(path), "weight_name": n} for n in plain.state_dict()}
    spread = dispatch_model(
        plain, {"0": "cpu", "1": "cpu", "2": "disk"}, main_device="cpu", offload_index=index
    )
    map_weights(spread)
    (weights,) = {
        id(hook.weights_map.dataset): hook.weights_map.dataset
        for module in spread.modules()
        if getattr(hook := getattr(module, "_hf_hook", None), "weights_map", None) is not None
    }.values()
    assert isinstance(weights, MappedWeights)
    assert torch.equal(spread(torch.ones(1, 4)), wanted)
    assert all(parameter.is_meta for parameter in spread[2].parameters())
