"""The manifest is read, completed and written whole; a place outside of the cache is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proofbook.errors import SubjectError
from proofbook.systems.musicgen.preload.manifest import read_manifest, write_manifest
from proofbook.systems.musicgen.preload.resolution import (
    cache_folder,
    is_offline,
    resolve_origin,
    wanted_models,
)

ENTRY = {"hf_id": "facebook/musicgen-small", "local_path": "small", "purpose": "music",
         "license": "CC-BY-NC 4.0"}  # fmt: skip


def written(folder: Path, content: Any) -> Path:
    path = folder / "models_manifest.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_what_others_wrote_into_it_is_kept(tmp_path: Path):
    path = written(tmp_path, {"small": {**ENTRY, "sampling": [1, 2]}})
    entries = read_manifest(path, tmp_path)
    write_manifest(path, entries)
    assert json.loads(path.read_text()) == {"small": {**ENTRY, "sampling": [1, 2]}}
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_no_file_is_no_models(tmp_path: Path):
    assert read_manifest(tmp_path / "none.json", tmp_path) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read"),
        ([], "is no object"),
        ({"small": {"local_path": "x"}}, r"small\.hf_id: Field required"),
        ({"small": 3}, "small: "),
        ({"small": {**ENTRY, "local_path": "/srv/models"}}, r"local_path: /srv/models is absolute"),
        ({"small": {**ENTRY, "local_path": "C:\\models"}}, "is absolute"),
        ({"small": {**ENTRY, "local_path": "a/../../b"}}, "leads out of the cache"),
        ({"small": {**ENTRY, "local_path": "a\\..\\b"}}, "leads out of the cache"),
        ({"a": ENTRY, "b": ENTRY}, r"b\.local_path: a has the same place"),
        ({"a": ENTRY, "b": {**ENTRY, "local_path": "./small/"}}, "a has the same place"),
    ],
)
def test_what_is_no_manifest_is_one_line(tmp_path: Path, content: Any, said: str):
    with pytest.raises(SubjectError, match=said) as error:
        read_manifest(written(tmp_path, content), tmp_path)
    assert "\n" not in str(error.value)


def test_a_link_out_of_the_cache_is_refused(tmp_path: Path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "small").symlink_to(tmp_path)
    with pytest.raises(SubjectError, match="link out of the cache"):
        read_manifest(written(tmp_path, {"small": ENTRY}), tmp_path / "cache")


def test_a_model_without_a_source_is_the_manifests(tmp_path: Path):
    known = read_manifest(written(tmp_path, {"small": ENTRY}), tmp_path)
    (small, other) = wanted_models({"small": "", "my model": "folder"}, known)
    assert (small.source, small.entry) == ("facebook/musicgen-small", known["small"])
    assert other.entry.local_path == "my-model"
    with pytest.raises(SubjectError, match=r"large has no source .*\(small\)"):
        wanted_models({"large": ""}, known)


def test_the_cache_is_where_the_environment_says(tmp_path: Path):
    environ = {"AUDIOCRAFT_CACHE_DIR": "/a", "PROOFBOOK_CACHE": "/p"}
    assert cache_folder(str(tmp_path), environ) == tmp_path
    assert cache_folder("", environ) == Path("/a")
    assert cache_folder("", {"PROOFBOOK_CACHE": "/p"}) == Path("/p/models")


@pytest.mark.parametrize(("value", "found"), [("1", True), ("ON", True), ("0", False), ("", False)])
def test_the_hubs_own_switch_is_honoured(value: str, found: bool):
    assert is_offline(False, {"HF_HUB_OFFLINE": value}) is found
    assert is_offline(True, {})


def test_offline_the_network_is_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import socket

    def fail(*args: object) -> None:
        raise AssertionError("the network was tried")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(socket.socket, "connect", fail)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for source in ("facebook/musicgen-nowhere", "https://mirror.invalid/x"):
        assert resolve_origin(source, "https://mirror.invalid", offline=True) is None


def test_a_source_that_is_nothing_is_named():
    with pytest.raises(SubjectError, match="is no folder here"):
        resolve_origin("/nowhere/at/all", "", offline=False)
