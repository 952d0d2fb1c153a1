"""A state is copied while training goes on, and not a moment later than it may change."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from waiting import HANG

from proofbook.errors import SubjectError
from proofbook_subjects.dreambooth import saving
from proofbook_subjects.dreambooth.checkpoints import Snapshot, read_manifest, write_checkpoint
from proofbook_subjects.dreambooth.saving import Saver, copied
from proofbook_subjects.dreambooth.settings import Settings

SETTINGS = Settings(base_model="x", instance_data_dir="x", instance_prompt="x", output_dir="x")


def snapshot(step: int, weights: torch.Tensor) -> Snapshot:
    states = {"optimizer.bin": {"state": {0: {"exp_avg": weights}}, "param_groups": [{"lr": 1.0}]}}
    return Snapshot(step=step, weights=({"w": weights},), states=states, settings=SETTINGS)


def test_what_changes_after_the_release_is_not_in_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_write, weights, said = threading.Event(), torch.zeros(5), []
    write = saving.write_checkpoint

    def later(*given: Any) -> Path:
        may_write.wait(HANG)
        return write(*given)

    monkeypatch.setattr(saving, "write_checkpoint", later)
    saver = Saver(tmp_path, said.append, 0)
    saver.save(snapshot(1, weights))
    saver.release()
    weights += 1
    assert saver.writing
    assert said == []
    may_write.set()
    saver.finish()
    assert not saver.writing
    saver.save(snapshot(2, weights))
    saver.finish()
    assert [load_file(tmp_path / f"checkpoint-{n}" / "model.safetensors")["w"].tolist()
            for n in (1, 2)] == [[0.0] * 5, [1.0] * 5]  # fmt: skip
    states = torch.load(tmp_path / "checkpoint-1" / "optimizer.bin", weights_only=True)
    assert states["state"][0]["exp_avg"].tolist() == [0.0] * 5


def test_a_release_waits_for_the_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_copy, released = threading.Event(), threading.Event()
    real = saving.copied

    def slowly(*given: Any) -> Any:
        may_copy.wait(HANG)
        return real(*given)

    monkeypatch.setattr(saving, "copied", slowly)
    saver = Saver(tmp_path, print, 0)
    saver.save(snapshot(1, torch.zeros(2)))
    waiting = threading.Thread(target=lambda: (saver.release(), released.set()))
    waiting.start()
    assert not released.wait(0.05)
    may_copy.set()
    assert released.wait(HANG)
    waiting.join()
    saver.finish()


def test_a_copy_that_fails_releases_and_is_said_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: Any) -> Any:
        raise MemoryError("no room for a copy")

    monkeypatch.setattr(saving, "copied", fail)
    saver = Saver(tmp_path, print, 0)
    saver.save(snapshot(1, torch.zeros(2)))
    saver.release()
    with pytest.raises(SubjectError, match=r"cannot be written to \S+: no room for a copy; earl"):
        saver.finish()
    assert list(tmp_path.iterdir()) == []


def test_a_copy_takes_the_memory_of_an_earlier_one_where_it_fits() -> None:
    value = {"a": torch.ones(3), "b": [torch.zeros(2), 7], "c": (torch.ones(1),)}
    first = copied(value)
    places = [first["a"].data_ptr(), first["b"][0].data_ptr()]
    value["a"] += 1
    second = copied({**value, "d": torch.ones(4)}, first)
    assert [second["a"].data_ptr(), second["b"][0].data_ptr()] == places
    assert second["a"].tolist() == [2.0] * 3
    assert second["b"][1] == 7
    assert second["d"].tolist() == [1.0] * 4
    grown = copied({"a": torch.ones(9), "b": 3, "c": [1]}, second)
    assert grown["a"].shape == (9,)
    assert (grown["b"], grown["c"]) == (3, [1])


def test_room_is_made_ahead_and_taken(tmp_path: Path) -> None:
    saver, weights = Saver(tmp_path, print, 0), torch.ones(6)
    saver.reserve(snapshot(1, weights))
    saver.finish()
    assert saver._kept is not None
    place = saver._kept.weights[0]["w"].data_ptr()
    saver.save(snapshot(2, weights))
    saver.finish()
    assert saver._kept.weights[0]["w"].data_ptr() == place
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-2"]
    assert load_file(tmp_path / "checkpoint-2" / "model.safetensors")["w"].tolist() == [1.0] * 6


def test_a_manifest_that_has_changed_is_refused(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, snapshot(3, torch.ones(2)))
    assert read_manifest(path).step == 3
    manifest = path / "manifest.json"
    written = manifest.read_text()
    manifest.write_text(written.replace('"base_model": "x"', '"base_model": "y"'))
    assert manifest.read_text() != written
    with pytest.raises(SubjectError, match=r"manifest\.json has changed since it was written"):
        read_manifest(path)
    manifest.write_text(written)
    (path / "manifest.json.sha256").unlink()
    with pytest.raises(SubjectError, match=r"has no manifest\.json\.sha256: it is not complete"):
        read_manifest(path)
