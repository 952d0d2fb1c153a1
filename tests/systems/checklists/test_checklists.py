"""Each check of the checklists goes red on what it is for, and every item is a question."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import right_sounds
import soundfile

from proofbook.errors import SubjectError
from proofbook.records import Question
from proofbook_subjects.checklists.films import write_film
from proofbook_systems.checklists.films import read_film
from proofbook_systems.checklists.posts import find_video, read_caption

SMALL = {"width": 90, "height": 160}
Run = Callable[..., Any]


def film(folder: Path, **more: Any) -> str:
    return str(write_film(folder / "film.mp4", **{**SMALL, **more}))


def sound(folder: Path, change: Callable[[np.ndarray], np.ndarray] = lambda x: x) -> str:
    samples, rate = right_sounds.piano(np.random.default_rng(1))
    path = folder / "narration.wav"
    soundfile.write(path, change(samples), rate)
    return str(path)


def test_a_sound_file_alone_is_judged_and_says_that_pictures_are_not(
    run_cells: Run, tmp_path: Path
) -> None:
    found = run_cells("checklists/quality", video=sound(tmp_path))
    assert (found.error, found.red) == (None, [])
    skipped = {name: c.reason for name, c in found.checks.items() if c.status == "skipped"}
    assert sorted(skipped) == [
        "aspect-ratio", "not-black", "not-frozen", "sound-and-pictures-end-together",
    ]  # fmt: skip
    assert set(skipped.values()) == {"narration.wav is a sound file: it has no pictures to look at"}


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("change", "red"),
    [
        (lambda x: x * [1, 0], ["audible"]),
        (lambda x: x * [1, -1], ["sides-in-order"]),
        (lambda x: x * 0, ["audible"]),
        (lambda x: np.clip(4 * x, -1, 1), ["not-clipped"]),
        (lambda x: np.where(np.arange(len(x))[:, None] % 64_000 == 40_000, 0.9, x), ["no-clicks"]),
        (lambda x: np.random.default_rng(1).normal(0, 0.1, x.shape), ["not-noise"]),
        (lambda x: right_sounds.low_pass(x, 32_000, 2000), ["full-quality"]),
    ],
    ids=["lost", "inverted", "silent", "clipped", "clicks", "noise", "dull"],
)
def test_a_films_sound_is_judged_as_a_listener_would(
    run_cells: Run, tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], red: list[str]
) -> None:
    assert run_cells("checklists/quality", video=sound(tmp_path, change)).red == red


def test_what_is_neither_film_nor_sound_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"nothing that plays")
    with pytest.raises(SubjectError, match=r"film\.mp4: .*; give a film, or a sound file") as error:
        read_film(tmp_path / "film.mp4")
    assert "\n" not in str(error.value)


def test_a_sound_film_is_green_and_asks_what_the_checklist_asks(
    run_cells: Run, tmp_path: Path
) -> None:
    found = run_cells("checklists/quality", video=film(tmp_path), **SMALL)
    assert found.error is None
    assert found.red == []
    questions = [record for record in found.records if isinstance(record, Question)]
    assert len(questions) == 6
    assert all(question.about for question in questions)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("made", "given", "red"),
    [
        ({"width": 160, "height": 90}, {}, ["aspect-ratio"]),
        ({"sound": False}, {}, ["sound-is-there"]),
        ({"level": 0.0001}, {}, ["audible"]),
        ({"level": 0.05}, {}, []),
        ({"level": 0.05}, {"quietest": -20.0}, ["audible"]),
        ({"sound_seconds": 4.0}, {}, ["sound-and-pictures-end-together"]),
        ({"moving": False}, {"longest_still": 1.0}, ["not-frozen"]),
        ({}, {"black_share": 0.0}, []),
    ],
)
def test_a_film_that_is_not_as_it_should_be_is_red(
    run_cells: Run, tmp_path: Path, made: dict[str, Any], given: dict[str, Any], red: list[str]
) -> None:
    found = run_cells("checklists/quality", video=film(tmp_path, **made), **{**SMALL, **given})
    assert found.red == red


def test_films_and_captions_that_are_not_there_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match=r"video gone\.mp4 does not exist; give a film, or"):
        find_video("gone.mp4", tmp_path)
    with pytest.raises(SubjectError, match=r"caption gone\.txt cannot be read"):
        read_caption("gone.txt", tmp_path)
    assert read_caption("reference:caption", tmp_path).hashtags == ["#mouse", "#butcher", "#reels"]
