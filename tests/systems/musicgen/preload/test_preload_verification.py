"""Each way in which a model on disk can be wrong is found, and its file is named."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from proofbook_subjects.musicgen.audiocraft.reference import reference_checkpoints, write_checkpoint
from proofbook_systems.musicgen.checkpoints import CODEC_FILE, LANGUAGE_FILE, open_checkpoint
from proofbook_systems.musicgen.preload.findings import Finding, first_per_file
from proofbook_systems.musicgen.preload.listing import layout_words, write_listing
from proofbook_systems.musicgen.preload.origins import FolderOrigin
from proofbook_systems.musicgen.preload.shapes import check_shapes
from proofbook_systems.musicgen.preload.store import preload
from proofbook_systems.musicgen.preload.verification import check_files, check_loadable, layouts_of

Damage = Callable[[Path], object]
WEIGHTS = "model.safetensors"
HEAD = "decoder.lm_heads.1.weight"


@pytest.fixture
def model(reference: Path, tmp_path: Path) -> Path:
    """The small reference in a cache of its own."""
    return preload(FolderOrigin(folder=reference), tmp_path / "models" / "small").folder


@pytest.fixture
def checkpoints(cache: Path, tmp_path: Path) -> Path:
    """The tiny checkpoints in a cache of their own."""
    origin = FolderOrigin(folder=reference_checkpoints("tiny", "pair", cache))
    return preload(origin, tmp_path / "models" / "tiny").folder


@pytest.fixture
def both(model: Path, cache: Path) -> Path:
    """A folder with both layouts, as published repositories are."""
    source = reference_checkpoints("tiny", "pair", cache)
    for name in (LANGUAGE_FILE, CODEC_FILE, "t5/config.json", f"t5/{WEIGHTS}", "t5/tokenizer.json"):
        (model / name).parent.mkdir(exist_ok=True)
        (model / name).write_bytes((source / name).read_bytes())
    return model


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def change_tensors(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def change_config(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.exhaustive
def test_whole_models_of_both_layouts_have_no_findings(model: Path, checkpoints: Path):
    for folder, layout in ((model, "transformers"), (checkpoints, "audiocraft")):
        assert layouts_of(folder) == (layout,)
        assert [check_files(folder), check_loadable(folder), check_shapes(folder)] == [[], [], []]


@pytest.mark.exhaustive
def test_a_folder_with_both_layouts_is_verified_as_both(both: Path):
    assert layout_words(both) == "transformers+audiocraft"
    assert [check_loadable(both), check_shapes(both)] == [[], []]
    change_tensors(both / WEIGHTS, lambda t: t.update({"enc_to_dec_proj.bias": torch.zeros(3)}))
    assert [f[:2] for f in check_shapes(both)] == [("shape", WEIGHTS)]
    flip(both / CODEC_FILE)
    assert [f[:2] for f in check_shapes(both)] == [("unreadable", CODEC_FILE)]


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (lambda p: p.unlink(), ("missing", WEIGHTS)),
        (cut, ("size", WEIGHTS)),
        (flip, ("changed", WEIGHTS)),
        (lambda p: p.with_name("x.bin.part").touch(), ("unfinished", "x.bin")),
        (lambda p: p.with_name("y.incomplete").touch(), ("unfinished", "y.incomplete")),
        (lambda p: p.rename(p.with_name(f"{WEIGHTS}.part")), ("unfinished", WEIGHTS)),
        (lambda p: p.with_name("sha256.json").unlink(), ("missing", "sha256.json")),
    ],
    ids=["deleted", "cut", "flipped", "part", "incomplete", "half", "no notes"],
)
def test_a_file_that_is_not_as_it_arrived_is_named_once(
    model: Path, damage: Damage, finding: tuple[str, str]
):
    damage(model / WEIGHTS)
    assert [f[:2] for f in check_files(model)] == [finding]


def test_a_finding_says_what_was_expected_and_what_was_found(model: Path):
    size = (model / WEIGHTS).stat().st_size
    cut(model / WEIGHTS)
    (found,) = check_files(model)
    assert (found.expected, found.actual) == (f"{size:,} bytes", f"{size - 9:,} bytes")
    assert found.words == f"{WEIGHTS} (size): expected {size:,} bytes, found {size - 9:,} bytes"


@pytest.mark.parametrize("name", ["model", "checkpoints"])
def test_every_file_is_compared(name: str, request: pytest.FixtureRequest):
    folder: Path = request.getfixturevalue(name)
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "sha256.json")
    assert len(paths) > 5
    for path in paths:
        before = path.read_bytes()
        flip(path)
        assert [f.file for f in check_files(folder)] == [path.relative_to(folder).as_posix()]
        path.write_bytes(before)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (WEIGHTS, cut),
        (WEIGHTS, lambda p: p.write_bytes(b"")),
        (WEIGHTS, lambda p: p.write_bytes(struct.pack("<Q", 8) + b"[1,2]   ")),
        (WEIGHTS, lambda p: p.write_bytes(p.read_bytes().replace(b'"F32"', b'"X32"'))),
        ("config.json", lambda p: p.write_text("{")),
        ("config.json", lambda p: p.write_text("[]")),
        ("config.json", lambda p: p.write_text('{"model_type": "bert"}')),
        ("generation_config.json", lambda p: p.write_text('{"bos_token_id": 2')),
        ("processor_config.json", lambda p: p.write_bytes(b"")),
        ("tokenizer.json", lambda p: p.write_text("version https://git-lfs.github.com/spec/v1")),
        ("tokenizer_config.json", lambda p: p.write_text("[]")),
    ],
    ids=[
        "cut",
        "empty",
        "list",
        "type",
        "half config",
        "list config",
        "bert",
        "half settings",
        "no settings",
        "pointer",
        "list settings",
    ],
)
def test_a_file_of_transformers_that_cannot_be_read_is_named_once(
    model: Path, name: str, damage: Damage
):
    damage(model / name)
    assert [f[:2] for f in check_loadable(model)] == [("unreadable", name)]
    assert check_shapes(model) == check_loadable(model)


@pytest.mark.parametrize("name", [WEIGHTS, "tokenizer.json", "processor_config.json"])
def test_a_file_of_transformers_that_is_missing_is_named(model: Path, name: str):
    (model / name).unlink()
    assert [f.kind for f in check_loadable(model)] == ["missing"]


def shard(model: Path, index: object = None, **more: str) -> Path:
    """Keep the weights in one shard of an index, which names ``more`` tensors."""
    name = "model-00001-of-00002.safetensors"
    (model / WEIGHTS).rename(model / name)
    names = dict.fromkeys(load_file(model / name), name) | more
    content = {"weight_map": names} if index is None else index
    (model / f"{WEIGHTS}.index.json").write_text(json.dumps(content))
    return model


def test_a_shard_that_an_index_names_is_missed(model: Path):
    shard(model, b="model-00002-of-00002.safetensors")
    assert [f[:2] for f in check_loadable(model)] == [
        ("missing", "model-00002-of-00002.safetensors")
    ]


@pytest.mark.parametrize(
    ("index", "words"),
    [
        ({"weight_map": {}}, "names no file"),
        ([1], "not a weight index"),
        ({"weight_map": {"a": "../model-00001-of-00002.safetensors"}}, "not below its folder"),
    ],
    ids=["empty", "list", "outside"],
)
def test_an_index_that_leads_to_no_shards_is_named(model: Path, index: object, words: str):
    (found,) = check_loadable(shard(model, index))
    assert found[:2] == ("unreadable", f"{WEIGHTS}.index.json")
    assert words in found.actual


def test_an_index_that_an_earlier_save_has_left_is_not_read(model: Path):
    index = {"weight_map": {"a": "model-00001-of-00009.safetensors"}}
    (model / f"{WEIGHTS}.index.json").write_text(json.dumps(index))
    assert [check_loadable(model), check_shapes(model)] == [[], []]


def test_a_tensor_that_is_not_in_its_shard_is_missed_there(model: Path):
    shard(model)
    change_tensors(model / "model-00001-of-00002.safetensors", lambda t: t.pop(HEAD))
    (found,) = check_shapes(model)
    assert found.file == "model-00001-of-00002.safetensors"
    assert HEAD in found.expected


@pytest.mark.parametrize(
    "name", [".cache/huggingface/download/x.deadbeef.incomplete", f"{WEIGHTS}.incomplete"]
)
def test_what_a_finished_download_has_left_over_is_not_called_wrong(model: Path, name: str):
    (model / name).parent.mkdir(parents=True, exist_ok=True)
    (model / name).write_bytes(b"half")
    assert check_files(model) == []


def test_weights_kept_as_whole_numbers_are_named(model: Path):
    change_tensors(model / WEIGHTS, lambda t: t.update({HEAD: (t[HEAD] * 100).to(torch.int8)}))
    (found,) = check_shapes(model)
    assert (found.file, found.actual) == (WEIGHTS, "I8")
    assert HEAD in found.expected


def test_layers_that_the_configuration_does_not_have_are_named(model: Path):
    change_config(model, lambda config: config["decoder"].update(num_hidden_layers=1))
    words = [f.words for f in check_shapes(model)]
    assert words
    assert all("tensors that its config.json has, found decoder." in line for line in words)
    assert all(".layers.1." in line for line in words)


def test_weights_in_another_format_alone_are_named(model: Path):
    (model / WEIGHTS).rename(model / "pytorch_model.bin")
    assert "only pytorch_model.bin, which is not loaded" in check_loadable(model)[0].words


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("name", [LANGUAGE_FILE, CODEC_FILE])
@pytest.mark.parametrize(
    ("damage", "kind", "said"),
    [
        (flip, "unreadable", "does not fit its checksum"),
        (cut, "unreadable", "truncated or damaged"),
        (lambda p: p.unlink(), "missing", "no file"),
        (lambda p: p.write_bytes(b"<html>"), "unreadable", "web page"),
        (lambda p: torch.save({"x": 1}, p), "unreadable", "it has x and no best_state"),
    ],
    ids=["flipped", "cut", "deleted", "page", "other"],
)
def test_a_checkpoint_that_cannot_be_read_is_named_once(
    checkpoints: Path, name: str, damage: Damage, kind: str, said: str
):
    damage(checkpoints / name)
    (found,) = check_loadable(checkpoints)
    assert found[:2] == (kind, name)
    assert said in found.words


def test_a_pickle_with_code_in_it_is_named_and_not_executed(checkpoints: Path, tmp_path: Path):
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "went-off",)

    torch.save({"best_state": {}, "bomb": Bomb()}, checkpoints / LANGUAGE_FILE)
    assert "would execute code" in check_loadable(checkpoints)[0].words
    assert not (tmp_path / "went-off").exists()


@pytest.mark.exhaustive
def test_a_text_encoder_that_is_missing_or_cut_is_named(checkpoints: Path):
    cut(checkpoints / "t5" / WEIGHTS)
    assert [f[:2] for f in check_loadable(checkpoints)] == [("unreadable", f"t5/{WEIGHTS}")]
    (checkpoints / "t5" / "config.json").unlink()
    (found,) = check_loadable(checkpoints)
    assert found == ("missing", "t5/config.json", f"t5-base, as {LANGUAGE_FILE} names", "none")


def test_weights_of_another_shape_are_named(model: Path):
    change_tensors(model / WEIGHTS, lambda t: t.update({"enc_to_dec_proj.bias": torch.zeros(3)}))
    change_tensors(model / WEIGHTS, lambda t: t.pop("decoder.lm_heads.1.weight"))
    found = {f.expected.split()[0]: f.actual for f in check_shapes(model)}
    assert found == {
        "enc_to_dec_proj.bias": "[3]",
        "decoder.lm_heads.1.weight": "no such tensor",
    }


def test_a_configuration_that_no_model_can_be_built_of_is_named(model: Path):
    change_config(model, lambda config: config["decoder"].update(num_attention_heads=7))
    (found,) = check_shapes(model)
    assert found[:2] == ("shape", "config.json")
    assert "divisible" in found.actual


def test_a_configuration_of_another_size_is_named(model: Path):
    change_config(model, lambda config: config["decoder"].update(ffn_dim=17))
    assert {f[:2] for f in check_shapes(model)} == {("shape", WEIGHTS)}


@pytest.mark.exhaustive
def test_a_text_encoder_of_another_shape_beside_checkpoints_is_named(checkpoints: Path):
    path = checkpoints / "t5" / WEIGHTS
    change_tensors(path, lambda t: t.update({"shared.weight": torch.zeros(2, 2)}))
    assert ("shape", f"t5/{WEIGHTS}") in [f[:2] for f in check_shapes(checkpoints)]


def rewrite(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    found = open_checkpoint(path)
    state = {name: tensor.clone() for name, tensor in found.tensors.items()}
    config = json.loads(json.dumps(found.config))
    change(state, config)
    write_checkpoint(path, state, json.dumps(config))


def test_a_checkpoint_that_contradicts_its_configuration_is_named(checkpoints: Path):
    rewrite(checkpoints / LANGUAGE_FILE, lambda _, c: c["transformer_lm"].update(card=1024))
    words = " ".join(f.words for f in check_shapes(checkpoints))
    assert "transformer_lm.card is 1024 in xp.cfg and 2048 by the tensors" in words


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("name", "key"),
    [(LANGUAGE_FILE, "out_norm.bias"), (CODEC_FILE, "decoder.model.0.conv.conv.bias")],
)
def test_a_tensor_of_a_checkpoint_of_another_shape_is_named(checkpoints: Path, name: str, key: str):
    rewrite(checkpoints / name, lambda state, _: state.update({key: torch.zeros(3)}))
    assert {f[:2] for f in check_shapes(checkpoints)} == {("shape", name)}


@pytest.mark.exhaustive
def test_a_codec_that_is_only_pointed_to_is_verified_where_it_lies(checkpoints: Path, model: Path):
    from transformers import EncodecConfig, EncodecModel

    torch.save({"pretrained": "facebook/encodec_32khz"}, checkpoints / CODEC_FILE)
    (missing,) = check_loadable(checkpoints)
    assert missing[:2] == ("missing", "encodec_32khz/config.json")
    small = json.loads((model / "config.json").read_text())["audio_encoder"]
    beside = checkpoints / "encodec_32khz"
    EncodecModel(EncodecConfig(**small)).save_pretrained(beside)
    assert [check_loadable(checkpoints), check_shapes(checkpoints)] == [[], []]
    cut(beside / WEIGHTS)
    assert [f[:2] for f in check_loadable(checkpoints)] == [
        ("unreadable", f"encodec_32khz/{WEIGHTS}")
    ]
    (beside / WEIGHTS).unlink()
    (beside / "config.json").unlink()
    reference_codec = checkpoints.parent / "codec.bin"
    write_checkpoint(reference_codec, {"a": torch.zeros(1)}, None)
    reference_codec.rename(beside / LANGUAGE_FILE)
    assert check_loadable(checkpoints) == []
    assert check_shapes(checkpoints)


def test_a_folder_without_a_model_is_named(tmp_path: Path):
    assert layouts_of(tmp_path) == ()
    assert layout_words(tmp_path) == "none"
    assert [f[:2] for f in check_loadable(tmp_path)] == [("missing", "config.json")]
    assert check_shapes(tmp_path) == check_loadable(tmp_path)


def test_the_listing_has_layout_and_every_file_with_its_checksum(
    model: Path, checkpoints: Path, tmp_path: Path
):
    folders = {"small": model, "large": checkpoints}
    lines = write_listing(tmp_path / "out" / "files.txt", folders).read_text().splitlines()
    assert lines[0].startswith("small: transformers layout, ")
    assert any(line.startswith("large: audiocraft layout, ") for line in lines)
    assert any(line.endswith("  t5/model.safetensors") for line in lines)
    assert len(lines[1].split()[1]) == 64


def test_a_text_encoder_comes_alone(checkpoints: Path):
    part = preload(FolderOrigin(folder=checkpoints / "t5"), checkpoints.parent / "t5").folder
    assert [check_loadable(part), check_shapes(part)] == [[], []]
    (part / WEIGHTS).unlink()
    assert "weights as safetensors" in check_shapes(part)[0].words


def test_one_finding_is_kept_for_each_file():
    one, two = Finding("size", "a", "1", "2"), Finding("changed", "a", "3", "4")
    other = Finding("missing", "b", "", "")
    assert first_per_file([one, other, two]) == [one, other]
