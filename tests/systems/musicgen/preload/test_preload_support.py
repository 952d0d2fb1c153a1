"""What transformers' MusicGen cannot be is told in one line, be it well formed or damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proofbook_subjects.musicgen.audiocraft.reference import reference_checkpoints
from proofbook_systems.musicgen.preload.shapes import check_shapes

Change = Callable[[dict[str, Any], dict[str, Any]], object]


@pytest.fixture(scope="session")
def pair(cache: Path) -> Path:
    return reference_checkpoints("tiny", "pair", cache)


@pytest.fixture
def spoil(pair: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that changes tensors and configuration of one checkpoint of a copy."""

    def apply(name: str, change: Change) -> Path:
        import torch
        import yaml

        folder = Path(shutil.copytree(pair, tmp_path / "mine"))
        content = torch.load(folder / name, weights_only=True)
        config = yaml.safe_load(content["xp.cfg"])
        change(content["best_state"], config)
        torch.save({**content, "xp.cfg": yaml.safe_dump(config)}, folder / name)
        return folder

    return apply


LANGUAGE, CODEC = "state_dict.bin", "compression_state_dict.bin"


def double(tensors: dict[str, Any], config: dict[str, Any]) -> None:
    for name in [n for n in tensors if n.startswith(("emb.", "linears."))]:
        stem, number, rest = name.split(".", 2)
        tensors[f"{stem}.{int(number) + 4}.{rest}"] = tensors[name].clone()
    config["transformer_lm"]["n_q"] = 8


def listen(model: str) -> Change:
    return lambda _tensors, config: config["conditioners"].update(self_wav={"model": model})


def without_lstm(tensors: dict[str, Any], config: dict[str, Any]) -> None:
    for name in [n for n in tensors if "lstm" in n]:
        del tensors[name]


def fewer_codes(tensors: dict[str, Any], config: dict[str, Any]) -> None:
    for name in [n for n in tensors if n.endswith("_codebook.embed")]:
        tensors[name] = tensors[name][:1000].clone()


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        (LANGUAGE, double, "a stereo model without its flag: 8 codebooks for a codec of 4"),
        (LANGUAGE, listen("chroma_stem"), "a melody model: its conditioner self_wav"),
        (LANGUAGE, listen("style"), "a style model: its conditioner self_wav"),
        (LANGUAGE, listen("clap"), "a model of another kind: its conditioner self_wav is clap"),
        (CODEC, without_lstm, "a codec without LSTM"),
        (CODEC, fewer_codes, "a codec of 1000 codes"),
        (LANGUAGE, lambda _, config: config.update(conditioners="text"), "conditioners is 'text'"),
        (LANGUAGE, lambda _, config: config.update(transformer_lm=3), "transformer_lm is '3'"),
        (LANGUAGE, lambda _, config: config["conditioners"].update(description="x"),
         "conditioners.description is 'x'"),
    ],
)  # fmt: skip
def test_a_model_that_transformers_cannot_be_is_one_line(
    spoil: Callable[..., Path], file: str, change: Change, said: str
) -> None:
    (finding,) = check_shapes(spoil(file, change))
    assert (finding.file, finding.kind) == (file, "shape")
    assert finding.actual.startswith(said)
    assert "\n" not in finding.words


@pytest.mark.exhaustive
def test_a_stereo_model_with_its_flag_is_right(spoil: Callable[..., Path]) -> None:
    def flag(tensors: dict[str, Any], config: dict[str, Any]) -> None:
        double(tensors, config)
        config["interleave_stereo_codebooks"] = {"use": True}

    assert check_shapes(spoil(LANGUAGE, flag)) == []


def test_files_that_were_exchanged_are_told(pair: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(pair, tmp_path / "mine"))
    (folder / LANGUAGE).rename(folder / "other")
    (folder / CODEC).rename(folder / LANGUAGE)
    (folder / "other").rename(folder / CODEC)
    (finding,) = check_shapes(folder)
    assert "may have been exchanged" in finding.actual


def test_the_reference_is_right(pair: Path) -> None:
    assert check_shapes(pair) == []
