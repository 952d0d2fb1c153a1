"""The small reference model, built once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from proofbook_subjects.musicgen.reference import reference_folder


@pytest.fixture(scope="session")
def reference(cache: Path) -> Path:
    """The folder of the small reference model; not to be changed."""
    return reference_folder("small", cache)
