"""Checkpoints are opened without executing anything; what is none is one clear line."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.checkpoints import open_checkpoint, verify_checkpoint


def saved(path: Path, content: Any, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


GOOD = {"best_state": {"a.weight": torch.arange(6.0).reshape(2, 3)}, "xp.cfg": "dim: 3\n",
        "version": "1.4.0", "exported": True}  # fmt: skip


def test_a_checkpoint_is_opened_with_its_configuration(tmp_path: Path):
    found = open_checkpoint(saved(tmp_path / "x.bin", GOOD))
    assert torch.equal(found.tensors["a.weight"], GOOD["best_state"]["a.weight"])
    assert (found.config, found.version, found.pretrained) == ({"dim": 3}, "1.4.0", "")


def test_the_last_two_fields_may_be_missing(tmp_path: Path):
    found = open_checkpoint(saved(tmp_path / "x.bin", {"best_state": GOOD["best_state"]}))
    assert (found.config, found.version) == (None, "")


def test_torchs_old_format_is_read_too(tmp_path: Path):
    path = saved(tmp_path / "x.bin", GOOD, _use_new_zipfile_serialization=False)
    assert list(open_checkpoint(path).tensors) == ["a.weight"]
    verify_checkpoint(path)


def test_a_pointer_says_where_it_points(tmp_path: Path):
    content = {"pretrained": "facebook/encodec_32khz", "exported": True, "version": "1"}
    assert open_checkpoint(saved(tmp_path / "x.bin", content)).pretrained == (
        "facebook/encodec_32khz"
    )


def test_references_in_the_configuration_are_resolved(tmp_path: Path):
    text = "channels: 2\nencodec: {channels: '${channels}'}\nseanet: {a: ['${encodec.channels}']}\n"
    found = open_checkpoint(saved(tmp_path / "x.bin", {**GOOD, "xp.cfg": text})).config
    assert found == {"channels": 2, "encodec": {"channels": 2}, "seanet": {"a": [2]}}


def test_a_reference_to_itself_ends(tmp_path: Path):
    found = open_checkpoint(saved(tmp_path / "x.bin", {**GOOD, "xp.cfg": "a: '${a}'\nb: '${c}'"}))
    assert found.config == {"a": "${a}", "b": "${c}"}


class Harmful:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch harmed",)


def test_code_in_a_checkpoint_is_refused_and_not_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path / "x.bin", {"best_state": {"a": Harmful()}})
    with pytest.raises(SubjectError, match=r"would execute code \(\w+\.system\)"):
        open_checkpoint(path)
    plain = tmp_path / "plain.bin"
    plain.write_bytes(pickle.dumps({"best_state": Harmful()}, protocol=2))
    with pytest.raises(SubjectError, match=r"would execute code"):
        open_checkpoint(plain)
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1, 2], "holds list"),
        ({"model": {}}, "it has model and no best_state"),
        ({}, "it has nothing and no best_state"),
        ({"best_state": [1]}, "best_state of .* is list"),
        ({"best_state": {"a": 3}}, "has int for a, no tensor"),
        ({**GOOD, "xp.cfg": "a: [1"}, "xp.cfg .* is not YAML"),
        ({**GOOD, "xp.cfg": "just words"}, "xp.cfg .* is str, not a mapping"),
        ({**GOOD, "xp.cfg": 7}, "xp.cfg .* is int, not a mapping"),
    ],
)
def test_other_contents_are_named(tmp_path: Path, content: Any, said: str):
    with pytest.raises(SubjectError, match=said) as error:
        open_checkpoint(saved(tmp_path / "x.bin", content))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html><html>", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "not a checkpoint that torch can read"),
        (b"PK\x03\x04 cut off", "truncated or damaged"),
    ],
)
def test_files_that_are_no_checkpoint_are_named(tmp_path: Path, content: bytes, said: str):
    (tmp_path / "x.bin").write_bytes(content)
    with pytest.raises(SubjectError, match=said) as error:
        open_checkpoint(tmp_path / "x.bin")
    assert "\n" not in str(error.value)


def test_missing_files_and_folders_are_named(tmp_path: Path):
    with pytest.raises(SubjectError, match="does not exist"):
        open_checkpoint(tmp_path / "x.bin")
    with pytest.raises(SubjectError, match="it is a folder"):
        open_checkpoint(tmp_path)


def test_a_truncated_archive_is_named(tmp_path: Path):
    path = saved(tmp_path / "x.bin", GOOD)
    path.write_bytes(path.read_bytes()[:-200])
    for read in (open_checkpoint, verify_checkpoint):
        with pytest.raises(SubjectError, match="damaged"):
            read(path)


def test_a_flipped_bit_is_found_and_its_place_named(tmp_path: Path):
    path = saved(tmp_path / "x.bin", {"best_state": {"a": torch.full((4096,), 1.5)}})
    verify_checkpoint(path)
    data = bytearray(path.read_bytes())
    place = data.index(torch.full((64,), 1.5).numpy().tobytes())
    data[place + 100] ^= 1
    path.write_bytes(data)
    with pytest.raises(SubjectError, match=r"data/0 does not fit its checksum"):
        verify_checkpoint(path)


def test_a_checkpoint_without_checksums_is_not_called_damaged(tmp_path: Path):
    torch.serialization.set_crc32_options(False)
    try:
        path = saved(tmp_path / "x.bin", {"best_state": {"a": torch.randn(4096)}})
    finally:
        torch.serialization.set_crc32_options(True)
    verify_checkpoint(path)
