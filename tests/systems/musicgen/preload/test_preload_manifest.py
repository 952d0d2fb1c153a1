"""The manifest is read, completed and written whole; a place outside of the cache is refused."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.preload.manifest import (
    ManifestEntry,
    complete_manifest,
    read_manifest,
    write_manifest,
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
        ([], "is not an object"),
        ({"small": {"local_path": "x"}}, r"small\.hf_id: Field required"),
        ({"small": 3}, "small: "),
        ({"small": {**ENTRY, "local_path": "/srv/models"}}, r"local_path: /srv/models is absolute"),
        ({"small": {**ENTRY, "local_path": "C:\\models"}}, "is absolute"),
        ({"small": {**ENTRY, "local_path": "a/../../b"}}, "leads out of the cache"),
        ({"small": {**ENTRY, "local_path": "a\\..\\b"}}, "leads out of the cache"),
        ({"small": {**ENTRY, "local_path": "./."}}, "is the cache itself; name a folder in it"),
        (
            {"a": {**ENTRY, "local_path": "m/s"}, "b": {**ENTRY, "local_path": ".\\m\\.\\s"}},
            "a has the same place",
        ),
        ('{"small": %s, "small": %s}' % ((json.dumps(ENTRY),) * 2), "small is there twice"),
        ('{"small": {"hf_id": "a/b", "hf_id": "c/d", "local_path": "x"}}', "hf_id is there twice"),
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


def test_entries_are_added_and_those_of_others_kept(tmp_path: Path):
    path = written(tmp_path, {"small": {**ENTRY, "note": "ours"}})
    medium = ManifestEntry(hf_id="facebook/musicgen-medium", local_path="medium")
    complete_manifest(path, tmp_path, {"medium": medium})
    found = json.loads(path.read_text())
    assert list(found) == ["small", "medium"]
    assert found["small"]["note"] == "ours"
    assert found["medium"] == {"hf_id": "facebook/musicgen-medium", "local_path": "medium",
                               "purpose": "", "license": ""}  # fmt: skip


def test_two_at_once_lose_no_entry(tmp_path: Path):
    path = tmp_path / "deep" / "models_manifest.json"

    def add(number: int) -> None:
        entry = ManifestEntry(hf_id=f"a/m{number}", local_path=f"m{number}")
        complete_manifest(path, tmp_path, {f"m{number}": entry})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(24)))
    assert len(read_manifest(path, tmp_path)) == 24


def test_an_entry_whose_place_is_taken_is_refused_and_nothing_written(tmp_path: Path):
    path = written(tmp_path, {"small": ENTRY})
    before = path.read_bytes()
    with pytest.raises(SubjectError, match="same place"):
        complete_manifest(path, tmp_path, {"b": ManifestEntry(hf_id="x", local_path="small")})
    assert path.read_bytes() == before


def test_a_manifest_that_cannot_be_written_leaves_nothing_beside_it(tmp_path: Path):
    (tmp_path / "models_manifest.json").mkdir()
    with pytest.raises(OSError):
        write_manifest(tmp_path / "models_manifest.json", {})
    assert [p.name for p in tmp_path.iterdir()] == ["models_manifest.json"]


def test_backslashes_and_dots_in_a_place_are_one_folder_below_the_cache(tmp_path: Path):
    path = written(tmp_path, {"small": {**ENTRY, "local_path": ".\\models\\.\\small"}})
    assert read_manifest(path, tmp_path)["small"].local_path == "models/small"


def test_a_manifest_that_is_complete_is_not_touched(tmp_path: Path):
    path = written(tmp_path, {"small": ENTRY})
    before = path.stat()
    complete_manifest(path, tmp_path, read_manifest(path, tmp_path))
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
