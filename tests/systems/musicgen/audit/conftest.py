"""One small pair of checkpoints for all tests here; each changes a copy."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_checkpoints import Pair, small_pair

from proofbook_subjects.musicgen.reference import save_text_encoder


@pytest.fixture(scope="session")
def text_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text") / "t5"
    save_text_encoder(folder, 1, 48)
    return folder


@pytest.fixture(scope="session")
def base(text_encoder: Path) -> Pair:
    """Not to be changed."""
    return small_pair(text_encoder)


@pytest.fixture
def pair(base: Pair) -> Pair:
    return base.copy()
