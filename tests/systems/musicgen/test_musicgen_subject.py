"""A model is found by name, and what is wrong with its files is said in one line."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.subject import check_folder, check_safetensors, find_model


def refused(model: str | Path, cache: Path | None = None) -> str:
    with pytest.raises(SubjectError) as caught:
        find_model(str(model), cache)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_reference_is_found_by_its_size(cache: Path, reference: Path):
    model = find_model("reference:small", cache)
    assert (model.name, model.folder) == ("small", reference)


def test_a_reference_of_a_teams_own_package_is_looked_over_as_any_other(
    install_subjects: Callable[..., None], folder: Path
):
    source = (
        f"from pathlib import Path\n\nMODELS = {{'own/tiny': lambda root: Path({str(folder)!r})}}"
    )
    install_subjects("acme", source, kind="musicgen.model")
    model = find_model("reference:own/tiny")
    assert (model.name, model.folder) == ("own-tiny", folder)
    (folder / "config.json").write_text("{}")
    assert "not a musicgen model" in refused("reference:own/tiny")
    assert "reference:own/tiny" in refused("reference:huge")


def test_an_unknown_size_lists_those_there_are(cache: Path):
    assert "reference:small, reference:medium" in refused("reference:huge", cache)


def test_a_folder_is_found_and_called_by_its_last_word(folder: Path):
    model = find_model(str(folder))
    assert (model.name, model.folder) == ("mine", folder)


@pytest.mark.parametrize("model", ["/no/such/folder", "./nowhere", "nowhere", "~/no/such/model"])
def test_a_folder_that_does_not_exist_says_what_to_give(model: str):
    assert "does not exist; give the folder that holds config.json" in refused(model)


def test_a_file_is_no_folder(folder: Path):
    assert "is a file; give the folder" in refused(folder / "config.json")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("config.json", "config.json is missing"),
        ("model.safetensors", "model.safetensors is missing"),
        ("tokenizer.json", "has no tokenizer.json or spiece.model"),
        ("processor_config.json", "has no preprocessor_config.json or processor_config.json"),
    ],
)
def test_a_missing_file_is_named(folder: Path, name: str, words: str):
    (folder / name).unlink()
    assert words in refused(folder)


@pytest.mark.parametrize("content", ["{", "[]", '{"model_type": "gpt2"}'])
def test_a_configuration_of_something_else_is_refused(folder: Path, content: str):
    (folder / "config.json").write_text(content)
    assert "config.json" in refused(folder)


@pytest.mark.parametrize("keep", [0, 4, 100, 5_000_000])
def test_a_truncated_file_is_named_wherever_it_was_cut(folder: Path, keep: int):
    path = folder / "model.safetensors"
    os.truncate(path, keep)
    message = refused(folder)
    assert str(path) in message
    assert "download or save the model again" in message


def test_a_truncated_file_says_how_much_is_there_and_should_be(folder: Path):
    path = folder / "model.safetensors"
    size = path.stat().st_size
    os.truncate(path, size - 1)
    assert f"is truncated: it has {size - 1:,} bytes and should have {size:,}" in refused(folder)


def test_a_file_with_a_tail_is_damaged(folder: Path):
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"tail")
    assert "is damaged" in refused(folder)


@pytest.mark.parametrize("content", [b"not safetensors at all", struct.pack("<Q", 2) + b"]["])
def test_another_kind_of_file_is_no_safetensors(tmp_path: Path, content: bytes):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(SubjectError, match=r"a\.safetensors"):
        check_safetensors(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "git-lfs"),
        (b"<!doctype html><html>", "is a web page"),
    ],
)
def test_what_stands_in_a_files_place_is_named(tmp_path: Path, content: bytes, words: str):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(SubjectError, match=words):
        check_safetensors(tmp_path / "a.safetensors")


def test_an_index_that_an_earlier_save_has_left_is_not_read(folder: Path):
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "gone"}}')
    check_folder(folder)


def test_every_shard_of_an_index_is_looked_at(folder: Path):
    shard = folder / "model-00001-of-00001.safetensors"
    (folder / "model.safetensors").rename(shard)
    index = {"weight_map": {"a": shard.name, "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "model-00002-of-00002.safetensors is missing" in refused(folder)
    index["weight_map"].pop("b")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    check_folder(folder)


class Trap:
    def __reduce__(self):
        return Path.touch, (Path("sprung"),)


def test_a_pickle_is_refused_and_not_opened(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder.parent)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    assert "only as .bin files, which are not loaded here" in refused(folder)
    assert not Path("sprung").exists()


RESOLVE = """
import sys
from proofbook.errors import SubjectError
from proofbook_systems.musicgen.subject import find_model
try:
    found = find_model(sys.argv[1])
    print(found.name, found.folder)
except SubjectError as error:
    print("refused:", error)
"""


def resolve_offline(model: str, home: Path) -> str:
    environ = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    environ.pop("HF_HUB_CACHE", None)
    command = [sys.executable, "-c", RESOLVE, model]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def cached_repository(home: Path, reference: Path) -> Path:
    """Lay a model into the hub's cache as a download does."""
    repository = home / "hub" / "models--someone--musicgen-tiny"
    commit = "0123456789abcdef0123456789abcdef01234567"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    return Path(shutil.copytree(reference, repository / "snapshots" / commit))


def test_offline_a_model_that_is_not_cached_says_what_to_do(tmp_path: Path):
    answer = resolve_offline("facebook/musicgen-small", tmp_path)
    assert answer.startswith("refused: model facebook/musicgen-small is not in the hub's cache")
    assert answer.endswith("set HF_HOME to a cache that has it, or give a local folder")


def test_offline_a_cached_model_is_found(tmp_path: Path, reference: Path):
    snapshot = cached_repository(tmp_path, reference)
    assert resolve_offline("someone/musicgen-tiny", tmp_path) == f"tiny {snapshot}"


def test_offline_a_half_downloaded_model_names_its_file(tmp_path: Path, reference: Path):
    snapshot = cached_repository(tmp_path, reference)
    (snapshot / "model.safetensors").unlink()
    answer = resolve_offline("someone/musicgen-tiny", tmp_path)
    assert answer.startswith(f"refused: {snapshot}/model.safetensors is missing")
