"""Trends: enough, valid, each once, and really written by the fetch that is judged."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from proofbook_systems.pipeline.end_to_end.trends import judge_trends, read_time, trends_of
from proofbook_systems.pipeline.findings import blamed
from proofbook_systems.pipeline.tables import Rows

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
COLUMNS = {
    "trend.name": "topic",
    "trend.score": "score",
    "trend.at": "seen",
    "trend.source": "source",
}


def row(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "topic": f"Topic {number}",
        "score": 0.5,
        "seen": "2026-11-25 10:00:00",
        "source": "feed",
    } | changes


def judged(
    rows: list[dict[str, Any]],
    before: list[dict[str, Any]] | None = None,
    columns: Any = COLUMNS,
    **more: Any,
) -> Any:
    table = Rows("trends", columns, iter(rows))
    return judge_trends(before or [], table, least=5, days=7, now=NOW, **more)


def faults_of(findings: Any, name: str) -> str:
    return "; ".join(next(each.faults for each in findings if each.name == name))


def test_right_trends_are_right() -> None:
    findings = judged([row(n) for n in range(6)])
    assert blamed(findings) == []
    assert [each.untried for each in findings] == ["", "", ""]


@pytest.mark.parametrize(
    "changes",
    [
        {"seen": "2026-11-26T11:59:00Z"},
        {"seen": "2026-11-26T23:30:00+14:00"},
        {"seen": str(NOW.timestamp() - 60)},
        {"seen": str(1000 * (NOW.timestamp() - 60))},
        {"seen": "2026-11-20"},
        {"score": 0},
        {"score": "12.5"},
        {"topic": "Élections — 2ᵉ tour"},
        {"topic": "AT&T: 3 < 5 & <3"},
    ],
)
def test_unusual_but_right_rows_are_right(changes: dict[str, Any]) -> None:
    assert blamed(judged([row(0, **changes), *(row(n) for n in range(1, 6))])) == []


def test_one_topic_of_two_sources_is_no_double() -> None:
    rows = [row(n) for n in range(5)]
    assert blamed(judged([*rows, row(0, source="other")])) == []


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"topic": "  "}, "trends-valid", "trend 1 has no name"),
        ({"topic": None}, "trends-valid", "trend 1 has no name"),
        ({"topic": "<b>Trains</b>"}, "trends-valid", "holds '<b>': the markup of a page"),
        ({"topic": "Cats &amp; dogs"}, "trends-valid", "holds '&amp;'"),
        ({"score": None}, "trends-valid", "'Topic 0' has no score"),
        ({"score": float("nan")}, "trends-valid", "'Topic 0' has no score"),
        ({"score": "much"}, "trends-valid", "'Topic 0' has no score"),
        ({"score": True}, "trends-valid", "'Topic 0' has no score"),
        ({"seen": "yesterday"}, "trends-valid", "'yesterday', which is none"),
        ({"seen": None}, "trends-valid", "has the time ''"),
        ({"seen": "2026-12-26 10:00:00"}, "trends-valid", "still to come"),
        ({"seen": "2026-10-26 10:00:00"}, "trends-valid", "older than was asked for"),
        ({"topic": "topic 1"}, "trends-not-doubled", "'topic 1' of feed was saved 2 times"),
    ],
)
def test_a_planted_row_is_named(changes: dict[str, Any], name: str, words: str) -> None:
    findings = judged([row(0, **changes), *(row(n) for n in range(1, 7))])
    assert blamed(findings) == [name]
    assert words in faults_of(findings, name)


def test_too_few_are_counted() -> None:
    findings = judged([row(n) for n in range(4)])
    assert (
        faults_of(findings, "trends-saved")
        == "4 trends were saved in trends; at least 5 are expected"
    )


def test_rows_of_an_earlier_fetch_do_not_count() -> None:
    old = [row(n) for n in range(9)]
    findings = judged([*old, row(10)], before=old)
    assert "1 trends were saved" in faults_of(findings, "trends-saved")


def test_a_fetch_that_changes_nothing_is_not_judged() -> None:
    old = [row(n) for n in range(9)]
    findings = judged(old, before=old)
    assert blamed(findings) == []
    assert all("changed none of the 9 rows" in each.untried for each in findings)


def test_a_fetch_into_an_empty_table_that_leaves_it_empty_is_red() -> None:
    assert blamed(judged([])) == ["trends-saved"]


def test_a_missing_column_is_named_once() -> None:
    columns = {k: v for k, v in COLUMNS.items() if k != "trend.score"}
    findings = judged([row(n) for n in range(6)], columns=columns)
    assert faults_of(findings, "trends-valid") == "trends has no column for score"


def test_rows_become_trends() -> None:
    trend = trends_of(Rows("trends", COLUMNS, iter([row(3, score=" 2 ")])))[0]
    assert (trend.name, trend.score, trend.source) == ("Topic 3", 2.0, "feed")


@pytest.mark.parametrize("text", ["", "-5", "nan", "1e400", "12/11/2026"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert read_time(text) is None


SHARES = (0.91, 0.75, 0.5, 0.33, 1.0, 0.0)


def scored(*scores: float, **more: Any) -> Any:
    return judged([row(n, score=score) for n, score in enumerate(scores)], **more)


def test_a_score_off_the_scale_of_all_others_is_named() -> None:
    found = faults_of(scored(*SHARES, 12_000), "trends-valid")
    assert found == "'Topic 6' has the score 12000, all 6 others lie in 0 to 1"


@pytest.mark.parametrize(
    "scores",
    [
        (45, 60, 88, 12, 7, 12_000),  # counts
        (1, 0, 1, 1, 0, 5_000),  # counts of a quiet day
        (0.2, 0.5, 0.9, 1.4, 3.5, 80.0),  # growth
        (0.2, 0.5, 0.9, 1.4, 0.7, 4_000.0),  # growth, with one that broke out
        (-3.5, 2.0, 0.1, 0.4, 0.9, 6.0),
        (0.1, 0.2, 0.3, 500.0, 700.0, 900.0),  # two sources, each with a scale of its own
    ],
)
def test_scores_without_a_bound_are_right(scores: tuple[float, ...]) -> None:
    assert blamed(scored(*scores)) == []


def test_scores_are_held_to_the_range_that_was_given() -> None:
    assert blamed(scored(45, 60, 88, 12, 100, scores=(0, 100))) == []
    found = faults_of(scored(45, 60, 88, 12, 101, -1, scores=(0, 100)), "trends-valid")
    assert "'Topic 4' has the score 101; scores go from 0 to 100" in found
    assert "'Topic 5' has the score -1" in found


def test_a_table_that_could_not_be_read_before_is_never_green() -> None:
    findings = scored(*SHARES, unknown="it could not be read before: damaged")
    assert [each.untried for each in findings] == ["it could not be read before: damaged"] * 3
