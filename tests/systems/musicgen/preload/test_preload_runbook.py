"""``musicgen/preload``: green on whole models, red on each damage, honest without an engine."""

from __future__ import annotations

import json
import shutil
import stat
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


@pytest.fixture
def weights(own: dict[str, Any]) -> Path:
    """The weights in the cache."""
    return Path(own["cache_dir"]) / "small" / "model.safetensors"


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


@pytest.mark.exhaustive
def test_the_defaults_are_green(run_cells: Run, monkeypatch: pytest.MonkeyPatch, cache: Path):
    monkeypatch.setenv("PROOFBOOK_CACHE", str(cache))
    done = run_cells(NAME)
    assert (done.error, done.red) == (None, [])
    assert {f"{k}-{c}" for k in ("small", "medium", "large") for c in ("files", "shapes")} <= set(
        done.checks
    )


@pytest.mark.exhaustive
def test_whole_models_are_green_and_in_the_manifest(run_cells: Run, own: dict[str, Any]):
    path = Path(own["cache_dir"]) / "models_manifest.json"
    path.parent.mkdir()
    path.write_text('{"other": {"hf_id": "x/y", "local_path": "y", "extra": [1]}}')
    done = run_cells(NAME, **own)
    assert (done.error, done.red) == (None, [])
    assert done.checks["container-preload"].reason == "no Dockerfile is given"
    manifest = json.loads(path.read_text())
    assert manifest["small"]["local_path"] == "small"
    assert manifest["other"]["extra"] == [1]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("damage", "red", "said"),
    [
        (flip, ["small-files"], "model.safetensors (changed)"),
        (
            lambda p: p.write_bytes(p.read_bytes()[:-9]),
            ["small-files", "small-loadable", "small-shapes"],
            "model.safetensors (size)",
        ),
        (
            lambda p: p.rename(p.with_name(f"{p.name}.part")),
            ["small-files", "small-loadable", "small-shapes"],
            "model.safetensors (unfinished)",
        ),
        (
            lambda p: p.with_name("generation_config.json").unlink(),
            ["small-files"],
            "generation_config.json (missing)",
        ),
    ],
    ids=["flipped", "cut", "half", "deleted"],
)
def test_a_damaged_file_in_the_cache_is_red_and_named(
    run_cells: Run,
    own: dict[str, Any],
    weights: Path,
    damage: Callable[[Path], object],
    red: list[str],
    said: str,
):
    done = run_cells(NAME, after={"bring": lambda names: damage(weights)}, **own)
    assert done.red == red
    assert said in str(done.checks["small-files"].actual)


def test_a_truncated_source_is_red_in_every_way(run_cells: Run, own: dict[str, Any]):
    path = Path(own["models"]["small"]) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert run_cells(NAME, **own).red == ["small-loadable", "small-shapes"]


def test_a_configuration_of_another_size_is_red(run_cells: Run, own: dict[str, Any]):
    path = Path(own["models"]["small"]) / "config.json"
    config = json.loads(path.read_text())
    config["decoder"]["ffn_dim"] = 17
    path.write_text(json.dumps(config))
    assert run_cells(NAME, **own).red == ["small-shapes"]


@pytest.mark.exhaustive
def test_a_source_that_is_not_there_is_red_and_the_others_are_verified(
    run_cells: Run, own: dict[str, Any]
):
    own["models"] |= {"gone": "/no/where"}
    done = run_cells(NAME, **own)
    assert done.red == ["gone-brought", "gone-files", "gone-loadable", "gone-shapes",
                        "manifest-complete"]  # fmt: skip
    assert done.checks["small-files"].status == "passed"


def test_offline_what_is_missing_is_said(run_cells: Run, own: dict[str, Any]):
    own["models"] = {"small": "facebook/musicgen-nowhere"}
    done = run_cells(NAME, offline=True, **own)
    assert done.red[0] == "small-brought"
    assert "facebook/musicgen-nowhere is not in" in str(done.checks["small-brought"].actual)
    assert "nothing was preloaded here" in str(done.checks["small-files"].actual)


def test_a_manifest_that_leads_outside_ends_the_runbook(run_cells: Run, own: dict[str, Any]):
    path = Path(own["cache_dir"]) / "models_manifest.json"
    path.parent.mkdir()
    path.write_text('{"small": {"hf_id": "x", "local_path": "../x"}}')
    done = run_cells(NAME, **own)
    assert isinstance(done.error, SubjectError)
    assert "leads out of the cache" in str(done.error)


@pytest.mark.exhaustive
def test_a_line_that_somebody_else_changes_meanwhile_is_red(run_cells: Run, own: dict[str, Any]):
    path = Path(own["cache_dir"]) / "models_manifest.json"
    path.parent.mkdir()
    path.write_text('{"other": {"hf_id": "x/y", "local_path": "y"}}')

    def change(names: dict[str, Any]) -> None:
        path.write_text('{"other": {"hf_id": "x/z", "local_path": "y"}}')

    assert run_cells(NAME, after={"shapes": change}, **own).red == ["manifest-kept"]


@pytest.fixture
def contain(own: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that puts an engine on PATH and returns the parameters to use it."""

    def apply(script: str) -> dict[str, Any]:
        engine = tmp_path / "bin" / "docker"
        engine.parent.mkdir(exist_ok=True)
        engine.write_text(f"#!/bin/sh\n{script}\nexit 0\n")
        engine.chmod(engine.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{engine.parent}:/usr/bin:/bin")
        (tmp_path / "Dockerfile").write_text("FROM scratch\n")
        return {**own, "project": str(tmp_path), "dockerfile": "Dockerfile",
                "container_command": ["x"], "container_mounts": {"c": "/c"},
                "fallback_image": "theirs:2"}  # fmt: skip

    return apply


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("script", "red"),
    [
        ("", []),
        ('[ "$1" = build ] && exit 7', []),
        ('case "$1" in build|pull) exit 7;; esac', ["container-image", "container-preload"]),
        ('[ "$1" = image ] && exit 1', ["container-image"]),
        ('[ "$1" = run ] && exit 5', ["container-preload"]),
        (
            '[ "$1" = run ] && echo "Traceback (most recent call last)"',
            ["log-without-traceback"],
        ),
    ],
    ids=["built", "pulled", "neither", "gone", "fails", "traceback"],
)
def test_the_container_step_tells_what_became_of_it(
    run_cells: Run, contain: Any, tmp_path: Path, script: str, red: list[str]
):
    done = run_cells(NAME, **contain(script))
    assert done.red == red
    assert (tmp_path / "c").is_dir() or "container-image" in red
    if "build" in script and not red:
        assert "theirs:2, pulled, since the build" in str(done.checks["container-image"].actual)


@pytest.mark.exhaustive
def test_an_engine_that_does_not_answer_is_skipped_with_the_reason(run_cells: Run, contain: Any):
    done = run_cells(NAME, engine="docker", **contain('[ "$1" = info ] && exit 1'))
    assert done.red == []
    assert done.checks["container-image"].reason.startswith("docker does not answer")
