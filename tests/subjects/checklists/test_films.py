"""The film is what it is asked to be, and its caption has hashtags."""

from __future__ import annotations

from pathlib import Path

from proofbook.media import find_silence, measure_video
from proofbook_subjects.checklists.films import write_caption, write_film


def test_the_film_has_the_asked_size_length_and_sound(tmp_path: Path):
    measure = measure_video(write_film(tmp_path / "a.mp4", seconds=1.5, width=90, height=160))
    assert (measure.width, measure.height) == (90, 160)
    assert abs(measure.seconds - 1.5) < 0.1
    assert find_silence(measure.sound) == []


def test_the_sound_may_be_left_out(tmp_path: Path):
    film = write_film(tmp_path / "a.mp4", seconds=0.5, width=90, height=160, sound=False)
    assert measure_video(film).sound is None


def test_the_caption_has_three_hashtags(tmp_path: Path):
    words = write_caption(tmp_path / "deep" / "caption.txt").read_text().split()
    assert [word for word in words if word.startswith("#")] == ["#mouse", "#butcher", "#reels"]
