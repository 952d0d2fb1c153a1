"""The benchmark of the model types: held to its bars, from figures that are added up rightly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from proofbook_bench import model_types
from proofbook_bench.model_types import Tried, differences, try_in_one, try_one_by_one
from proofbook_systems.models.catalogue import ModelType, choose_types
from proofbook_systems.models.findings import Finding, Verdict
from proofbook_systems.models.host import OWN_SECONDS
from proofbook_systems.models.matrix import Matrix
from proofbook_systems.models.trial import Options

Run = Callable[..., Any]
TYPES = choose_types(models=["bert", "vit"], category="all", limit=0)


def _verdicts(types: Sequence[ModelType], seconds: float, status: Any = "passed") -> list[Verdict]:
    found = [Finding(check="init", status=status)]
    return [Verdict(type=each.name, category=each.category, findings=found,
                    metrics={"processor_seconds": seconds}) for each in types]  # fmt: skip


def _tried(types: Sequence[ModelType], seconds: float, start: float, status: Any) -> Tried:
    return Tried(start=start, wall=1.0, verdicts=tuple(_verdicts(types, seconds, status)))


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("seconds", "fresh_start", "status", "red"),
    [
        (0.5, 4.0, "passed", []),
        (0.5, 1.0, "passed", ["fresh-process"]),
        (3.0, 40.0, "passed", ["whole-matrix"]),
        (0.5, 4.0, "failed", ["same-verdicts"]),
    ],
)
def test_the_matrix_is_held_to_its_bars_and_to_the_same_verdicts(
    run_cells: Run, seconds: float, fresh_start: float, status: str, red: list[str]
) -> None:
    def ours(types: Sequence[ModelType], matrix: Matrix) -> Tried:
        return _tried(types, seconds, 5.0, "passed")

    def theirs(types: Sequence[ModelType], matrix: Matrix) -> Tried:
        return _tried(types, seconds, fresh_start * len(types), status)

    given = {"try_in_one": ours, "try_one_by_one": theirs}
    after = {"imports": lambda found: found.update(given)}
    assert run_cells("benchmarks/model_types", after=after).red == red


def test_a_start_counts_for_all_types_that_it_serves() -> None:
    tried = _tried(TYPES, 2.0, 10.0, "passed")
    assert tried.a_type(2) == 7.0 and tried.a_type(10) == 3.0
    assert tried.minutes(60, 2) == (60 * 2.0 + 10.0) / 2 / 60


def test_other_verdicts_and_missing_ones_are_differences() -> None:
    one, other = (_tried(TYPES, 1.0, 1.0, status) for status in ("passed", "failed"))
    assert differences(one, one) == [] and differences(one, other) == ["bert", "vit"]
    assert differences(one, _tried(TYPES[:1], 1.0, 1.0, "passed")) == [TYPES[1].name]


def test_what_a_process_computed_itself_is_read_from_its_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def trying(types: Sequence[ModelType], matrix: Matrix) -> list[Verdict]:
        matrix.folder.mkdir(parents=True)
        told = f'a model prints\n{{"{OWN_SECONDS}": 4.5}}\n'
        (matrix.folder / "host-0.log").write_text(told)
        return _verdicts(types, 1.5)

    monkeypatch.setattr(model_types, "try_types", trying)
    matrix = Matrix(options=Options(), folder=tmp_path / "one")
    one, each = try_in_one(TYPES, matrix), try_one_by_one(TYPES, matrix)
    assert (one.start, one.work) == (4.5, 3.0)
    assert (each.start, each.work) == (9.0, 3.0)
    assert [v.type for v in each.verdicts] == [t.name for t in TYPES]
