"""The cache gets what it lacks, keeps what it has, and is written over by nobody."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from proofbook.errors import SubjectError
from proofbook.files import hash_file
from proofbook_systems.musicgen.preload import verification
from proofbook_systems.musicgen.preload.checksums import NOTES_FILE, Note, read_notes, write_notes
from proofbook_systems.musicgen.preload.listing import write_listing
from proofbook_systems.musicgen.preload.origins import FolderOrigin, Stream
from proofbook_systems.musicgen.preload.store import log_progress, preload, take_over

FILES = {"config.json": b"{}", "model.bin": bytes(1000), "t5/config.json": b"{ }"}


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return fill(tmp_path / "there", FILES)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "small"


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@dataclass(frozen=True, kw_only=True)
class Interrupted(FolderOrigin):
    """A folder during whose second file somebody presses Ctrl-C."""

    @contextmanager
    def open(self, path: str, start: int, version: str) -> Iterator[Stream]:
        with super().open(path, start, version) as stream:
            if path == "model.bin":
                yield stream._replace(chunks=self._broken())
            else:
                yield stream

    def _broken(self) -> Iterator[bytes]:
        yield bytes(10)
        raise KeyboardInterrupt


def test_a_folder_is_copied_without_what_is_hidden_or_unfinished(there: Path, here: Path):
    fill(there, dict.fromkeys((".hidden", "b.part", "manifest.sha256.json", "x.lock"), b"x"))
    result = preload(FolderOrigin(folder=there), here)
    assert sorted(read_notes(here)) == sorted(FILES)
    assert (result.bytes_there, result.bytes_brought) == (1005, 1005)
    assert result.megabytes_per_second > 0


def test_a_second_preload_brings_nothing(there: Path, here: Path):
    preload(FolderOrigin(folder=there), here)
    again = preload(FolderOrigin(folder=there), here)
    assert (again.bytes_brought, again.megabytes_per_second) == (0, 0.0)


@pytest.mark.parametrize(
    "damage", [lambda p: p.unlink(), lambda p: p.write_bytes(b"cut")], ids=["deleted", "cut"]
)
def test_a_file_that_was_lost_is_brought_again(
    there: Path, here: Path, damage: Callable[[Path], None]
):
    preload(FolderOrigin(folder=there), here)
    damage(here / "model.bin")
    assert preload(FolderOrigin(folder=there), here).bytes_brought == 1000
    assert verification.check_files(here) == []


def test_a_source_that_changed_is_brought_again(there: Path, here: Path):
    preload(FolderOrigin(folder=there), here)
    (there / "model.bin").write_bytes(bytes(2000))
    assert preload(FolderOrigin(folder=there), here).bytes_brought == 2000
    assert read_notes(here)["model.bin"].size == 2000


def test_one_that_was_ended_early_does_not_look_complete(there: Path, here: Path):
    with pytest.raises(KeyboardInterrupt):
        preload(Interrupted(folder=there), here)
    assert [finding[:2] for finding in verification.check_files(here)] == [
        ("unfinished", "model.bin"),
        ("missing", "t5/config.json"),
    ]
    assert "did not arrive" in write_listing(here.parent / "list.txt", {"small": here}).read_text()
    assert preload(FolderOrigin(folder=there), here).bytes_brought == 1003
    assert verification.check_files(here) == []


def test_a_part_of_what_the_source_no_longer_has_is_cleared_away(there: Path, here: Path):
    with pytest.raises(KeyboardInterrupt):
        preload(Interrupted(folder=there), here)
    (there / "model.bin").unlink()
    preload(FolderOrigin(folder=there), here)
    assert verification.check_files(here) == []


def test_checksums_of_the_source_are_compared(there: Path, here: Path):
    preload(FolderOrigin(folder=there), here)
    (here / "model.bin").write_bytes(b"1" * 1000)
    with pytest.raises(SubjectError, match=r"model\.bin .* has sha256 .* should have"):
        preload(FolderOrigin(folder=here), here.parent / "second")  # its notes tell


@pytest.mark.parametrize(
    "line", ["{1} *./{0}", "{1}  {0}\r", "SHA256 ({0}) = {1}", "# of the release\n{1}  {0}"]
)
def test_published_checksums_are_read_in_every_form(there: Path, here: Path, line: str):
    sums = there / "SHA256SUMS"
    sums.write_text(line.format("model.bin", hash_file(there / "model.bin").upper()) + "\n")
    preload(FolderOrigin(folder=there), here)
    sums.write_text(line.format("model.bin", "0" * 64) + "\n")
    with pytest.raises(SubjectError, match=r"model\.bin .* should have 000000000000"):
        preload(FolderOrigin(folder=there), here.with_name("other"))


@pytest.mark.parametrize("lists", ["SHA256SUMS", NOTES_FILE])
def test_a_source_that_lacks_what_it_lists_is_named(there: Path, here: Path, lists: str):
    if lists == NOTES_FILE:
        write_notes(there, {"gone.bin": Note(7, "", arrived=False)})
    else:
        (there / lists).write_text(f"{'0' * 64}  gone.bin\n")
    with pytest.raises(SubjectError, match=r"lacks gone\.bin"):
        preload(FolderOrigin(folder=there), here)


def test_another_model_is_never_mixed_in(there: Path, here: Path, tmp_path: Path):
    preload(FolderOrigin(folder=there), here)
    other = fill(tmp_path / "other", {"config.json": b"[]"})
    with pytest.raises(SubjectError, match=r"preloaded from elsewhere: model\.bin is not in"):
        preload(FolderOrigin(folder=other), here)
    assert (here / "config.json").read_bytes() == b"{}"


def test_what_somebody_else_put_there_is_never_written_over(there: Path, here: Path):
    fill(here, {"config.json": b"[]"})
    with pytest.raises(SubjectError, match=r"config\.json is there already"):
        preload(FolderOrigin(folder=there), here)
    assert (here / "config.json").read_bytes() == b"[]"
    assert sorted(p.name for p in here.iterdir()) == ["config.json"]


def test_what_somebody_else_put_there_is_taken_over_where_it_is_the_same(there: Path, here: Path):
    fill(here, {"model.bin": FILES["model.bin"]})
    assert preload(FolderOrigin(folder=there), here).bytes_brought == 5
    assert verification.check_files(here) == []


def test_a_folder_may_be_its_own_source(there: Path):
    assert preload(FolderOrigin(folder=there), there).bytes_brought == 0
    assert verification.check_files(there) == []


def test_a_folder_that_is_full_already_is_noted_once(there: Path, tmp_path: Path):
    result = take_over(there)
    assert result is not None
    assert (result.bytes_there, result.bytes_brought) == (1005, 0)
    (there / "model.bin").write_bytes(b"1" * 1000)
    take_over(there)
    assert [f[:2] for f in verification.check_files(there)] == [("changed", "model.bin")]
    assert take_over(tmp_path / "nothing") is None
    (tmp_path / "empty").mkdir()
    assert take_over(tmp_path / "empty") is None


def test_a_source_without_files_is_named(here: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SubjectError, match="has no files"):
        preload(FolderOrigin(folder=tmp_path / "empty"), here)


def test_a_cache_that_cannot_be_written_is_named(there: Path, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(SubjectError, match=r"cache folder .* cannot be written"):
        preload(FolderOrigin(folder=there), tmp_path / "file" / "small")


def test_a_disk_that_is_too_small_is_told_before_anything_is_brought(
    there: Path, here: Path, monkeypatch: pytest.MonkeyPatch
):
    usage = shutil.disk_usage(there)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(SubjectError, match=r"to bring and 0\.00 GB are free"):
        preload(FolderOrigin(folder=there), here)
    assert not (here / "model.bin").exists()
    assert preload(FolderOrigin(folder=there, linked=True), here).bytes_brought == 1005


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"a": 3}',
        '{"a": {"size": 1}}',
        '{"a": {"size": 1, "sha256": "short"}}',
        '{"../a": {"size": 1, "sha256": "' + "0" * 64 + '"}}',
    ],
)
def test_damaged_notes_are_one_line(here: Path, content: str):
    fill(here, {NOTES_FILE: content.encode()})
    with pytest.raises(SubjectError, match="is damaged") as error:
        read_notes(here)
    assert "\n" not in str(error.value)
    assert [f[:2] for f in verification.check_files(here)] == [("unreadable", NOTES_FILE)]
    assert "did not arrive" in write_listing(here.parent / "list.txt", {"small": here}).read_text()


def test_progress_is_a_line_for_every_fifty_million_bytes(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO", "proofbook.musicgen")
    report = log_progress()
    for have in range(0, 120_000_001, 1_000_000):
        report("model.bin", have, 120_000_000)
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "model.bin: 50000000 bytes (41 %)",
        "model.bin: 100000000 bytes (83 %)",
        "model.bin: 120000000 bytes (100 %)",
    ]


def test_notes_of_an_earlier_version_are_read(here: Path):
    fill(here, {NOTES_FILE: json.dumps({"a": {"size": 1, "sha256": "0" * 64}}).encode()})
    assert read_notes(here) == {"a": Note(1, "0" * 64, arrived=True)}


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Take the right to write, from root too: that of another user is looked at."""
    places = [folder, *folder.rglob("*")]
    for place in places:
        place.chmod(0o555 if place.is_dir() else 0o444)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        for place in places:
            place.chmod(0o755 if place.is_dir() else 0o644)


