"""Checkpoints become a model that computes what they did, whatever form they are in."""

from __future__ import annotations

import errno
import json
import multiprocessing
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from waiting import HANG

from proofbook.errors import SubjectError
from proofbook_subjects.musicgen.audiocraft.reference import reference_checkpoints, write_checkpoint
from proofbook_systems.musicgen import conversion, generation, proof, subject
from proofbook_systems.musicgen.checkpoints import CODEC_FILE, LANGUAGE_FILE, open_checkpoint
from proofbook_systems.musicgen.keymap import Options
from proofbook_systems.musicgen.mapping import MappedModel, map_checkpoints
from proofbook_systems.musicgen.sources import find_checkpoints

Change = Callable[[dict[str, torch.Tensor]], object]


@pytest.fixture
def folder(cache: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoints."""
    return Path(shutil.copytree(reference_checkpoints("tiny", "pair", cache), tmp_path / "mine"))


def changed(folder: Path, file: str, change: Change, config: str | None = "same") -> Path:
    found = open_checkpoint(folder / file)
    state = {name: tensor.clone() for name, tensor in found.tensors.items()}
    change(state)
    text = json.dumps(found.config) if config == "same" else config
    write_checkpoint(folder / file, state, text)
    return folder


def mapped(folder: Path, **options: Any) -> MappedModel:
    return map_checkpoints(find_checkpoints(str(folder)), Options(**options))


def loaded(model: MappedModel, root: Path) -> generation.Model:
    converted = conversion.convert(model, root)
    return generation.load(subject.find_model(str(converted.folder)), "cpu")


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("form", ["pair", "parametrized", "folded", "wrapped", "scrambled"])
def test_every_form_computes_what_the_original_did(form: str, cache: Path, tmp_path: Path):
    files = find_checkpoints(f"reference:tiny/{form}", cache=cache)
    model = loaded(map_checkpoints(files), tmp_path)
    assert (model.missing_weights, model.unused_weights) == ((), ())
    distances = proof.compare_outputs(model, files.outputs)
    assert distances.keys() == {"codec-decode", "language-logits"}
    assert max(distances.values()) <= 1e-5


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "swapped", "output"),
    [
        (LANGUAGE_FILE, ("transformer.layers.0.norm1.bias", "transformer.layers.1.norm1.bias"),
         "language-logits"),
        (CODEC_FILE, ("decoder.model.4.block.3.conv.conv.bias",
                      "decoder.model.3.convtr.convtr.bias"), "codec-decode"),
        (CODEC_FILE, ("quantizer.vq.layers.0._codebook.embed",
                      "quantizer.vq.layers.1._codebook.embed"), "codec-decode"),
    ],
)  # fmt: skip
def test_two_tensors_that_change_places_are_found(
    folder: Path, tmp_path: Path, file: str, swapped: tuple[str, str], output: str
):
    def swap(state: dict[str, torch.Tensor]) -> None:
        first, second = swapped
        state[first], state[second] = state[second] + 0.01, state[first]

    model = mapped(changed(folder, file, swap))
    assert model.unfilled == ()
    distances = proof.compare_outputs(loaded(model, tmp_path), model.files.outputs)
    assert [name for name, distance in distances.items() if distance > 1e-5] == [output]


def test_without_a_known_output_there_is_nothing_to_compare(folder: Path):
    (folder / "reference_outputs.safetensors").unlink()
    assert proof.compare_outputs(None, find_checkpoints(str(folder)).outputs) == {}  # type: ignore[arg-type]


def test_a_broken_known_output_is_named(folder: Path, tmp_path: Path):
    path = folder / "reference_outputs.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(SubjectError, match="cannot be read"):
        proof.compare_outputs(None, path)  # type: ignore[arg-type]
    with pytest.raises(SubjectError, match="does not exist"):
        find_checkpoints(str(folder), outputs=str(tmp_path / "none"))


def test_shapes_tell_what_the_configuration_does_not(folder: Path):
    told = mapped(folder).architecture.config.to_dict()
    for file in (LANGUAGE_FILE, CODEC_FILE):
        changed(folder, file, lambda state: None, config=None)
    architecture = mapped(folder).architecture
    found = architecture.config.to_dict()
    assert found["audio_encoder"] == told["audio_encoder"]
    assert found["decoder"] | {"num_attention_heads": 4} == told["decoder"]
    assert "transformer_lm.num_heads is 1" in architecture.assumptions


def test_a_configuration_that_does_not_fit_the_tensors_is_a_contradiction(folder: Path):
    config = dict(open_checkpoint(folder / LANGUAGE_FILE).config or {})
    config["transformer_lm"] = {**config["transformer_lm"], "num_layers": 3}
    changed(folder, LANGUAGE_FILE, lambda state: None, config=json.dumps(config))
    model = mapped(folder)
    assert model.architecture.contradictions == (
        "transformer_lm.num_layers is 3 in xp.cfg and 2 by the tensors",
    )
    assert len(model.unfilled) == 16


def test_a_missing_key_is_listed_and_never_filled(folder: Path, tmp_path: Path):
    model = mapped(changed(folder, LANGUAGE_FILE, lambda s: s.pop("out_norm.bias")))
    assert model.unfilled == ("decoder.model.decoder.layer_norm.bias",)
    with pytest.raises(SubjectError, match=r"1 parameters of mine have no source.*layer_norm"):
        conversion.convert(model, tmp_path)
    assert not list(tmp_path.glob("converted-*"))


def test_an_allowed_one_is_left_out_of_the_files(folder: Path, tmp_path: Path):
    changed(folder, LANGUAGE_FILE, lambda s: s.pop("out_norm.bias"))
    model = mapped(folder, allow_unfilled=("*.layer_norm.bias",))
    assert loaded(model, tmp_path).missing_weights == model.allowed


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.update({"out_norm.bias": s["out_norm.bias"][:-1]}), "[63]"),
        (lambda s: s.update({"out_norm.bias": s["out_norm.bias"].int()}), "int32"),
    ],
)
def test_another_shape_or_kind_is_refused(folder: Path, change: Change, said: str):
    model = mapped(changed(folder, LANGUAGE_FILE, change))
    assert said in model.plans["language"].refused[0].reason
    assert len(model.unfilled) == 1


def test_an_extra_key_is_listed_as_unused(folder: Path):
    model = mapped(changed(folder, CODEC_FILE, lambda s: s.update(odd=torch.zeros(3))))
    assert model.plans["codec"].unused == ("odd",)


def test_a_mapping_may_name_parameters_of_both_parts(folder: Path):
    changed(folder, LANGUAGE_FILE, lambda s: s.update(odd=s.pop("out_norm.bias")))
    first = "encoder.model.0.conv.conv.bias"
    mapping = {"decoder.model.decoder.layer_norm.bias": "odd", first: first}
    model = mapped(folder, mapping=mapping)
    assert [plan.refused for plan in model.plans.values()] == [(), ()]
    assert model.unfilled == ()


def test_a_pointer_is_followed_beside_it_or_named(folder: Path):
    codec = folder / CODEC_FILE
    codec.rename(folder / "encodec_32khz")
    torch.save({"pretrained": "//pretrained/facebook/encodec_32khz"}, codec)
    assert find_checkpoints(str(folder)).codec == folder / "encodec_32khz"
    (folder / "encodec_32khz").unlink()
    with pytest.raises(SubjectError, match=r"only points to the pretrained codec facebook/encodec"):
        find_checkpoints(str(folder))


@pytest.mark.parametrize(
    ("model", "said"),
    [("/nowhere/at/all", "does not exist"),
     ("reference:tiny/odd", "no reference:tiny/odd .* reference:tiny/scrambled"),
     ("random:melody", "no random:melody for .* reference:random-large"),
     ("facebook/musicgen-nowhere", "is in no cache here")],
)  # fmt: skip
def test_checkpoints_that_are_not_there_are_named(
    model: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(SubjectError, match=said):
        find_checkpoints(model, environ={"AUDIOCRAFT_CACHE_DIR": str(tmp_path)})


def test_a_missing_file_of_the_two_is_named(folder: Path):
    (folder / CODEC_FILE).unlink()
    with pytest.raises(SubjectError, match=r"compression_state_dict\.bin is missing"):
        find_checkpoints(str(folder))


@pytest.mark.exhaustive
def test_nothing_is_converted_twice(folder: Path, tmp_path: Path):
    first, second = (conversion.convert(mapped(folder), tmp_path / "c") for _ in range(2))
    assert (first.fresh, second.fresh, first.folder) == (True, False, second.folder)
    copied = shutil.copytree(folder, tmp_path / "mine-again" / "mine")
    assert not conversion.convert(mapped(Path(copied)), tmp_path / "c").fresh
    other = changed(folder, LANGUAGE_FILE, lambda s: s["out_norm.bias"].add_(1))
    assert conversion.convert(mapped(other), tmp_path / "c").fresh


def test_pieces_are_small_and_named_by_an_index(folder: Path, tmp_path: Path):
    found = conversion.convert(mapped(folder), tmp_path, piece_bytes=200_000).folder
    index = json.loads((found / "model.safetensors.index.json").read_text())
    assert {p.name for p in found.glob("*.safetensors")} == set(index["weight_map"].values())
    assert len(set(index["weight_map"].values())) > 5
    assert index["metadata"]["total_size"] < sum(
        p.stat().st_size for p in found.glob("*.safetensors")
    )


def test_a_damaged_checkpoint_is_not_converted(folder: Path, tmp_path: Path):
    path = folder / LANGUAGE_FILE
    needle = open_checkpoint(path).tensors["out_norm.weight"].numpy().tobytes()
    data = bytearray(path.read_bytes())
    data[data.index(needle)] ^= 1
    path.write_bytes(data)
    with pytest.raises(SubjectError, match="does not fit its checksum"):
        conversion.convert(mapped(folder), tmp_path)


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(SubjectError, match=r"needs 0\.0 GB .* are free"):
        conversion.convert(mapped(folder), tmp_path)


def test_a_disk_that_fills_up_leaves_nothing_half_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    model = mapped(folder)
    monkeypatch.setattr(conversion, "_write_settings", fail)
    with pytest.raises(SubjectError, match=r"cannot be written .*No space left.*free some space"):
        conversion.convert(model, tmp_path)
    assert [p.name for p in tmp_path.iterdir() if p.is_dir() and p != folder] == []


def _convert(folder: str, root: str, answers: Any) -> None:
    torch.set_num_threads(1)
    answers.put(conversion.convert(mapped(Path(folder)), Path(root)).fresh)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_two_processes_convert_once(folder: Path, tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    arguments = (str(folder), str(tmp_path / "c"), answers)
    both = [context.Process(target=_convert, args=arguments) for _ in range(2)]
    for process in both:
        process.start()
    assert sorted(answers.get(timeout=HANG) for _ in both) == [False, True]
    for process in both:
        process.join(HANG)


def test_a_real_disk_that_fills_up_is_told_and_left_empty(
    folder: Path, mount_disk: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
):
    small_disk = mount_disk("size=4m")  # which is less than a converted model takes
    usage = shutil.disk_usage(small_disk)._replace(free=10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)  # another took it meanwhile
    with pytest.raises(SubjectError, match=r"cannot be written .*No space left.*free some space"):
        conversion.convert(mapped(folder), small_disk, piece_bytes=200_000)
    assert [path for path in small_disk.iterdir() if path.is_dir()] == []
