"""A cache of the hub is read as it lies: which revision is meant, and what of it is not whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from laid_cache import COMMIT, REPOSITORY, lay

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.snapshots import (
    find_changed,
    find_lacking,
    find_snapshot,
    is_repository,
    is_snapshot,
    named_digests,
    snapshot_of,
)

OTHER = "f" * 40
TRANSFORMERS = {
    "config.json": b"{}",
    "generation_config.json": b"{ }",
    "tokenizer.json": b"[]",
    "model.safetensors": b"weights",
}
AUDIOCRAFT = {"state_dict.bin": b"lm", "compression_state_dict.bin": b"codec"}


@pytest.mark.parametrize("ref", ["main", "", "v1.0", "refs/pr/4"])
def test_the_only_revision_is_meant_whatever_it_is_called(tmp_path: Path, ref: str):
    snapshot = lay(tmp_path, TRANSFORMERS, ref=ref)
    assert find_snapshot(REPOSITORY, tmp_path) == snapshot
    assert is_snapshot(snapshot)
    assert is_repository(snapshot.parent.parent)
    assert not is_repository(snapshot)


def test_of_several_revisions_main_is_meant(tmp_path: Path):
    lay(tmp_path, {"config.json": b"{}"}, commit=OTHER, ref="")
    snapshot = lay(tmp_path, TRANSFORMERS)
    assert find_snapshot(REPOSITORY, tmp_path) == snapshot


def test_of_several_revisions_without_main_the_one_with_a_name_is_meant(tmp_path: Path):
    lay(tmp_path, {"config.json": b"{}"}, commit=OTHER, ref="")
    snapshot = lay(tmp_path, TRANSFORMERS, ref="v2")
    assert find_snapshot(REPOSITORY, tmp_path) == snapshot


def test_where_any_of_several_revisions_may_be_meant_none_is_taken(tmp_path: Path):
    for commit in (OTHER, COMMIT):
        lay(tmp_path, TRANSFORMERS, commit=commit, ref="")
    with pytest.raises(SubjectError, match=r"has 2 revisions .* none of them is called main"):
        find_snapshot(REPOSITORY, tmp_path)


def test_a_main_that_is_not_there_is_named_and_no_other_is_taken(tmp_path: Path):
    snapshot = lay(tmp_path, TRANSFORMERS)
    snapshot.rename(snapshot.with_name(OTHER))
    with pytest.raises(SubjectError, match=f"names revision {COMMIT[:12]}…, which is not in"):
        find_snapshot(REPOSITORY, tmp_path)


@pytest.mark.parametrize("commit", ["../..", "", "a/b", "/etc"])
def test_a_reference_does_not_lead_out_of_its_snapshots(tmp_path: Path, commit: str):
    snapshot = lay(tmp_path, TRANSFORMERS)
    (snapshot.parent.parent / "refs" / "main").write_text(commit)
    assert snapshot_of(snapshot.parent.parent) == snapshot


def test_what_is_not_there_is_none(tmp_path: Path):
    assert find_snapshot(REPOSITORY, tmp_path) is None
    assert find_snapshot("../../etc", tmp_path) is None
    assert snapshot_of(tmp_path) is None


LISTED = [*TRANSFORMERS, *AUDIOCRAFT, "README.md", "pytorch_model.bin", "model.fp16.safetensors",
          "model-00001-of-00002.safetensors", "spiece.model", "onnx/config.json"]  # fmt: skip


@pytest.mark.parametrize(
    "files", [TRANSFORMERS, AUDIOCRAFT, TRANSFORMERS | AUDIOCRAFT], ids=["one", "other", "both"]
)
def test_a_layout_that_nobody_brought_is_not_missed(tmp_path: Path, files: dict[str, bytes]):
    assert find_lacking(lay(tmp_path, files, listed=LISTED)) == []


@pytest.mark.parametrize("name", [*TRANSFORMERS, *AUDIOCRAFT])
def test_a_file_that_is_missing_from_its_layout_is_named(tmp_path: Path, name: str):
    files = TRANSFORMERS | AUDIOCRAFT
    del files[name]
    assert find_lacking(lay(tmp_path, files, listed=LISTED)) == [name]


def test_a_link_without_its_blob_is_missed_and_an_empty_cache_lacks_all(tmp_path: Path):
    snapshot = lay(tmp_path / "a", {"model.safetensors": b"x"}, listed=["model.safetensors"])
    (snapshot / "model.safetensors").resolve().unlink()
    assert find_lacking(snapshot) == ["model.safetensors"]
    assert len(find_lacking(lay(tmp_path / "b", {}, listed=LISTED))) == 6


@pytest.mark.parametrize("text", ["{", "[]", '{"files": 3}'])
def test_a_list_that_cannot_be_read_says_nothing(tmp_path: Path, text: str):
    snapshot = lay(tmp_path, {}, listed=LISTED)
    (snapshot.parent.parent / "trees" / f"{COMMIT}.json").write_text(text)
    assert find_lacking(snapshot) == []


def test_a_small_file_that_was_changed_in_the_cache_is_named(tmp_path: Path):
    snapshot = lay(tmp_path, TRANSFORMERS)
    assert find_changed(snapshot) == []
    (snapshot / "config.json").resolve().write_bytes(b"[]")
    assert find_changed(snapshot) == [snapshot / "config.json"]


def test_a_server_that_calls_its_contents_otherwise_is_not_called_wrong(tmp_path: Path):
    snapshot = lay(tmp_path, TRANSFORMERS)
    for number, name in enumerate(["config.json", "generation_config.json", "tokenizer.json"]):
        blob = (snapshot / name).resolve()
        (snapshot / name).unlink()
        (snapshot / name).symlink_to(blob.rename(blob.with_name(f"{number}" * 40)))
    assert find_changed(snapshot) == []


def test_copied_files_and_foreign_links_have_no_checksums(tmp_path: Path):
    snapshot = lay(tmp_path, TRANSFORMERS, linked=False)
    shutil.move(snapshot / "model.safetensors", tmp_path / ("a" * 64))
    (snapshot / "model.safetensors").symlink_to(tmp_path / ("a" * 64))
    assert (find_changed(snapshot), named_digests(snapshot)) == ([], {})


def test_a_blob_that_nobody_needs_may_be_gone(tmp_path: Path):
    snapshot = lay(tmp_path, TRANSFORMERS | {"pytorch_model.bin": b"old weights"})
    (snapshot / "pytorch_model.bin").resolve().unlink()
    assert list(named_digests(snapshot)) == ["model.safetensors"]
    (snapshot / "model.safetensors").resolve().unlink()
    assert list(named_digests(snapshot)) == ["model.safetensors"]
