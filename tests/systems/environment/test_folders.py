"""A folder counts as writable only where a file was really written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from leaving_out import leave_out

from proofbook.errors import SubjectError
from proofbook_systems.environment.folders import inspect_folders, require_folder


def test_a_writable_folder_is_left_as_it_was(tmp_path: Path):
    (found,) = inspect_folders(["."], tmp_path)
    assert (found.state, found.reason) == ("writable", "")
    assert found.free_gb > 0
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_missing_and_is_not_made(tmp_path: Path):
    (found,) = inspect_folders(["data"], tmp_path)
    assert found.state == "missing"
    assert not (tmp_path / "data").exists()


def test_a_file_in_the_way_is_no_folder(tmp_path: Path):
    (tmp_path / "data").write_text("in the way")
    (found,) = inspect_folders(["data"], tmp_path)
    assert found.state == "not a folder"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system without files")
def test_a_file_system_that_refuses_is_not_writable():
    (found,) = inspect_folders(["/proc/self"], Path("/"))
    assert found.state == "not writable"
    assert found.reason


def test_a_read_only_mount_is_not_writable(tmp_path: Path):
    code = (
        "from pathlib import Path; from proofbook_systems.environment.folders import *;"
        f"print(inspect_folders(['.'], Path({str(tmp_path)!r}))[0].state)"
    )
    script = f'mount -t tmpfs -o ro none "{tmp_path}" || exit 77; "{sys.executable}" -c "{code}"'
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        capture_output=True,
        text=True,
    )
    if done.returncode == 77 or done.stderr.startswith("unshare:"):
        leave_out("needs to mount a file system in a user namespace, which is not allowed here")
    assert done.stdout.strip() == "not writable"


def test_the_same_folder_twice_is_looked_at_once(tmp_path: Path):
    assert len(inspect_folders([".", "."], tmp_path)) == 1


def test_a_project_that_does_not_exist_is_one_clear_line(tmp_path: Path):
    with pytest.raises(SubjectError, match="nowhere does not exist; give the path"):
        require_folder(tmp_path / "nowhere")
