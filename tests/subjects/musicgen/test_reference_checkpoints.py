"""The reference checkpoints are written as audiocraft writes them, in every form."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import get_args

import pytest
import torch
import yaml

from proofbook.errors import SubjectError
from proofbook_subjects.musicgen.audiocraft import full_size
from proofbook_subjects.musicgen.audiocraft.forms import Form, in_form
from proofbook_subjects.musicgen.audiocraft.reference import (
    CODEC_FILE,
    LANGUAGE_FILE,
    CheckpointSize,
    reference_checkpoints,
)
from proofbook_subjects.musicgen.audiocraft.shapes import codec_shapes, language_shapes

SMALL = CheckpointSize(width=64, layers=2, heads=1, filters=4, dimension=8, text_width=48)


def test_they_are_written_as_audiocraft_does(cache: Path):
    folder = reference_checkpoints("tiny", "pair", cache)
    language = torch.load(folder / LANGUAGE_FILE, weights_only=True)
    codec = torch.load(folder / CODEC_FILE, weights_only=True)
    shapes = {name: tuple(tensor.shape) for name, tensor in language["best_state"].items()}
    assert shapes == language_shapes(width=64, layers=2, text_width=48)
    shapes = {name: tuple(tensor.shape) for name, tensor in codec["best_state"].items()}
    assert shapes == codec_shapes(filters=4, dimension=32)
    config = yaml.safe_load(language["xp.cfg"])
    assert config["transformer_lm"]["num_heads"] == 4
    assert config["seanet"]["channels"] == "${channels}"


def test_names_and_shapes_are_those_of_the_published_small_model():
    """The published language model has 420 million parameters."""
    shapes = language_shapes(width=1024, layers=24)
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == 420_371_456
    assert shapes["transformer.layers.23.cross_attention.in_proj_weight"] == (3072, 1024)
    assert codec_shapes()["decoder.model.3.convtr.convtr.weight_v"] == (1024, 512, 16)


@pytest.mark.parametrize("form", get_args(Form))
def test_each_form_holds_the_same_number_of_weights_under_other_names(form: str):
    folded = {"a.b.1.conv.weight": torch.ones(2, 3, 4), "a.b.1.conv.bias": torch.ones(2)}
    written = in_form(folded, form, seed=3)
    halves = 1 if form == "folded" else 2
    assert len(written) == 1 + halves
    biases = [tensor for tensor in written.values() if tensor.shape == (2,)]
    assert len(biases) == 1
    assert (form in ("wrapped", "scrambled")) == ("a.b.1.conv.bias" not in written)


def test_the_published_sizes_are_those_of_the_models():
    sizes = {name: (s.width, s.layers, s.heads) for name, s in full_size.FULL_SIZES.items()}
    assert sizes == {"small": (1024, 24, 16), "medium": (1536, 48, 24), "large": (2048, 48, 32)}


def test_a_disk_that_is_too_small_is_told_politely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(full_size.FULL_SIZES, "small", SMALL)
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(SubjectError, match=r"random:small and its conversion need .* smaller size"):
        full_size.random_checkpoints("small", tmp_path)
