"""``musicgen/preload``: green on whole models, red on each damage, honest without an engine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proofbook.errors import SubjectError

pytestmark = pytest.mark.slow
Run = Callable[..., Any]
NAME = "musicgen/preload"


@pytest.fixture
def own(reference: Path, tmp_path: Path) -> dict[str, Any]:
    """Parameters: one model from a folder, into an own cache."""
    source = Path(shutil.copytree(reference, tmp_path / "source"))
    return {"models": {"small": str(source)}, "cache_dir": str(tmp_path / "models")}


def test_whole_models_are_green_and_in_the_manifest(run_cells: Run, own: dict[str, Any]):
    done = run_cells(NAME, **own)
    assert (done.error, done.red) == (None, [])
    assert done.checks["container-preload"].reason == "no Dockerfile is given"
    manifest = json.loads((Path(own["cache_dir"]) / "models_manifest.json").read_text())
    assert manifest["small"]["local_path"] == "small"


def test_a_changed_file_in_the_cache_is_red(run_cells: Run, own: dict[str, Any]):
    path = Path(own["cache_dir"]) / "small" / "model.safetensors"

    def flip(names: dict[str, Any]) -> None:
        data = bytearray(path.read_bytes())
        data[-5] ^= 1
        path.write_bytes(data)

    done = run_cells(NAME, after={"bring": flip}, **own)
    assert done.red == ["small-files"]
    assert "model.safetensors (changed)" in str(done.checks["small-files"].actual)


def test_a_truncated_source_is_red_in_every_way(run_cells: Run, own: dict[str, Any]):
    path = Path(own["models"]["small"]) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert run_cells(NAME, **own).red == ["small-loadable", "small-shapes"]


def test_offline_what_is_missing_is_said(run_cells: Run, tmp_path: Path, own: dict[str, Any]):
    own["models"] = {"small": "facebook/musicgen-nowhere"}
    done = run_cells(NAME, offline=True, **own)
    assert done.red == ["small-files", "small-loadable", "small-shapes"]
    assert "nothing was preloaded here" in str(done.checks["small-files"].actual)


def test_a_manifest_that_leads_outside_ends_the_runbook(run_cells: Run, own: dict[str, Any]):
    path = Path(own["cache_dir"]) / "models_manifest.json"
    path.parent.mkdir()
    path.write_text('{"small": {"hf_id": "x", "local_path": "../x"}}')
    done = run_cells(NAME, **own)
    assert isinstance(done.error, SubjectError)
    assert "leads out of the cache" in str(done.error)


def test_the_container_step_runs_what_it_is_told(
    run_cells: Run, own: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    engine = tmp_path / "bin" / "docker"
    engine.parent.mkdir()
    engine.write_text(
        '#!/bin/sh\n[ "$1" = run ] && echo "Traceback (most recent call last)"\nexit 0\n'
    )
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{engine.parent}:/usr/bin:/bin")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    done = run_cells(NAME, dockerfile=str(tmp_path / "Dockerfile"), container_command=["x"],
                     container_mounts={str(tmp_path / "c"): "/c"}, **own)  # fmt: skip
    assert done.checks["container-image"].status == "passed"
    assert done.checks["container-preload"].status == "passed"
    assert done.red == ["log-without-traceback"]
