"""The benchmarks of report and review, small: green as they are, red where something is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from leaving_out import need

from proofbook.errors import SubjectError
from proofbook.report import load_run
from proofbook.runs.folder import RunFolder
from proofbook_bench.big_runs import write_big_run
from proofbook_bench.many_reviewers import Reviewed, lost_or_doubled
from proofbook_bench.page_speed import PageSpeed, main, measure_page

FAST = PageSpeed(0.2, 0.9, 0.05, 0.05)
Run = Callable[..., Any]


def instead(**names: Any) -> Callable[[dict[str, Any]], None]:
    return lambda found: found.update(names)


def test_a_big_run_is_a_whole_run(tmp_path: Path) -> None:
    summary = load_run(RunFolder(write_big_run(tmp_path, 6, fail_every=4)))
    assert [job.outcome for job in summary.jobs] == ["passed"] * 3 + ["failed"] + ["passed"] * 2
    assert summary.open_questions == 6


@pytest.mark.exhaustive
@pytest.mark.browser
def test_a_page_is_measured_in_a_browser(tmp_path: Path, capsys: Any) -> None:
    need("browser")
    from proofbook.report import write_report

    index = write_report(RunFolder(write_big_run(tmp_path, 5)))
    found = measure_page(index, "generate-00002")
    assert 0 < found.paint <= found.loaded + 1
    assert found.filter > 0
    assert found.scroll > 0
    assert main(str(index), "x") == 0
    assert len(json.loads(capsys.readouterr().out)) == 4
    with pytest.raises(SubjectError):
        measure_page(tmp_path / "none.html", "x")


@pytest.mark.exhaustive(keep=1)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("speed", "given", "red"),
    [
        (FAST, {}, []),
        (FAST, {"build_bar": 0.001}, ["built"]),
        (FAST._replace(paint=2.0), {}, ["paint"]),
        (FAST._replace(filter=0.2, scroll=0.3), {}, ["filter", "scroll"]),
        (FAST, {"bytes_bar": 0.5}, ["bytes-of-evidence"]),
    ],
)
def test_a_report_that_is_slow_is_red(
    run_cells: Run, speed: PageSpeed, given: dict[str, Any], red: list[str]
) -> None:
    after = {"imports": instead(measure_page=lambda index, words: speed)}
    found = run_cells("benchmarks/large_report", after=after, jobs=3, rounds=1, **given)
    assert found.red == red


@pytest.mark.exhaustive
@pytest.mark.slow
def test_reviewers_whose_server_is_killed_lose_nothing(run_cells: Run) -> None:
    found = run_cells("benchmarks/many_reviewers", reviewers=2, answers=8, kills=1, jobs=3)
    assert found.error is None
    assert found.red == []
    assert len(set(found.names["found"].acknowledged)) == 16


@pytest.mark.exhaustive
@pytest.mark.slow
def test_an_answer_that_is_lost_is_red(run_cells: Run) -> None:
    def forget(names: dict[str, Any]) -> None:
        names["found"].acknowledged[0] = "f" * 32

    given = {"reviewers": 1, "answers": 2, "kills": 0, "jobs": 1}
    found = run_cells("benchmarks/many_reviewers", after={"answer": forget}, **given)
    assert found.red == ["each-once"]
    assert lost_or_doubled(found.names["run"], ["f" * 32]) == ["f" * 32]
    assert Reviewed().acknowledged == []
