"""A job's temporary folder goes with the job, and a killed runner's with the next run."""

import os
import tempfile
from pathlib import Path

import pytest

from proofbook.processes import TemporaryFolder
from proofbook.runner.temporary import NODE_PREFIX, remove_orphans, temporary_folder


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_it_is_gone_with_the_job() -> None:
    with temporary_folder("generate") as folder:
        (folder / "file").touch()
        assert folder.name.startswith(f"proofbook-job-{os.getpid()}-generate-")
    assert not folder.exists()


def test_a_killed_runners_folder_is_removed_and_a_living_ones_is_not(tmp_path: Path) -> None:
    names = (f"proofbook-job-{os.getpid()}-x-1", f"{NODE_PREFIX}1")
    orphans = [tmp_path / name for name in names]
    for orphan in orphans:
        orphan.mkdir()  # nobody holds a lease on it, whoever has that process id by now
    with temporary_folder("generate") as living, TemporaryFolder(NODE_PREFIX) as node:
        remove_orphans()
        assert living.exists()
        assert node.path.exists()
    assert not any(orphan.exists() for orphan in orphans)
