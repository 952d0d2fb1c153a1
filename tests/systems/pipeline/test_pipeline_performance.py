"""Stages are measured in turns, and a bound is only judged beyond the noise."""

from __future__ import annotations

from pathlib import Path

import pytest
from loaded_pipeline import load_config

from proofbook_systems.pipeline.performance.config import PerformanceConfig
from proofbook_systems.pipeline.performance.judging import (
    judge_memory,
    judge_seconds,
    judge_speedups,
    speedups,
    wholes,
)
from proofbook_systems.pipeline.performance.measuring import (
    QUICK,
    USUAL,
    Measured,
    measure_stages,
)
from proofbook_systems.pipeline.performance.spreads import median_of, ratio_of
from proofbook_systems.pipeline.performance.tables import write_table


def measured(stage: str, form: str, *seconds: float, memory: int = 1) -> list[Measured]:
    return [
        Measured(stage=stage, form=form, repetition=number, seconds=each, cpu=each, memory=memory,
                 items="8 files" if stage == "audio" else "", fault="")
        for number, each in enumerate(seconds, 1)
    ]  # fmt: skip


def perf_config(folder: Path, **more: object) -> PerformanceConfig:
    load = load_config(folder).model_dump()
    shared = {name: load[name] for name in PerformanceConfig.model_fields if name in load}
    own = {"stages": ["script", "images", "video"], "repetitions": 2, "warmup": 1, "slowest": {},
           "least_speedup": {}, "whole_bound": 0.0,
           "quicker": {"video": ["{python}", "-S", "make.py", "script", "{episode}"]}}  # fmt: skip
    return PerformanceConfig(**{**shared, **own, **more})


@pytest.mark.parametrize(
    ("count", "sure"), [(1, 0.0), (3, 0.75), (5, 0.9375), (6, 0.96875), (20, 0.959)]
)
def test_median_tells_how_sure_its_interval_is(count: int, sure: float) -> None:
    found = median_of([float(n) for n in range(count)])
    assert found.sure == pytest.approx(sure, abs=0.001)
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize(("count", "sure"), [(1, 0.0), (3, 0.9), (4, 0.971), (5, 0.968)])
def test_ratio_tells_how_sure_its_interval_is(count: int, sure: float) -> None:
    """By the table of Mann and Whitney's statistic."""
    found = ratio_of([3.0 + n / 100 for n in range(count)], [1.0 + n / 100 for n in range(count)])
    assert found.sure == pytest.approx(sure, abs=0.001)
    assert found.low <= found.value <= found.high
    assert found.value == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize(
    ("quick", "faults", "untried"),
    [
        ((1.0, 1.1, 1.2, 1.05), 0, False),  # at least 2.5 times
        ((2.9, 3.0, 3.1, 3.2), 1, False),  # no gain at all
        ((1.2, 1.9, 1.6, 1.4), 0, True),  # around the bound
    ],
)
def test_gain_is_judged_beyond_the_noise_alone(
    quick: tuple[float, ...], faults: int, untried: bool
) -> None:
    runs = [*measured("audio", USUAL, 3.0, 3.1, 3.2, 3.3), *measured("audio", QUICK, *quick)]
    (found,) = judge_speedups(runs, {"audio": 2.0})
    assert (len(found.faults), bool(found.untried)) == (faults, untried)


@pytest.mark.parametrize(
    ("bound", "faults", "untried"), [(9, 0, False), (1, 1, False), (2, 0, True)]
)
def test_seconds_are_judged_beyond_the_noise_alone(
    bound: float, faults: int, untried: bool
) -> None:
    runs = measured("video", USUAL, 1.5, 2.0, 2.5)
    stage, whole = judge_seconds(runs, {"video": bound}, bound)
    assert (len(stage.faults), bool(stage.untried)) == (faults, untried)
    assert (len(whole.faults), bool(whole.untried)) == (faults, untried)


def test_stage_that_was_not_run_breaks_no_bound_and_keeps_none() -> None:
    (found,) = judge_seconds([], {"video": 1.0}, 0.0)
    assert (found.faults, found.untried) == ([], "it was not run to its end")


def test_memory_over_the_bound_is_named() -> None:
    runs = measured("video", USUAL, 1.0, memory=9_000_000_000)
    assert judge_memory(runs, 8.0).faults == ["video held 9.00 GB at one time, of 8 GB"]
    assert judge_memory(runs, 10.0).faults == []


def test_table_has_the_checklists_form() -> None:
    runs = [
        *measured("audio", USUAL, 240.0, 246.0, 250.0),
        *measured("audio", QUICK, 82.0, 80.0, 84.0),
        *measured("video", USUAL, 128.0, 129.0, 130.0),
    ]
    table = write_table(runs)
    assert "Generate Audio:     246.0s  (8 files)" in table
    assert "  - With parallelization: 82.0s (3x speedup)" in table
    assert "Total Pipeline:     375.0s  (6m 15s)" in table
    assert wholes(runs)[QUICK] == [210.0, 209.0, 214.0]


_FIRST = [("script", USUAL), ("images", USUAL), ("video", USUAL), ("video", QUICK)]


@pytest.mark.exhaustive
@pytest.mark.slow
def test_forms_are_measured_from_the_same_state(tmp_path: Path) -> None:
    runs, faults = measure_stages(perf_config(tmp_path), tmp_path / "work")
    assert faults == []
    assert [(r.stage, r.form) for r in runs if r.repetition == 1] == _FIRST
    assert [r.form for r in runs if (r.stage, r.repetition) == ("video", 2)] == [QUICK, USUAL]
    assert {r.repetition for r in runs} == {0, 1, 2}
    assert speedups(runs)["video"].value > 1
    # On a busy machine one that is quick may be over before it was looked at.
    most = {stage: max(r.memory for r in runs if r.stage == stage) for stage, *_ in _FIRST}
    assert min(most.values()) > 1_000_000


@pytest.mark.slow
def test_stage_that_fails_is_told(tmp_path: Path) -> None:
    quicker = {"video": ["{python}", "-c", "raise SystemExit('no voice')"]}
    runs, faults = measure_stages(
        perf_config(tmp_path, quicker=quicker, repetitions=1, warmup=0), tmp_path / "work"
    )
    assert faults == ["video exited with code 1: no voice"]
    assert runs[-1].stage == "video"
