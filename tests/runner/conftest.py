"""Fixtures for real runs, against one forkserver that all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psutil
import pytest
from running import Runner
from waiting import WHOLE_SESSION

from proofbook.kernels import shared_forkserver
from proofbook.project import Project


@pytest.fixture(scope="session")
def forkserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A shared forkserver in a runtime folder of the tests' own; yields the environment."""
    folder = tmp_path_factory.mktemp("runtime")
    folder.chmod(0o700)
    own = {"XDG_RUNTIME_DIR": str(folder)}
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        shared_forkserver.start_shared((), idle=WHOLE_SESSION)
        yield own
    finally:
        shared_forkserver.stop_shared()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


@pytest.fixture
def runner(project: Project, forkserver: dict[str, str]) -> Iterator[Runner]:
    """A runner whose processes are ended with the test."""
    yield Runner(project)
    for process in psutil.process_iter(["cmdline"]):
        if str(project.root) in " ".join(process.info["cmdline"] or []):
            process.kill()


@pytest.fixture
def on_cluster() -> tuple[str, ...]:
    """The options of a run on the session's cluster."""
    import ray_cluster  # it imports Ray, which takes seconds

    return "--executor", "ray", "--address", ray_cluster.address()
