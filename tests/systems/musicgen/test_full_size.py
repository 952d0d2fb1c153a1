"""Random checkpoints of a published architecture, here of a small stand-in for its sizes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import torch

from proofbook_bench.loading import measure_loading
from proofbook_subjects.musicgen.audiocraft import full_size
from proofbook_subjects.musicgen.audiocraft.reference import CheckpointSize, reference_checkpoints
from proofbook_systems.musicgen import direct, generation
from proofbook_systems.musicgen.mapping import map_checkpoints
from proofbook_systems.musicgen.sources import find_checkpoints
from proofbook_systems.musicgen.subject import find_model

SMALL = CheckpointSize(width=64, layers=2, heads=1, filters=4, dimension=8, text_width=48)


@pytest.fixture
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(full_size.FULL_SIZES, "small", SMALL)
    monkeypatch.setattr(full_size, "_BLOCK", 2**18)


def test_random_checkpoints_map_completely_and_are_in_half_precision(
    small_sizes: None, tmp_path: Path
):
    model = map_checkpoints(find_checkpoints("random:small", cache=tmp_path))
    assert (model.unfilled, model.architecture.contradictions) == ((), ())
    tensors = model.checkpoints["language"].tensors
    assert {t.dtype for t in tensors.values()} == {torch.float16}
    weights = [tensors[f"transformer.layers.{n}.linear1.weight"] for n in (0, 1)]
    assert not torch.equal(*weights)
    assert 0.015 < weights[0].float().std() < 0.025
    assert not any(p.is_dir() and p.name.startswith("tmp") for p in tmp_path.rglob("*"))


@pytest.mark.exhaustive
@pytest.mark.slow
def test_both_ways_of_loading_end_with_a_model(cache: Path, tmp_path: Path):
    where = str(reference_checkpoints("tiny", "folded", cache))
    options = {"dtype": "float32", "budget": "32MB", "folder": tmp_path, "cache": tmp_path / "c"}
    ours = measure_loading("subject", where, **options)
    theirs = measure_loading("peer", where, **options)
    assert (ours.budget, ours.peak > 0, theirs.peak > 0) == (32_000_000, True, True)
    assert list((tmp_path / "c").rglob("converted-*"))
    with pytest.raises(subprocess.CalledProcessError):
        measure_loading("subject", str(tmp_path), **options)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_the_libraries_used_directly_choose_the_same_tokens(reference: Path, tmp_path: Path):
    found = find_model(str(reference))
    whole, plain = generation.load(found, "cpu"), direct.disk_offloaded(found, tmp_path / "o")
    ours, theirs = (generation.generate(m, "a song", 0.2, seed=1) for m in (whole, plain))
    assert ours.same_tokens(theirs)
    assert direct.generate_directly(whole, "a song", 0.2, seed=1) > 0
