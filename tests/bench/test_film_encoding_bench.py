"""Both encoders of the benchmark make the same film, so that their times can be compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from proofbook.media import measure_video
from proofbook_bench.film_encoding import encode_by_graph, encode_by_pipeline, make_shots


@pytest.mark.slow
def test_both_sides_encode_the_same_film(tmp_path: Path) -> None:
    shots = make_shots(tmp_path, 1.0, each=0.4)
    assert [round(shot.end, 6) for shot in shots] == [0.4, 0.8, 1.0]
    costs = [
        encode_by_pipeline(shots, tmp_path / "a.mp4"),
        encode_by_graph(shots, tmp_path / "b.mp4"),
    ]
    assert min(costs) > 0
    ours, plain = (measure_video(tmp_path / name) for name in ("a.mp4", "b.mp4"))
    assert (ours.frames, ours.width, ours.height) == (plain.frames, plain.width, plain.height)
    assert (ours.frames, ours.width, ours.height) == (30, 1080, 1920)
    assert ours.size == pytest.approx(plain.size, rel=0.05)
    assert ours.sound_seconds == pytest.approx(plain.sound_seconds, abs=0.05)
