"""Fixtures for tests that open JupyterLab in a browser."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browsing import PATIENCE, Lab, run_lab
from playwright.sync_api import Browser, Page
from waiting import HANG, WHOLE_SESSION

from proofbook.kernels import shared_forkserver
from proofbook.project import Project


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1600, "height": 1100})
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture
def lab_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's Jupyter settings out."""
    home = tmp_path / "jupyter"
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        monkeypatch.setenv(f"JUPYTER_{name}", str(home / name.lower()))
    for name in ("SETTINGS", "WORKSPACES"):
        monkeypatch.setenv(f"JUPYTERLAB_{name}_DIR", str(home / name.lower()))
    monkeypatch.setenv("IPYTHONDIR", str(home / "ipython"))
    return home


@pytest.fixture
def lab(lab_home: Path, project: Project) -> Iterator[Callable[..., Lab]]:
    """Return a function that starts ``proofbook lab`` and waits for its address."""
    with contextlib.ExitStack() as stack:
        yield lambda *words: stack.enter_context(run_lab(project, words))


@pytest.fixture
def exposed(lab_home: Path) -> Path:
    """Let tests reach JupyterLab's own objects in the page; return the folder of its settings."""
    (lab_home / "config_dir").mkdir(parents=True)
    config = {"LabApp": {"expose_app_in_browser": True}}
    (lab_home / "config_dir/jupyter_lab_config.json").write_text(json.dumps(config))
    return lab_home / "settings"


@pytest.fixture(scope="session")
def warm_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of runs that are there before JupyterLab: with a forkserver of their own."""
    runtime = tmp_path_factory.mktemp("runtime")
    runtime.chmod(0o700)
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(runtime)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        shared_forkserver.start_shared((), idle=WHOLE_SESSION)
    yield environment
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        shared_forkserver.stop_shared()


@pytest.fixture
def make_run(project: Project, warm_environment: dict[str, str]) -> Callable[..., None]:
    """Return a function that runs the project's profile, which has to end with ``code``."""

    def run(*words: str, code: int = 0) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "proofbook", "run", *words],
            cwd=project.root, env=warm_environment, timeout=HANG, check=False,
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr

    return run
