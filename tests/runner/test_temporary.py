"""Temporary folders go with their job, and a killed runner's go with the next run."""

import subprocess
import tempfile
from pathlib import Path

import pytest

from proofbook.runner.temporary import remove_orphans, temporary_folder


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_it_is_gone_with_the_job() -> None:
    with temporary_folder("generate") as folder:
        (folder / "file").touch()
    assert not folder.exists()


def test_a_killed_runners_folder_is_removed_and_a_living_ones_is_not(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    orphan = tmp_path / f"proofbook-job-{ended.pid}-x-1"
    orphan.mkdir()
    with temporary_folder("generate") as living:
        remove_orphans()
        assert living.exists()
    assert not orphan.exists()
