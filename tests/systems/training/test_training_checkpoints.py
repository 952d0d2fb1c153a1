"""Whatever is wrong with a checkpoint is found, and nothing of it is run."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from proofbook.errors import SubjectError
from proofbook.files import hash_file
from proofbook_systems.training.comparison import compare_files
from proofbook_systems.training.corruption import corrupt
from proofbook_systems.training.layouts import find_checkpoints
from proofbook_systems.training.soundness import find_faults, sum_line
from proofbook_systems.training.states import NeedsCodeError, read_states

FILES = ["model.safetensors", "optimizer.bin", "scheduler.bin", "random_states_0.pkl"]


def checkpoint(folder: Path, step: int = 10, value: float = 1.0) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    weights = torch.full((4, 4), value)
    save_file({"layer.weight": weights}, path / "model.safetensors")
    moments = {0: {"step": torch.tensor(float(step)), "exp_avg": weights * 2}}
    torch.save({"state": moments, "param_groups": [{"lr": 1e-4}]}, path / "optimizer.bin")
    torch.save({"last_epoch": step, "_step_count": step + 1}, path / "scheduler.bin")
    generator = np.random.RandomState(step).get_state()
    torch.save({"numpy": generator, "torch": torch.get_rng_state()}, path / "random_states_0.pkl")
    return path


def sealed(path: Path) -> Path:
    """Give a checkpoint a manifest, and that its sum."""
    files = {file.name: {"sha256": hash_file(file)} for file in path.iterdir()}
    step = int(path.name.split("-")[1])
    (path / "manifest.json").write_text(json.dumps({"step": step, "files": files}))
    (path / "manifest.json.sha256").write_text(sum_line(path / "manifest.json"))
    return path


def test_a_sound_checkpoint_has_no_faults(tmp_path: Path) -> None:
    first, second = checkpoint(tmp_path), checkpoint(tmp_path, 20)
    assert find_faults(second, FILES, like=first) == []
    assert find_checkpoints(tmp_path, "checkpoint-*") == [(10, first), (20, second)]
    assert find_checkpoints(tmp_path) == [(10, first), (20, second)]


@pytest.mark.exhaustive
def test_every_one_of_200_random_corruptions_is_found(tmp_path: Path) -> None:
    like, source = sealed(checkpoint(tmp_path)), sealed(checkpoint(tmp_path, 20))
    unfound = []
    for seed in range(200):
        copy, done = corrupt(source, tmp_path / str(seed), seed)
        if not find_faults(copy, FILES, like=like):
            unfound.append(done)
    assert unfound == []


def test_values_shapes_steps_and_files_are_looked_at_without_a_manifest(tmp_path: Path) -> None:
    like = checkpoint(tmp_path, 10)
    broken = checkpoint(tmp_path, 20, value=float("nan"))
    assert find_faults(broken, FILES)[0] == (
        "model.safetensors: layer.weight has values that are NaN or infinite"
    )
    other = checkpoint(tmp_path, 30)
    save_file({"layer.weight": torch.ones(2, 4), "new": torch.ones(1)}, other / "model.safetensors")
    (other / "scheduler.bin").unlink()
    assert find_faults(other, FILES, like=like) == [
        "scheduler.bin is missing",
        "model.safetensors: layer.weight is torch.float32 [2, 4], and torch.float32 [4, 4] "
        "elsewhere",
        "model.safetensors: new is in one checkpoint of this run and not in another",
    ]
    renamed = checkpoint(tmp_path, 40).rename(tmp_path / "checkpoint-41")
    assert find_faults(renamed, FILES) == ["scheduler.bin says step 40"]


def test_a_manifest_is_held_against_the_files(tmp_path: Path) -> None:
    path = sealed(checkpoint(tmp_path))
    torch.save({"last_epoch": 10}, path / "scheduler.bin")
    assert find_faults(path, FILES) == [
        "scheduler.bin differs from its hash in manifest.json",
    ]
    manifest = path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"step": 10', '"step": 11'))
    (path / "optimizer.bin").unlink()
    assert find_faults(path, []) == [
        "manifest.json differs from its hash in manifest.json.sha256",
        "optimizer.bin is in manifest.json and missing",
        "scheduler.bin differs from its hash in manifest.json",
        "manifest.json says step 11",
    ]
    (path / "manifest.json.sha256").unlink()
    manifest.write_text("{}")
    assert find_faults(path, FILES) == ["optimizer.bin is missing", "manifest.json cannot be read"]


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("exploded"),)  # type: ignore[return-value]


def test_nothing_of_a_checkpoint_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = checkpoint(tmp_path)
    (path / "optimizer.bin").write_bytes(pickle.dumps({"state": Bomb()}))
    with pytest.raises(SubjectError, match=r"needs .* to be loaded; it is not safe|cannot be read"):
        read_states(path / "optimizer.bin")
    for name in ("optimizer.bin", "random_states_0.pkl"):
        torch.save(Bomb(), path / name)
        with pytest.raises(NeedsCodeError, match=r"needs \S+ to be loaded; it is not safe"):
            read_states(path / name)
    (path / "random_states_0.pkl").write_bytes(pickle.dumps({"state": Bomb()}))
    with pytest.raises(NeedsCodeError, match="is not safe"):
        read_states(path / "random_states_0.pkl")
    assert not (tmp_path / "exploded").exists()


def test_files_are_compared_to_the_bit(tmp_path: Path) -> None:
    ours, same = checkpoint(tmp_path / "a"), checkpoint(tmp_path / "b")
    other = checkpoint(tmp_path / "c", value=1.0 + 2**-23)
    for name in FILES:
        assert compare_files(ours / name, same / name) is None
    found = compare_files(ours / FILES[0], other / FILES[0])
    assert found is not None
    assert found.words == "model.safetensors departs at layer.weight, by 1.19e-07"
    found = compare_files(ours / FILES[1], other / FILES[1])
    assert found is not None and found.where == "state.0.exp_avg"


@pytest.mark.parametrize(
    ("key", "faults"), [("/out/checkpoints/epoch=3-step=36.ckpt", 0), ("block/kernel", 1)]
)
def test_a_key_that_is_a_files_path_may_be_in_one_checkpoint_alone(
    key: str, faults: int, tmp_path: Path
) -> None:
    """As Lightning notes the best ones so far; a weight's name may have a slash, too."""
    for number, kept in ((1, {key: torch.tensor(2.5)}), (2, {})):
        content = {"state_dict": {"w": torch.ones(3)}, "global_step": number, "best": kept}
        torch.save(content, tmp_path / f"step={number}.ckpt")
    found = find_faults(tmp_path / "step=2.ckpt", [], like=tmp_path / "step=1.ckpt")
    assert len(found) == faults