@pytest.fixture
def open_cache() -> Iterator[Path]:
    """A folder that every user may look into, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_read_only_cache_that_is_whole_is_taken_as_it_is(open_cache: Path):
    there, here = fill(open_cache / "there", FILES), open_cache / "cache" / "small"
    preload(FolderOrigin(folder=there), here)
    for lock in open_cache.rglob("*.lock"):
        lock.unlink()
    with read_only(open_cache):
        assert preload(FolderOrigin(folder=there), here).bytes_brought == 0
        again = take_over(here)
        assert again is not None and again.bytes_there == 1005
        assert verification.check_files(here) == []


def test_a_read_only_cache_that_lacks_something_is_told_so_in_one_line(open_cache: Path):
    there, here = fill(open_cache / "there", FILES), open_cache / "cache" / "small"
    preload(FolderOrigin(folder=there), here)
    (here / "model.bin").unlink()
    bare = fill(open_cache / "cache" / "bare", FILES)
    with read_only(open_cache):
        with pytest.raises(
            SubjectError, match=r"cannot be written and lacks model\.bin as "
        ) as one:
            preload(FolderOrigin(folder=there), here)
        with pytest.raises(SubjectError, match="and has no checksums of an earlier preload"):
            take_over(bare)
    assert "\n" not in str(one.value)
