"""What was tested is told apart by its contents."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from proofbook.fingerprints import fingerprint, revision_of


def test_a_fingerprint_is_of_contents_and_not_of_names(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(4)}, tmp_path / "x.bin")
    shutil.copy(tmp_path / "x.bin", tmp_path / "y.bin")
    assert fingerprint(tmp_path / "x.bin") == fingerprint(tmp_path / "y.bin")
    torch.save({"a": torch.ones(4)}, tmp_path / "y.bin")
    assert fingerprint(tmp_path / "x.bin") != fingerprint(tmp_path / "y.bin")
    before = fingerprint(tmp_path)
    (tmp_path / "z.txt").write_text("z")
    assert fingerprint(tmp_path) != before


def test_what_does_not_belong_to_a_folder_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text("{}")
    before = revision_of(tmp_path, without="checkpoint-*")
    (tmp_path / "checkpoint-10").mkdir()
    (tmp_path / "checkpoint-10" / "config.json").write_text("{}")
    assert revision_of(tmp_path, without="checkpoint-*") == before
    assert revision_of(tmp_path) != before


def test_a_snapshot_of_the_hub_is_its_commit(tmp_path: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    folder = tmp_path / "models--a--b" / "snapshots" / commit
    folder.mkdir(parents=True)
    assert revision_of(folder) == commit
    other = folder.with_name("main")
    other.mkdir()
    assert revision_of(other) == fingerprint(other)
