"""Forkservers for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proofbook.kernels.ownership import OwnedForkserver, start_forkserver


@pytest.fixture(scope="session")
def forkserver() -> Iterator[OwnedForkserver]:
    """A light forkserver that all tests share and none may end."""
    with start_forkserver(
        ["numpy.random", "matplotlib.pyplot", "multiprocessing.process"], bare=True
    ) as started:
        status = started.wait_ready(60)
        assert status.usable, status.warnings
        yield started


@pytest.fixture
def own_forkserver() -> Iterator[OwnedForkserver]:
    """A forkserver that the test may end."""
    with start_forkserver([], bare=True) as started:
        assert started.wait_ready(60).usable
        yield started


@pytest.fixture(autouse=True)
def _private_runtime(tmp_path_factory: pytest.TempPathFactory, monkeypatch: Any) -> None:
    """Keep the tests away from the forkserver that the user may be running."""
    folder = Path(tmp_path_factory.getbasetemp().parent, "k")
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
