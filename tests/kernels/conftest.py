"""Forkservers for the tests of this folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from proofbook.kernels.ownership import OwnedForkserver, start_forkserver


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A runtime folder of this process: with no forkserver of the user's, or of another worker.

    Beside what pytest makes, as the paths of sockets in it must be short.
    """
    folder = Path(tmp_path_factory.getbasetemp().parent, f"k{os.getpid()}")
    folder.mkdir(mode=0o700)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def forkserver(runtime: Path) -> Iterator[OwnedForkserver]:
    """A light forkserver that all tests share and none may end."""
    modules = ["numpy.random", "matplotlib.pyplot", "multiprocessing.process"]
    # Kernels must have the same environment, so it is as the next fixture makes it.
    env = {**os.environ, "XDG_RUNTIME_DIR": str(runtime)}
    with start_forkserver(modules, env=env, bare=True) as started:
        status = started.wait_ready()
        assert status.usable, status.warnings
        yield started


@pytest.fixture
def own_forkserver() -> Iterator[OwnedForkserver]:
    """A forkserver that the test may end."""
    with start_forkserver([], bare=True) as started:
        assert started.wait_ready().usable
        yield started


@pytest.fixture(autouse=True)
def _private_runtime(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
