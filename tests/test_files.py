"""Files of a folder that was received are read only where they are files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from proofbook.files import (
    hash_file,
    open_file,
    read_at_most,
    read_file,
    read_given,
    read_given_text,
)


def test_a_file_is_read_and_hashed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"words")
    assert read_file(path) == b"words"
    assert hash_file(path) == hashlib.sha256(b"words").hexdigest()
    (tmp_path / "link").symlink_to(path)
    with open_file(tmp_path / "link") as file:
        assert file.read(2) == b"wo"


@pytest.mark.parametrize("read", [read_file, hash_file, open_file])
def test_a_pipe_is_not_waited_for(tmp_path: Path, read: object) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(OSError, match="it is a pipe or a device, and no file") as caught:
        read(path)  # type: ignore[operator]
    assert caught.value.filename == str(path)


def test_a_device_is_not_read() -> None:
    with pytest.raises(OSError, match="it is a pipe or a device"):
        read_file(Path("/dev/zero"))


def test_a_folder_and_a_file_that_is_not_there_are_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=f"Is a directory: '{tmp_path}'"):
        read_file(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "gone")


def test_a_file_that_is_named_is_read_whole_or_refused_for_its_size(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_given(path, largest=5) == b"12345"
    with pytest.raises(OSError, match="it is larger than 0 MB"):
        read_given(path, largest=4)
    assert read_at_most(path, 3) == b"123"
    os.truncate(path, 3 << 30)
    with pytest.raises(OSError, match="it is larger than 64 MB"):
        read_given(path)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/random"])
def test_a_device_that_is_named_is_refused(device: str) -> None:
    with pytest.raises(OSError, match="it is a device, and no file"):
        read_given(Path(device))


def test_what_has_nothing_in_it_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert read_given(Path(os.devnull)) == read_given(tmp_path / "empty") == b""


def test_a_pipe_that_is_named_is_read_as_long_as_somebody_writes(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(TimeoutError, match="it is a pipe, and nobody writes into it"):
        read_given(path, patience=0.01)
    read_end, write_end = os.pipe()
    os.write(write_end, b"a\r\nb\rc\n")
    os.close(write_end)
    try:
        assert read_given_text(Path(f"/dev/fd/{read_end}")) == "a\nb\nc\n"
    finally:
        os.close(read_end)


def test_what_is_refused_is_closed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    before = _open_files()
    for place in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError, match=r"pipe|directory"):
            read_file(place)
    assert _open_files() == before


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
