"""Each way in which a model on disk can be wrong is found, and its file is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from proofbook.systems.musicgen.audiocraft.reference import reference_checkpoints, write_checkpoint
from proofbook.systems.musicgen.checkpoints import LANGUAGE_FILE, open_checkpoint
from proofbook.systems.musicgen.preload import verification
from proofbook.systems.musicgen.preload.listing import write_listing
from proofbook.systems.musicgen.preload.origins import FolderOrigin
from proofbook.systems.musicgen.preload.store import preload

Damage = Callable[[Path], object]


@pytest.fixture
def model(reference: Path, tmp_path: Path) -> Path:
    """The small reference in a cache of its own."""
    return preload(FolderOrigin(folder=reference), tmp_path / "models" / "small").folder


@pytest.fixture
def checkpoints(cache: Path, tmp_path: Path) -> Path:
    """The tiny checkpoints in a cache of their own."""
    origin = FolderOrigin(folder=reference_checkpoints("tiny/pair", cache))
    return preload(origin, tmp_path / "models" / "tiny").folder


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_whole_models_of_both_layouts_have_no_findings(model: Path, checkpoints: Path):
    for folder, layout in ((model, "transformers"), (checkpoints, "audiocraft")):
        assert verification.layout_of(folder) == layout
        assert verification.check_files(folder) == []
        assert verification.check_loadable(folder) == []
        assert verification.check_shapes(folder) == []


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (lambda p: p.unlink(), ("missing", "model.safetensors")),
        (lambda p: p.write_bytes(p.read_bytes()[:-9]), ("size", "model.safetensors")),
        (flip, ("changed", "model.safetensors")),
        (lambda p: p.with_name("x.bin.part").touch(), ("unfinished", "x.bin.part")),
        (lambda p: p.with_name("y.incomplete").touch(), ("unfinished", "y.incomplete")),
        (lambda p: p.with_name("sha256.json").unlink(), ("missing", "sha256.json")),
    ],
)
def test_a_file_that_is_not_as_it_arrived_is_named(
    model: Path, damage: Damage, finding: tuple[str, str]
):
    damage(model / "model.safetensors")
    assert [f[:2] for f in verification.check_files(model)] == [finding]


def test_every_file_is_compared(model: Path):
    for path in sorted(p for p in model.rglob("*") if p.is_file() and p.name != "sha256.json"):
        before = path.read_bytes()
        flip(path)
        assert [f.file for f in verification.check_files(model)] == [path.name]
        path.write_bytes(before)


def test_a_truncated_weight_file_is_unreadable(model: Path):
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    assert {f.kind for f in verification.check_loadable(model)} == {"unreadable"}
    assert {f.kind for f in verification.check_shapes(model)} == {"unreadable"}


def test_a_flipped_bit_in_a_checkpoint_is_unreadable(checkpoints: Path):
    flip(checkpoints / LANGUAGE_FILE)
    found = verification.check_loadable(checkpoints)
    assert [f.file for f in found] == [LANGUAGE_FILE]
    assert "does not fit its checksum" in found[0].words


def test_weights_of_another_shape_are_named(model: Path):
    tensors = load_file(model / "model.safetensors")
    tensors["enc_to_dec_proj.bias"] = torch.zeros(3)
    del tensors["decoder.lm_heads.1.weight"]
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    found = [f.words for f in verification.check_shapes(model)]
    assert len(found) == 2
    assert any("decoder.lm_heads.1.weight is not there" in f for f in found)
    assert any("enc_to_dec_proj.bias has shape [3] and should have [64]" in f for f in found)


def test_a_checkpoint_that_contradicts_its_configuration_is_named(checkpoints: Path):
    found = open_checkpoint(checkpoints / LANGUAGE_FILE)
    state = {name: tensor.clone() for name, tensor in found.tensors.items()}
    state["out_norm.bias"] = torch.zeros(3)
    config = json.loads(json.dumps(found.config))
    config["transformer_lm"]["card"] = 1024
    write_checkpoint(checkpoints / LANGUAGE_FILE, state, json.dumps(config))
    words = " ".join(f.words for f in verification.check_shapes(checkpoints))
    assert "transformer_lm.card is 1024 in xp.cfg and 2048 by the tensors" in words
    assert "layer_norm.bias" in words


def test_a_folder_without_a_model_is_named(tmp_path: Path):
    assert verification.layout_of(tmp_path) == "unknown"
    assert "neither config.json nor" in verification.check_loadable(tmp_path)[0].words
    assert verification.check_shapes(tmp_path)[0].kind == "unreadable"


def test_the_listing_has_every_file_with_its_checksum(model: Path, tmp_path: Path):
    text = write_listing(tmp_path / "out" / "files.txt", {"small": model}).read_text()
    assert text.startswith("small: ")
    assert "model.safetensors" in text
    assert len(text.splitlines()[1].split()[1]) == 64


def test_a_text_encoder_comes_alone(checkpoints: Path):
    part = preload(FolderOrigin(folder=checkpoints / "t5"), checkpoints.parent / "t5").folder
    assert [verification.check_loadable(part), verification.check_shapes(part)] == [[], []]
    (part / "model.safetensors").unlink()
    assert "no weights as safetensors" in verification.check_shapes(part)[0].words


def test_another_kind_of_model_is_refused(tmp_path: Path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    assert "holds a bert" in verification.check_loadable(tmp_path)[0].words
    (tmp_path / "config.json").write_text("{")
    assert "cannot be read" in verification.check_loadable(tmp_path)[0].words
