"""Rows that a film leaves: one, of this film, with its duration; and each image's use counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proofbook_systems.pipeline.artefacts import Selection, Selections
from proofbook_systems.pipeline.end_to_end.metrics import judge_metrics, judge_usage
from proofbook_systems.pipeline.findings import blamed
from proofbook_systems.pipeline.tables import Rows

BEGAN = 1_795_000_000.0
COLUMNS = {
    "metric.episode": "episode",
    "metric.at": "made",
    "metric.seconds": "duration",
    "metric.film_seconds": "film",
    "metric.status": "status",
}
OLD = {
    "id": 1,
    "episode": "older",
    "made": "1794000000",
    "duration": 20.0,
    "film": 20.0,
    "status": "generated",
}


def row(**changes: Any) -> dict[str, Any]:
    usual = {
        "episode": "e7",
        "made": str(BEGAN + 30),
        "duration": 12.5,
        "film": 12.5,
        "status": "generated",
    }
    return {"id": 2} | usual | changes


def judged(*rows: dict[str, Any], columns: Any = COLUMNS, seconds: float = 12.5) -> Any:
    table = Rows("generation_metrics", columns, iter([OLD, *rows]))
    return judge_metrics([OLD], table, episode="e7", seconds=seconds, began=BEGAN, ended=BEGAN + 60)


def test_a_right_row_is_right() -> None:
    findings = judged(row())
    assert (blamed(findings), [each.untried for each in findings]) == ([], [""] * 4)


@pytest.mark.parametrize(
    "changes",
    [
        {"episode": "data/e7.json"},
        {"episode": "The dogs and the trains", "path": "data/final_videos/e7.mp4"},
        {"made": "2026-11-18T11:07:10"},
        {"made": "2026-11-18 18:37:10"},  # local time without a zone
        {"status": "Completed"},
        {"duration": 12.46},
    ],
)
def test_unusual_but_right_rows_are_right(changes: dict[str, Any]) -> None:
    assert blamed(judged(row(**changes))) == []


def test_a_row_a_stage_is_right() -> None:
    assert blamed(judged(row(id=2, duration=3.0), row(id=3, stage="video"))) == []


@pytest.mark.parametrize(
    ("rows", "name", "words"),
    [
        ((), "metrics-recorded", "no row was written into generation_metrics"),
        ((row(episode="e8"),), "metrics-recorded", "1 rows were written"),
        ((row(), row(id=3)), "metrics-recorded", "2 equal rows in generation_metrics for e7"),
        ((row(duration=99.0),), "metrics-duration", "duration says 99.000 s: the film lasts 12.5"),
        ((row(duration=None),), "metrics-duration", "duration is None, not a number of seconds"),
        ((row(duration=-1),), "metrics-duration", "duration is -1, not a number"),
        ((row(duration=0.0),), "metrics-duration", "duration is 0.0, not a number"),
        ((row(film=11.0),), "metrics-duration", "film says 11.000 s, the film lasts 12.500 s"),
        ((row(made="soon"),), "metrics-time", "'soon', which is none"),
        ((row(made=str(BEGAN - 900_000)),), "metrics-time", "away from when the film was made"),
        ((row(status="pending"),), "episode-marked", "its status is 'pending'"),
    ],
)
def test_a_planted_fault_is_named(rows: Any, name: str, words: str) -> None:
    findings = judged(*rows)
    assert blamed(findings) == [name]
    assert words in "; ".join(next(each.faults for each in findings if each.name == name))


def test_a_table_without_a_duration_is_named() -> None:
    columns = {k: v for k, v in COLUMNS.items() if "seconds" not in k}
    assert blamed(judged(row(), columns=columns)) == ["metrics-duration"]


def test_a_table_without_a_status_is_told() -> None:
    columns = {k: v for k, v in COLUMNS.items() if k != "metric.status"}
    assert "names.metric.status" in judged(row(), columns=columns)[3].untried


def chosen(*names: str) -> Selections:
    return Selections(
        path=Path(),
        selections=tuple(
            Selection(number=n, character="c", emotion="e", image=Path(name), is_found=True)
            for n, name in enumerate(names, 1)
        ),
    )


def counts(**numbers: int) -> dict[Path, int]:
    return {Path(f"{name}.png").resolve(): number for name, number in numbers.items()}


USED = chosen("a.png", "b.png", "a.png")


def test_a_film_without_images_is_told() -> None:
    assert "shows no image" in judge_usage(counts(a=5), counts(a=5), chosen()).untried


@pytest.mark.parametrize("after", [counts(a=7, b=1, c=3), counts(a=6, b=1, c=3)])
def test_a_use_a_line_or_a_use_a_film_is_right(after: dict[Path, int]) -> None:
    assert judge_usage(counts(a=5, b=0, c=3), after, USED).faults == []


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (counts(a=5, b=1, c=3), "a.png was chosen 2 times, and its count went from 5 to 5"),
        (counts(a=9, b=1, c=3), "a.png was chosen 2 times, and its count went from 5 to 9"),
        (counts(a=7, b=1, c=4), "c.png was not chosen, and its count went up by 1"),
        (counts(a=7, c=3), "b.png was chosen and is not in the image library"),
        (counts(a=1, b=1, c=3), "a.png was chosen 2 times, and its count went from 5 to 1"),
    ],
)
def test_a_wrong_count_is_named(after: dict[Path, int], words: str) -> None:
    assert judge_usage(counts(a=5, b=0, c=3), after, USED).faults == [words]
