"""A file is hashed once for as long as it stays as it is, and again once it has changed."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from job_files import PASSED, JobFiles, whole

from proofbook.records import MediaFile
from proofbook.runs.media_index import MediaIndex
from proofbook.runs.media_store import store_media


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file was hashed, by its name."""
    counts: Counter[str] = Counter()
    digest = hashlib.file_digest

    def count(file: Any, *arguments: Any) -> Any:
        counts[Path(file.name).name] += 1
        return digest(file, *arguments)

    monkeypatch.setattr(hashlib, "file_digest", count)
    return counts


def stored(folder: Path, data: bytes = b"sound") -> MediaFile:
    file = store_media(folder, data, ".wav")
    (folder / file.filename).chmod(0o644)
    return file


def test_a_file_is_hashed_once(tmp_path: Path, hashed: Counter[str]) -> None:
    file = stored(tmp_path)
    hashed.clear()
    index = MediaIndex(tmp_path)
    assert [index.problem(file) for _ in range(3)] == ["", "", ""]
    assert index.sha256(tmp_path / file.filename) == file.sha256
    assert hashed == {file.filename: 1}


@pytest.mark.parametrize("backdated", [False, True])
def test_other_bytes_of_the_same_size_are_noticed(tmp_path: Path, backdated: bool) -> None:
    file = stored(tmp_path)
    index, path = MediaIndex(tmp_path), tmp_path / file.filename
    assert index.problem(file) == ""
    before = path.stat()
    path.write_bytes(b"noise")
    if backdated:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert index.problem(file) == "has other bytes than were recorded"


def test_a_file_of_another_size_is_not_read(tmp_path: Path, hashed: Counter[str]) -> None:
    file = stored(tmp_path)
    hashed.clear()
    (tmp_path / file.filename).write_bytes(b"longer than before")
    assert MediaIndex(tmp_path).problem(file) == "has other bytes than were recorded"
    assert not hashed


def test_what_is_not_a_file_is_missing(tmp_path: Path) -> None:
    file = stored(tmp_path)
    (tmp_path / file.filename).unlink()
    assert MediaIndex(tmp_path).problem(file) == "is missing"
    (tmp_path / file.filename).mkdir()
    assert MediaIndex(tmp_path).problem(file) == "is missing"


def test_a_file_that_cannot_be_read_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = stored(tmp_path)

    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("proofbook.runs.media_index.hash_file", refuse)
    assert MediaIndex(tmp_path).problem(file) == "cannot be read: Permission denied"


def test_a_job_is_judged_by_hashing_each_of_its_media_once(
    tmp_path: Path, hashed: Counter[str]
) -> None:
    files = JobFiles(tmp_path)
    evidence = files.store()
    files.write(whole(PASSED, evidence, evidence.model_copy(update={"name": "again"})))
    hashed.clear()
    assert files.judge()[0] == "passed"
    assert hashed == {evidence.file.filename: 1, evidence.views["waveform"].filename: 1}
