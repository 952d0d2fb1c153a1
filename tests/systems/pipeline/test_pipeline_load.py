"""A load finds films that are lost, doubled or spoilt by a kill, and says which."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from loaded_pipeline import load_config, run_load

from proofbook_systems.pipeline.load.config import LoadConfig
from proofbook_systems.pipeline.load.growth import find_growth
from proofbook_systems.pipeline.load.journal import Entry, Journal
from proofbook_systems.pipeline.load.judging import judge_growth, judge_memory, video_fault
from proofbook_systems.pipeline.load.results import numbers_of, table
from proofbook_systems.pipeline.load.workers import draw_kills

BATCH = {"batch": ["{python}", "-S", "make.py", "batch", "{videos}", "{workers}"], "stages": []}
ALL = {"videos": 5, "kills": 12, "halt": 0}
"""Every stage of every film is killed once."""
ONE_ROW = "2 of used in films.db, and others have 1"
DEFECTS = [
    ("no_wait", {"workers": 4, "kills": 0, "videos": 5}, "stages-end-well", "database is locked"),
    ("rows_doubled", ALL, "films-none-doubled", ONE_ROW),
    ("counted_twice", ALL, "films-none-doubled", "some were counted twice"),
    ("not_written", {}, "films-none-lost", "0 of ….txt in data/scripts, and others have 1"),
    ("half_video", ALL, "films-none-lost", "cannot be opened"),
    ("leaves_temporary", {"videos": 4}, "nothing-left-behind", ".part was left"),
    ("other_name", ALL, "nothing-left-behind", "which no undisturbed film has"),
    ("damages", {"videos": 4, "workers": 1, "kills": 0, "halt": 0}, "databases-whole", "films.db"),
    ("grows", {"videos": 9, "workers": 1, "kills": 0, "halt": 0}, "memory-does-not-grow",
     "MB a film"),
    ("begins_again", BATCH, "finished-films-kept", "was made again after the stop"),
    ("forgets_begun", {**BATCH, "kills": 4}, "batch-ends-well", "lost"),
]  # fmt: skip


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize(("defect", "more", "name", "cause"), DEFECTS, ids=[d[0] for d in DEFECTS])
def test_defect_is_found_with_its_cause(
    tmp_path: Path, defect: str, more: dict[str, object], name: str, cause: str
) -> None:
    load = run_load(tmp_path, defect, **more)
    faults = next(each.faults for each in load.judge() if each.name == name)
    assert any(cause in fault for fault in faults), faults


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, BATCH], ids=["stages", "batch"])
def test_films_of_killed_workers_are_all_there_once(
    tmp_path: Path, more: dict[str, object]
) -> None:
    load = run_load(tmp_path, **more)
    assert load.was_killed().untried == ""
    assert {each.name: each.faults for each in load.judge() if each.faults} == {}
    assert len(load.found()) == load.config.videos
    assert {number.name for number in numbers_of(load) if number.value <= 0} <= {
        "memory_growth", "disk_read", "disk_written"}  # fmt: skip
    assert "| films | 7 |" in table(load)


def test_interval_of_a_slope_holds_it() -> None:
    noise = random.Random(1)
    growing = find_growth([100 + 0.5 * n + noise.gauss(0, 3) for n in range(100)])
    level = find_growth([100 + noise.gauss(0, 3) for _ in range(100)])
    assert growing.low < 0.5 < growing.high
    assert growing.low > 0
    assert level.low <= 0 <= level.high


def test_interval_is_scipys() -> None:
    """By another implementation of the same."""
    from scipy.stats import theilslopes

    noise = random.Random(2)
    values = [50 + 0.1 * n + noise.gauss(0, 2) for n in range(40)]
    slope, _, low, high = theilslopes(values, range(40), 0.95)
    found = find_growth(values)
    assert (found.slope, found.low, found.high) == pytest.approx((slope, low, high), abs=1e-3)


def test_equal_values_do_not_grow() -> None:
    found = find_growth([7.0] * 20)
    assert (found.slope, found.low, found.high) == (0.0, 0.0, 0.0)


def test_growth_below_the_noise_of_a_film_is_none() -> None:
    growth = find_growth([100e6 + 1000.0 * n for n in range(50)])
    assert growth.low > 0
    assert judge_growth(growth, 100e6, 0.05).faults == []
    assert judge_growth(growth, 100e6, 0.0001).faults != []


def test_few_films_have_no_trend() -> None:
    assert judge_growth(find_growth([1.0, 2.0]), 1.0, 0.05).untried == (
        "2 films are too few for a trend"
    )


def test_memory_over_the_bound_is_told() -> None:
    assert judge_memory(9_000_000_000, 8.0).faults == ["9.00 GB at one time, of 8 GB"]


def test_journal_that_was_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "films.jsonl"
    journal = Journal.read(path)
    journal.add(Entry("a", "script", "ended", 1.0, ""))
    journal.add(Entry("a", "images", "killed", 1.0, ""))
    with path.open("a") as file:
        file.write('["a", "video", "en')
    assert Journal.read(path).done("a") == {"script"}


def test_kills_are_drawn_from_the_seed() -> None:
    seconds = {"script": 1.0, "video": 5.0}
    films = [str(number) for number in range(20)]
    first, second = (draw_kills(films, seconds, 8, seed) for seed in (4, 4))
    assert first == second
    assert len(first) == 8
    assert all(0 < kill.delay < seconds[stage] for (_, stage), kill in first.items())


def test_video_without_an_index_cannot_be_used(tmp_path: Path) -> None:
    config = load_config(tmp_path)
    clip = Path(config.project) / "clip.mp4"
    assert video_fault(clip) == ""
    clip.write_bytes(clip.read_bytes()[:200])
    assert "cannot be opened" in video_fault(clip)
    assert video_fault(tmp_path / "no.mp4") == "no.mp4 is not there"


def test_load_without_anything_to_run_is_refused(tmp_path: Path) -> None:
    values = load_config(tmp_path).model_dump()
    with pytest.raises(ValueError, match="nothing makes films"):
        LoadConfig(**{**values, "stages": []})
