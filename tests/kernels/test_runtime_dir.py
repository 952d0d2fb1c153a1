from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest

from proofbook.errors import KernelError
from proofbook.kernels.runtime_dir import is_private, private_folder, runtime_folder


@pytest.fixture
def session(monkeypatch):
    """A session's folder with a path that is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as name:
        monkeypatch.setenv("XDG_RUNTIME_DIR", name)
        yield Path(name)


def test_the_runtime_folder_is_of_this_user_alone_and_short(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "does-not-exist"))
    folder = runtime_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_uid == os.getuid()
    with private_folder() as private:
        assert len(os.fsencode(private.path)) < 70


def test_a_long_or_open_xdg_folder_is_not_used(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 80)
    long.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    assert long not in runtime_folder().parents


def open_to_all(folder):
    folder.mkdir()
    folder.chmod(0o755)


def a_link(folder):
    folder.symlink_to(folder.parent)


def a_file(folder):
    folder.touch()


def a_link_to_nothing(folder):
    folder.symlink_to(folder.parent / "nothing")


@pytest.mark.parametrize("squat", [open_to_all, a_link, a_link_to_nothing, a_file])
def test_another_folder_is_taken_where_the_first_is_not_ours_alone(session, squat):
    squat(session / "proofbook")
    other = runtime_folder()
    assert other != session / "proofbook"
    assert is_private(other)
    assert runtime_folder() == other


def test_no_folder_anywhere_is_one_line(session, monkeypatch):
    monkeypatch.setattr("pathlib.Path.mkdir", _full)
    with pytest.raises(KernelError, match="proofbook cannot be created: No space left"):
        runtime_folder()


def _full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_private_folder_is_in_the_runtime_folder(session):
    (session / "proofbook").mkdir(mode=0o700)
    with private_folder() as private:
        assert private.path.parent == session / "proofbook"


def test_a_link_to_a_private_folder_is_not_private(tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert is_private(tmp_path / "real")
    assert not is_private(tmp_path / "link")
    assert not is_private(tmp_path / "absent")
