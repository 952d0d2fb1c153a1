"""A checkpoint may lie in files under an index; where the two disagree, one line says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.checkpoints import files_of, open_checkpoint
from proofbook_systems.musicgen.shards import INDEX_ENDING
from proofbook_systems.musicgen.sources import find_checkpoints, revision

SHARDS = {"a.safetensors": ("emb.weight", "out.bias"), "b.safetensors": ("out.weight",)}
Change = Callable[[Path, dict[str, Any]], object]


def sharded(folder: Path, stem: str = "model") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for file, names in SHARDS.items():
        save_file({n: torch.ones(2, 2) * len(n) for n in names}, folder / file, {"xp.cfg": "a: 1"})
    index = folder / f"{stem}{INDEX_ENDING}"
    places = {name: file for file, names in SHARDS.items() for name in names}
    index.write_text(json.dumps({"metadata": {"total_size": 48}, "weight_map": places}))
    return index


def test_shards_are_read_as_one_checkpoint_with_its_configuration(tmp_path: Path) -> None:
    index = sharded(tmp_path)
    found = open_checkpoint(index)
    assert sorted(found.tensors) == ["emb.weight", "out.bias", "out.weight"]
    assert (found.config, float(found.tensors["out.bias"][0, 0])) == ({"a": 1}, 8.0)
    assert files_of(index) == (index, tmp_path / "a.safetensors", tmp_path / "b.safetensors")


def write(file: str, **tensors: torch.Tensor) -> Change:
    return lambda folder, index: save_file(tensors, folder / file)


def place(name: str, file: str) -> Change:
    return lambda folder, index: index["weight_map"].update({name: file})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f, i: (f / "b.safetensors").unlink(),
         "b.safetensors is missing, which model.safetensors.index.json places 1 tensors in"),
        (write("b.safetensors", **{"out.weight": torch.ones(2), "emb.weight": torch.ones(2)}),
         "emb.weight is in two shards"),
        (write("b.safetensors", **{"other": torch.ones(2)}), "shard b.safetensors holds other"),
        (write("b.safetensors"), "shard b.safetensors of .* holds no tensor"),
        (place("gone.weight", "a.safetensors"), "places gone.weight in a.safetensors, which does"),
        (place("out.weight", "a.safetensors"), "places out.weight in a.safetensors, which does"),
        (place("x", "../a.safetensors"), "not a file next to it"),
        (place("x", "/etc/passwd"), "not a file next to it"),
        (lambda f, i: i.pop("weight_map"), "has no weight_map that names a tensor"),
        (lambda f, i: i["weight_map"].clear(), "has no weight_map that names a tensor"),
        (lambda f, i: (f / "a.safetensors").write_bytes((f / "a.safetensors").read_bytes()[:-4]),
         "a.safetensors is damaged"),
        (lambda f, i: (f / "a.safetensors").write_bytes(b""), "a.safetensors is damaged"),
    ],
)  # fmt: skip
def test_index_and_shards_that_disagree_are_one_line(
    tmp_path: Path, change: Change, words: str
) -> None:
    path = sharded(tmp_path)
    index = json.loads(path.read_text())
    change(tmp_path, index)
    path.write_text(json.dumps(index))
    with pytest.raises(SubjectError, match=words) as caught:
        open_checkpoint(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"weight_map": {"a": "a.safetensors", "a": "b.safetensors"}}', "has a twice"),
        ('{"weight_map": ', "is no JSON"),
        ("[]", "has no weight_map"),
    ],
)
def test_an_index_that_says_two_things_or_nothing_is_refused(
    tmp_path: Path, text: str, words: str
) -> None:
    path = sharded(tmp_path)
    path.write_text(text)
    with pytest.raises(SubjectError, match=words):
        open_checkpoint(path)


def lay(folder: Path) -> None:
    """Write what stands next to a language model: a codec, and a T5's configuration."""
    save_file({"x": torch.ones(1)}, folder / "compression_state_dict.safetensors")
    (folder / "t5").mkdir()
    (folder / "t5" / "config.json").write_text("{}")


@pytest.mark.parametrize("stem", ["model", "state_dict"])
def test_a_folder_with_an_index_is_a_source_and_its_shards_tell_it_apart(
    tmp_path: Path, stem: str
) -> None:
    index = sharded(tmp_path / "m", stem)
    lay(tmp_path / "m")
    assert find_checkpoints(str(tmp_path / "m")).language == index
    before = revision(index)
    save_file({"out.weight": torch.zeros(2, 2)}, tmp_path / "m" / "b.safetensors")
    assert revision(index) != before


def test_a_model_of_transformers_is_told_from_a_source_in_one_line(tmp_path: Path) -> None:
    sharded(tmp_path / "m")
    lay(tmp_path / "m")
    (tmp_path / "m" / "config.json").write_text('{"model_type": "musicgen"}')
    with pytest.raises(SubjectError, match="its keys are mapped already; run musicgen/generate"):
        find_checkpoints(str(tmp_path / "m"))
