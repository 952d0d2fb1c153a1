"""A reference project that cannot be trained here says what to install."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from proofbook.errors import SubjectError
from proofbook_subjects.dreambooth.projects import write_project


def test_a_project_without_diffusers_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SubjectError, match=r"^reference:butcher is trained with diffusers, "):
        write_project("butcher", tmp_path)
    assert list(tmp_path.iterdir()) == []
