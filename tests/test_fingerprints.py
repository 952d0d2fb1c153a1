"""What was tested is told apart by its contents."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from proofbook.fingerprints import content_of, fingerprint, revision_of, weights_revision


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


def test_the_content_of_a_folder_follows_bytes_and_names(tmp_path: Path) -> None:
    def changed(change: Callable[[Path], object]) -> bool:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        (folder / "part").mkdir(parents=True)
        (folder / "part" / "a").write_bytes(b"12")
        (folder / "b").write_bytes(b"34")
        before = content_of(folder)
        change(folder)
        return content_of(folder) != before

    assert not changed(lambda folder: folder.rename(folder.with_name("moved")).rename(folder))
    assert changed(lambda folder: (folder / "b").write_bytes(b"35"))
    assert changed(lambda folder: (folder / "b").rename(folder / "c"))
    assert changed(lambda folder: (folder / "part" / "a").rename(folder / "a"))
    assert changed(lambda folder: (folder / "b").unlink())


def test_the_content_of_an_archive_is_all_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    torch.save({"a": torch.zeros(4)}, path)
    before, cheap = content_of(path), fingerprint(path)
    data = bytearray(path.read_bytes())
    data[data.index(b"\0" * 16)] = 1
    path.write_bytes(data)
    assert fingerprint(path) == cheap
    assert content_of(path) != before


def test_a_linked_folder_is_read_and_a_circle_of_links_ends(tmp_path: Path) -> None:
    real, folder = tmp_path / "real", tmp_path / "folder"
    for each in (real, folder):
        each.mkdir()
    (real / "a").write_bytes(b"12")
    (folder / "linked").symlink_to(real)
    (folder / "self").symlink_to(folder)
    before = content_of(folder)
    assert before.size == 2
    (real / "a").write_bytes(b"13")
    assert content_of(folder) != before


def test_what_has_no_content_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="does not exist"):
        content_of(tmp_path / "missing")


def test_a_model_that_was_trained_again_is_the_same_one(tmp_path: Path) -> None:
    for number, name in enumerate(("first", "again", "other")):
        (tmp_path / name / "unet").mkdir(parents=True)
        weights = b"b" if name == "other" else b"a"
        (tmp_path / name / "unet" / "model.safetensors").write_bytes(weights)
        (tmp_path / name / "model_info.json").write_text(f"trained at {number}")
        (tmp_path / name / "checkpoint-1").mkdir()
        (tmp_path / name / "checkpoint-1" / "model.bin").write_bytes(bytes([number]))
    first, again, other = (
        weights_revision(tmp_path / name, without="checkpoint-*")
        for name in ("first", "again", "other")
    )
    assert first == again != other
    assert weights_revision(tmp_path / "first") != weights_revision(tmp_path / "again")


def test_a_folder_without_weights_is_told_apart_by_all_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "vocabulary.json").write_text("a")
    before = weights_revision(tmp_path)
    (tmp_path / "vocabulary.json").write_text("b")
    assert weights_revision(tmp_path) != before
