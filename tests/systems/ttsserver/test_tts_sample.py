"""A reference sample that the server would refuse is refused before the server is started."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from proofbook.errors import SubjectError
from proofbook_systems.ttsserver.sample import read_sample

RATE = 8000


def tone(path: Path, seconds: float = 3.0, level: float = 0.3) -> Path:
    time = np.arange(int(seconds * RATE)) / RATE
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, level * np.sin(2 * np.pi * 220 * time), RATE)
    return path


def test_the_usual_sample_lies_in_the_project(tmp_path: Path) -> None:
    wav = tone(tmp_path / "backend" / "tests" / "fixtures" / "reference_voice.wav")
    wav.with_suffix(".txt").write_text(" What is said.\n")
    found = read_sample(tmp_path)
    assert (found.wav, found.text, found.seconds) == (wav.resolve(), "What is said.", 3.0)


def test_given_words_are_used(tmp_path: Path) -> None:
    assert read_sample(tmp_path, str(tone(tmp_path / "a.wav")), " Given. ").text == "Given."


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda p: None, "does not exist; give 2 to 30 s of clean speech"),
        (lambda p: p.write_bytes(b"ID3 not a WAV at all"), "is not a WAV file; convert it"),
        (lambda p: p.write_bytes(b""), "is not a WAV file"),
        (lambda p: p.write_bytes(b"RIFF\x10\0\0\0WAVEjunk"), "not a sound file that can be read"),
        (lambda p: tone(p, 31), r"lasts 31\.0 s; give 2 to 30 s"),
        (lambda p: tone(p, 1), r"lasts 1\.0 s; give 2 to 30 s"),
        (lambda p: tone(p, level=0), r"is silent \(-inf dBFS\); give a recording of speech"),
        (lambda p: tone(p, level=0.0005), r"is silent \(-6\d dBFS\)"),
    ],
)
def test_a_sample_that_cannot_be_cloned_is_one_line(tmp_path: Path, make, problem: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "voice.wav"
    make(path)
    with pytest.raises(SubjectError, match=problem) as caught:
        read_sample(tmp_path, str(path), "words")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    with path.open("wb") as file:
        file.truncate(50_000_001)
    with pytest.raises(SubjectError, match="is larger than 50 MB; give at most 30 s"):
        read_sample(tmp_path, str(path), "words")


def test_without_words_it_says_where_to_write_them(tmp_path: Path) -> None:
    wav = tone(tmp_path / "voice.wav")
    with pytest.raises(SubjectError, match=r"voice\.txt with the words of voice\.wav cannot be re"):
        read_sample(tmp_path, str(wav))
    wav.with_suffix(".txt").write_text(" \n")
    with pytest.raises(
        SubjectError, match=r"voice\.txt is empty; write what is said in voice\.wav"
    ):
        read_sample(tmp_path, str(wav))
