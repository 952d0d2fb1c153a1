"""A pipeline of another layout than the reference, as a project of one program."""

from __future__ import annotations

from pathlib import Path

import pytest
import second_pipeline


@pytest.fixture(scope="session")
def second_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("second")
    source = Path(second_pipeline.__file__).read_text(encoding="utf-8")
    (folder / "pipe.py").write_text(source, encoding="utf-8")
    return folder
