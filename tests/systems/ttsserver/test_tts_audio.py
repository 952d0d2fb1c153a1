"""A row's audio is judged as its user would hear it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from proofbook.errors import SubjectError
from proofbook_subjects.ttsserver.engines import MODELS
from proofbook_subjects.ttsserver.speech import synthesise
from proofbook_systems.ttsserver.audio_checks import find_faults

TEXT = "The quick brown fox jumps over the lazy dog."


@pytest.fixture(scope="module")
def spoken() -> tuple[np.ndarray, int]:
    import io

    settings = MODELS[0].settings
    return soundfile.read(io.BytesIO(synthesise(TEXT, settings, seed=42).wav))


def judged(path: Path, samples: np.ndarray, rate: int, **more: Any) -> list[str]:
    soundfile.write(path, samples, rate, subtype="FLOAT")
    given = {"quietest": -50.0, "most_silence": 0.9, "text": TEXT, **more}
    claimed = given.pop("claimed", len(samples) / rate)
    return find_faults(path, claimed, 0.1, **given)[0]


@pytest.mark.exhaustive
def test_speech_of_every_reference_voice_is_right(tmp_path: Path) -> None:
    for model in MODELS:
        for text in ("One.", "Stop! Tap, tap; what?"):
            path = tmp_path / "a.wav"
            path.write_bytes(synthesise(text, model.settings, seed=1).wav)
            seconds = soundfile.info(path).duration
            found = find_faults(path, seconds, 0.1, quietest=-50, most_silence=0.9, text=text)
            assert found == ([], seconds), (model.name, text)


def hold(x: np.ndarray, rate: int) -> np.ndarray:
    start = int(np.argmax(np.abs(x)))
    x[start : start + rate // 4] = np.tile(x[start : start + rate // 50], 13)[: rate // 4]
    return x


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda x, rate: x * 0, "the audio is silent (-inf dBFS)"),
        (lambda x, rate: x * 0.8 + 0.05, "the audio is off centre by +0.05"),
        (lambda x, rate: np.clip(4 * x, -1, 1), "the audio is clipped: "),
        (hold, "the audio is stuck: the same "),
        (lambda x, rate: x[: int(np.argmax(np.abs(x)))], "the audio ends in the middle of a word"),
        (lambda x, rate: x[: rate // 2] * np.linspace(1, 0, rate // 2), "the audio ends early: "),
        (lambda x, rate: np.where(np.arange(len(x)) == rate, np.nan, x), "the audio 1 samples are"),
    ],
    ids=["silent", "offset", "clipped", "stuck", "cut", "short", "nan"],
)
def test_what_is_wrong_is_told_first(
    tmp_path: Path, spoken: tuple[np.ndarray, int], spoil: Callable[..., Any], words: str
) -> None:
    samples, rate = spoken
    found = judged(tmp_path / "a.wav", spoil(samples.copy(), rate), rate)
    assert found and found[0].startswith(words), found


@pytest.mark.exhaustive
def test_limits_and_text_decide(tmp_path: Path, spoken: tuple[np.ndarray, int]) -> None:
    samples, rate = spoken
    path = tmp_path / "a.wav"
    assert judged(path, samples, rate) == []
    assert judged(path, samples * 0.8 + 0.05, rate, limits={"offset": 0.1}) == []
    assert judged(path, samples, rate, text="word " * 100) == [
        f"the audio ends early: it lasts {len(samples) / rate:.2f} s, too short for 500 characters"
    ]
    assert judged(path, samples, rate, claimed=9.0)[0].endswith("the server claims 9.00 s")
    assert judged(path, samples, rate, claimed=None) == []
    with pytest.raises(SubjectError, match="no audio limit 'loudness'"):
        judged(path, samples, rate, limits={"loudness": 1})
