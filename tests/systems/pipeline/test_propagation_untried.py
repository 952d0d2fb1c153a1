"""A stage that nothing could be broken for has not stopped at it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from proofbook_systems.pipeline.integrations import propagation


def test_what_was_broken_for_no_stage_is_not_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place: Any = SimpleNamespace(folder=tmp_path, path=lambda *names: tmp_path / "not there.json")
    monkeypatch.setattr(propagation, "copy_workspace", lambda *args: place)
    stages = {f"before-{stage}": place for each in propagation._BREAKS for stage in each.stages}
    known = SimpleNamespace(knows=lambda artefact: True)
    bench: Any = SimpleNamespace(
        bases={"all": known, **stages}, folder=tmp_path, episode="e0",
        config=SimpleNamespace(link=[]),
    )  # fmt: skip
    found = list(propagation.judge_propagation(bench))
    assert len(found) == len(propagation._BREAKS)
    assert all("that could be broken" in each.untried for each in found)
