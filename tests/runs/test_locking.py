"""A lock is held by one, and nothing that was put in its place is opened."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import HANG

from proofbook.errors import RunFolderError
from proofbook.runs.locking import locked


def _bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(path))  # an address has a length of its own


def test_a_lock_is_held_by_one_and_free_again(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    other = locked(path, busy="it is busy")
    with locked(path), pytest.raises(RunFolderError, match=r"^it is busy$"), other:
        pytest.fail("both hold it")
    with locked(path, busy="it is busy"):
        assert path.is_file()


def test_what_goes_wrong_while_it_is_held_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(PermissionError, match="of its own"), locked(tmp_path / ".lock"):
        raise PermissionError("of its own")
    with locked(tmp_path / ".lock", busy="it is busy"):
        pass


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("a folder", Path.mkdir),
        ("a pipe", os.mkfifo),
        ("a socket", _bind),
        ("a link", lambda path: path.symlink_to(path.parent / "elsewhere")),
    ],
)
def test_what_is_no_plain_file_is_refused_in_a_line_and_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, make: Callable[[Path], object]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ".lock"
    make(path)
    before = path.lstat()
    for busy in ("", "it is busy"):
        with pytest.raises(RunFolderError) as caught, locked(path, busy=busy):
            pytest.fail("it is locked")
        assert str(caught.value) == f"{path} is {kind}, and a lock is a plain file: remove it"
    assert path.lstat().st_ino == before.st_ino
    assert [each.name for each in tmp_path.iterdir()] == [".lock"]


def test_a_device_is_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, device = tmp_path / ".lock", Path("/dev/zero").stat()
    monkeypatch.setattr(Path, "lstat", lambda _: device)
    with pytest.raises(RunFolderError, match=r"\.lock is a device, and"), locked(path):
        pytest.fail("it is locked")


def test_a_lock_in_a_folder_that_is_none_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    words = r"run/\.lock cannot be locked: (File exists|Not a directory)$"
    with pytest.raises(RunFolderError, match=words), locked(tmp_path / "run" / ".lock"):
        pytest.fail("it is locked")


def test_a_lock_that_is_held_is_waited_for(tmp_path: Path) -> None:
    path, order = tmp_path / ".lock", list[str]()

    def follow() -> None:
        with locked(path):
            order.append("second")

    with locked(path):
        thread = threading.Thread(target=follow)
        thread.start()
        thread.join(0.02)
        order.append("first")
    thread.join(HANG)
    assert order == ["first", "second"]
