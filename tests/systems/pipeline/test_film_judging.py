"""Films: each planted fault is the first that is named, and right films have none.

A few of each kind run always; all of them with the slow tests.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import av
import pytest
from film_making import Episode, Recipe, make_episode, make_film
from film_plants import PLANTS
from film_rights import RIGHTS

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.film.judging import judge_film
from proofbook_systems.pipeline.film.limits import FilmLimits
from proofbook_systems.pipeline.film.platforms import PLATFORMS
from proofbook_systems.pipeline.film.report import FilmReport
from proofbook_systems.pipeline.findings import blamed

SHOWN_PLANTS = {
    "picture-2-frames-late", "images-swapped", "image-of-another-emotion", "black-pictures",
    "sound-drifts-17-ms", "line-missing-and-closed-up", "lines-swapped", "mix-attenuates",
    "one-voice-lower", "left-side-lost", "no-audio-track", "silent-stretch", "rotation-flag",
    "10-bit", "no-faststart", "edit-list-with-an-offset", "truncated", "not-a-film",
    "stored-on-its-side", "coarse",
}  # fmt: skip
SHOWN_RIGHTS = {
    "plain", "one-picture-an-image", "no-edit-lists", "mp3-lines", "loud-music-bed",
    "zooms-fades-words", "letter-box", "card", "title", "pauses-changed-early",
    "low-bit-rate", "coded-on-its-side", "shrunk-without-smoothing",
}  # fmt: skip


def _all(names: dict[str, Any], shown: set[str]) -> list[Any]:
    assert shown <= set(names)
    slow = pytest.mark.slow
    return [name if name in shown else pytest.param(name, marks=slow) for name in names]


def _limits(**changes: Any) -> FilmLimits:
    return FilmLimits(**({"width": 108, "height": 192} | changes))


@pytest.fixture(scope="module")
def episode(tmp_path_factory: pytest.TempPathFactory) -> Episode:
    av.logging.set_level(None)
    return make_episode(tmp_path_factory.mktemp("episode"), seconds=0.7)


def judge(episode: Episode, path: Path, **limits: Any) -> FilmReport:
    return judge_film(path, episode.timeline, episode.selections, _limits(**limits))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", _all(PLANTS, SHOWN_PLANTS))
def test_planted_fault_is_named_first(name: str, episode: Episode, tmp_path: Path) -> None:
    plant = PLANTS[name]
    path = make_film(episode, tmp_path / f"film{plant.suffix}", plant.recipe(episode))
    if plant.spoil:
        path.write_bytes(plant.spoil(path.read_bytes()))
    report = judge(episode, path, **plant.limits)
    assert re.fullmatch(plant.finding, report.cause), report.faults
    first = next(each.faults[0] for each in report.findings if each.faults)
    assert re.search(plant.words, first)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", _all(RIGHTS, SHOWN_RIGHTS))
def test_right_film_is_not_blamed(name: str, tmp_path: Path) -> None:
    av.logging.set_level(None)
    right = RIGHTS[name]
    made = right.change(make_episode(tmp_path / "e", **({"seconds": 0.7} | right.episode)))
    path = make_film(made, tmp_path / f"film{right.suffix}", right.recipe(made))
    if right.spoil:
        path.write_bytes(right.spoil(path.read_bytes()))
    report = judge(made, path, **right.limits)
    assert report.faults == []
    assert not [each.name for each in report.findings if each.untried]


@pytest.mark.exhaustive
def test_offsets_are_measured_to_a_fraction_of_a_millisecond(
    episode: Episode, tmp_path: Path
) -> None:
    shifts = {2: 0.0123, 4: -0.0217, 6: 0.0301}
    path = make_film(episode, tmp_path / "film.mp4", Recipe(sound_shift=shifts))
    offsets = judge(episode, path).offsets
    for number, (sound, _) in offsets.items():
        assert sound == pytest.approx(1000 * shifts.get(number, 0.0), abs=0.5)


def test_without_a_time_line_the_film_itself_is_judged(episode: Episode, tmp_path: Path) -> None:
    path = make_film(episode, tmp_path / "film.mp4", Recipe(with_sound=False, container={}))
    report = judge_film(path, None, None, _limits())
    assert blamed(report.findings) == ["sound-is-there", "starts-at-once"]
    untried = {each.name: each.untried for each in report.findings if each.untried}
    assert untried["dialogue-complete"] == "there is no time-line"
    assert untried["pictures-match"] == "there is no time-line"


def test_an_unknown_platform_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match="myspace"):
        judge_film(tmp_path / "film.mp4", None, None, _limits(platforms=("myspace",)))


@pytest.mark.exhaustive
def test_every_platform_says_whence_and_of_when(episode: Episode, tmp_path: Path) -> None:
    path = make_film(episode, tmp_path / "film.mp4", Recipe())
    for name, platform in PLATFORMS.items():
        assert re.fullmatch(r"20\d\d(-\d\d)?", platform.date)
        report = judge_film(path, None, None, _limits(platforms=(name,)))
        assert any(platform.source in note for note in report.notes)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_the_last_of_a_hundred_lines_is_measured(tmp_path: Path) -> None:
    made = make_episode(tmp_path / "e", count=100, seconds=0.6)
    path = make_film(made, tmp_path / "film.mp4", Recipe(sound_shift={100: 0.04}))
    report = judge(made, path)
    assert report.cause == "dialogue-in-time"
    assert report.numbers["sync_last_ms"] == pytest.approx(40, abs=1)
    assert report.faults[0].startswith("dialogue-in-time: line 100: ")


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_film_of_full_size_is_right(tmp_path: Path) -> None:
    made = make_episode(tmp_path / "e", count=3, seconds=1.0, image_size=(540, 960))
    path = make_film(made, tmp_path / "film.mp4", Recipe(size=(1080, 1920)))
    assert judge_film(path, made.timeline, made.selections, FilmLimits()).faults == []
