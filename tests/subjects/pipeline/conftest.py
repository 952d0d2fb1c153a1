"""A project of the small pipeline: untouched, and with an episode made."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_pipeline import STAGES, SmallPipeline

from proofbook_subjects.pipeline.project import write_project

_SETTINGS = ("OPENAI", "ANTHROPIC", "ELEVENLABS", "INSTAGRAM")


@pytest.fixture(scope="session")
def drawn_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as it is prepared; to be copied."""
    return write_project(tmp_path_factory.mktemp("shortform") / "project")


@pytest.fixture(scope="session")
def filmed_project(drawn_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an episode's film of 90 x 160; to be copied."""
    root = tmp_path_factory.mktemp("filmed") / "project"
    shutil.copytree(drawn_project, root)
    with pytest.MonkeyPatch.context() as patch:
        _set_up(patch)
        patch.setenv("VIDEO_SIZE", "90x160")
        for name, arguments in STAGES.items():
            command = [sys.executable, str(root / "scripts" / f"{name}.py"), *arguments]
            subprocess.run(command, check=True, capture_output=True, cwd=root)
    return root


@pytest.fixture
def filmed(
    filmed_project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> SmallPipeline:
    """A project of this test's own, with a film that may be posted."""
    _set_up(monkeypatch)
    shutil.copytree(filmed_project, tmp_path / "project")
    return SmallPipeline(root=tmp_path / "project", patch=monkeypatch, capture=capsys)


def _set_up(patch: pytest.MonkeyPatch) -> None:
    for name in _SETTINGS:
        patch.delenv(f"{name}_BASE_URL", raising=False)
    patch.setenv("VIDEO_SIZE", "108x192")
    patch.setenv("VOICE_ENGINE", "espeak")
    patch.setenv("SCRIPT_WRITER", "deterministic")
    patch.setenv("API_FIRST_WAIT", "0.01")
    patch.setenv("INSTAGRAM_POLL_SECONDS", "0.01")


@pytest.fixture
def pipeline(
    drawn_project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> SmallPipeline:
    """A project of this test's own, with small films and eSpeak NG."""
    _set_up(monkeypatch)
    shutil.copytree(drawn_project, tmp_path / "project")
    return SmallPipeline(root=tmp_path / "project", patch=monkeypatch, capture=capsys)
