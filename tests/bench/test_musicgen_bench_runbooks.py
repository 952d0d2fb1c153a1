"""The MusicGen benchmarks: green where the subject keeps its bar, red where it does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proofbook_bench.loading import Loading
from proofbook_subjects.musicgen.audiocraft.reference import reference_checkpoints

pytestmark = pytest.mark.slow
Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROOFBOOK_CACHE", str(tmp_path / "cache"))


@pytest.mark.exhaustive
@pytest.mark.parametrize(("bar", "red"), [(0.01, []), (1e6, ["times-faster"])])
def test_matching_is_judged_by_its_bar(run_cells: Run, bar: float, red: list[str]):
    done = run_cells("benchmarks/key_matching", layers=2, width=64, bar=bar)
    assert done.red == red
    found = {r.labels["side"]: r.value for r in done.records
             if r.kind == "metric" and r.name == "found"}  # fmt: skip
    assert found["proofbook"] == 1.0


def test_a_wrong_pair_is_red_however_fast(run_cells: Run):
    def confuse(names: dict[str, Any]) -> None:
        recipes = names["plans"]["codec"].recipes
        first, second = list(recipes)[:2]
        recipes[first], recipes[second] = recipes[second], recipes[first]

    done = run_cells("benchmarks/key_matching", after={"compare": confuse}, layers=2, width=64,
                     bar=0.01)  # fmt: skip
    assert "nothing-wrong" in done.red


@pytest.mark.exhaustive
@pytest.mark.parametrize(("bar", "red"), [(0.001, []), (100, ["speed", "speed-offloaded"])])
def test_generating_is_judged_by_its_bars(run_cells: Run, bar: float, red: list[str]):
    done = run_cells("benchmarks/generation_speed", checkpoints="reference:tiny/pair", rounds=1,
                     duration=0.2, bar=bar, offload_bar=bar)  # fmt: skip
    assert (done.red, done.checks["same-tokens-spread"].status) == (red, "passed")


@pytest.mark.parametrize(
    ("peak", "second", "red"),
    [(1000, 1.0, []), (1201, 1.0, ["peak-memory"]), (1000, 6.0, ["second-load"])],
)
def test_loading_is_judged_by_memory_and_time(
    run_cells: Run, cache: Path, peak: int, second: float, red: list[str]
):
    calls: list[str] = []

    def measure(side: str, where: str, *, cache: Path, **options: Any) -> Loading:
        cache.mkdir(exist_ok=True)
        calls.append(side)
        seconds = second if len(calls) % 3 == 2 else 20.0
        return Loading(seconds, 9999 if side == "peer" else peak, 200, 1000)

    done = run_cells(
        "benchmarks/model_loading", checkpoints=str(reference_checkpoints("tiny", "pair", cache)),
        after={"imports": lambda names: names.update(measure_loading=measure)},
    )  # fmt: skip
    assert done.red == red
    assert calls == ["subject", "subject", "peer"]
