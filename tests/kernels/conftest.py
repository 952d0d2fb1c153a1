"""Forkservers for the tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from proofbook.kernels.ownership import OwnedForkserver, start_forkserver


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runtime folder that is not the user's: with no forkserver that the user may be running."""
    folder = Path(tmp_path_factory.getbasetemp().parent, "k")
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    return folder


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
