"""What placing a model's weights adds to a clip is told from what the model does itself."""

from __future__ import annotations

import numpy as np
import pytest

from proofbook.media import measure_audio
from proofbook_systems.musicgen.clips import added_level

TONE = 0.4 * np.sin(np.arange(32_000) / 7)[:, None]


@pytest.mark.parametrize(
    ("made", "whole", "offset", "clipped"),
    [
        (TONE + 0.05, TONE + 0.05, 0.0, 0.0),  # the model's own
        (TONE + 0.05, TONE, 0.05, 0.0),
        (TONE, TONE + 0.05, -0.05, 0.0),
        (np.clip(4 * TONE, -1, 1), np.clip(4 * TONE, -1, 1), 0.0, 0.0),
        (np.clip(4 * TONE, -1, 1), TONE, 0.0, 0.57),
        (TONE, np.clip(4 * TONE, -1, 1), 0.0, 0.0),
    ],
)
def test_only_what_the_whole_models_clip_lacks_counts(
    made: np.ndarray, whole: np.ndarray, offset: float, clipped: float
) -> None:
    added = added_level(measure_audio(made, 32_000), measure_audio(whole, 32_000))
    assert added.offset == pytest.approx(offset, abs=1e-3)
    assert added.clipped == pytest.approx(clipped, abs=0.05)
