from __future__ import annotations

import os

import pytest

from proofbook.errors import KernelError
from proofbook.kernels.runtime_dir import is_private, private_folder, runtime_folder


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


def test_a_runtime_folder_that_others_can_enter_is_refused(tmp_path, monkeypatch):
    session = tmp_path / "r"
    session.mkdir(mode=0o700)
    if len(os.fsencode(session)) > 60:
        pytest.skip("the temporary folder's path is too long for a socket")
    (session / "proofbook").mkdir()
    (session / "proofbook").chmod(0o755)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(session))
    with pytest.raises(KernelError, match="0700"):
        runtime_folder()
    (session / "proofbook").chmod(0o700)
    with private_folder() as private:
        assert private.path.parent == session / "proofbook"


def test_a_link_to_a_private_folder_is_not_private(tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert is_private(tmp_path / "real")
    assert not is_private(tmp_path / "link")
    assert not is_private(tmp_path / "absent")
