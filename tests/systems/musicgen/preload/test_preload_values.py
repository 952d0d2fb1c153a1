"""What a broken copy leaves in weights is named; weights that were never trained are left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from proofbook_systems.musicgen.preload import values
from proofbook_systems.musicgen.preload.findings import Finding
from proofbook_systems.musicgen.preload.values import check_values

Change = Callable[[dict[str, Any]], object]
Rewrite = Callable[[Change], Path]
LAYER = "decoder.model.decoder.layers.1"


def at(name: str, change: Callable[[torch.Tensor], object]) -> Change:
    return lambda tensors: change(tensors[name])


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        (at(f"{LAYER}.fc1.weight", lambda t: t[0].fill_(float("nan"))), f"{LAYER}.fc1", "finite"),
        (at(f"{LAYER}.fc2.weight", lambda t: t.zero_()), f"{LAYER}.fc2", "is 0 throughout"),
        (at("enc_to_dec_proj.weight", lambda t: t.zero_()), "enc_to_dec_proj", "is 0 throughout"),
        (at("text_encoder.shared.weight", lambda t: t[20:].zero_()), "shared", "rows are zero"),
        (at(f"{LAYER}.fc1.weight", lambda t: t.mul_(1e4)), f"{LAYER}.fc1", "times those of"),
        (at(f"{LAYER}.fc2.weight", lambda t: t[3, 5].fill_(1e9)), f"{LAYER}.fc2", "a value of"),
        (
            lambda t: t[f"{LAYER}.fc1.weight"].copy_(t[f"{LAYER.replace('1', '0')}.fc1.weight"]),
            f"{LAYER}.fc1",
            "layers.0.fc1.weight = ",
        ),
    ],
)
def test_a_torn_weight_is_named(rewrite: Rewrite, change: Change, name: str, words: str):
    found = check_values(rewrite(lambda tensors: change(tensors)))
    assert {(f.kind, f.file) for f in found} == {("weights", "model.safetensors")}
    assert all(name in f.words for f in found)
    assert words in found[0].words


def zero_codebooks(tensors: dict[str, Any]) -> None:
    for name in [n for n in tensors if ".codebook." in n and not n.endswith("inited")]:
        tensors[name].zero_()


def two_names(tensors: dict[str, Any]) -> None:
    shared = tensors["text_encoder.shared.weight"]
    tensors["text_encoder.encoder.embed_tokens.weight"] = shared.clone()


def half(tensors: dict[str, Any]) -> None:
    tensors.update({name: tensor.bfloat16() for name, tensor in tensors.items()})


def foreign(tensors: dict[str, Any]) -> None:
    tensors["decoder.model.decoder.embed_positions.weights"] = torch.zeros(9, 4)


@pytest.mark.exhaustive
@pytest.mark.parametrize("change", [len, zero_codebooks, two_names, half, foreign])
def test_a_right_model_is_not_called_wrong(rewrite: Rewrite, change: Change):
    assert check_values(rewrite(change)) == []


def test_where_shapes_are_wrong_nothing_is_said_of_values(rewrite: Rewrite):
    def change(tensors: dict[str, Any]) -> None:
        tensors["enc_to_dec_proj.bias"] = torch.full((3,), float("nan"))

    assert check_values(rewrite(change)) == []


def test_shapes_that_were_compared_are_not_compared_again(
    rewrite: Rewrite, monkeypatch: pytest.MonkeyPatch
):
    def never(folder: Path) -> list[Finding]:
        raise AssertionError("they were compared")

    folder = rewrite(at("enc_to_dec_proj.weight", lambda t: t.zero_()))
    monkeypatch.setattr(values, "check_shapes", never)
    assert [f.kind for f in check_values(folder, [])] == ["weights"]
    assert check_values(folder, [Finding("shape", "model.safetensors", "others", "these")]) == []
