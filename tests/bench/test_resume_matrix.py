"""The resume matrix cuts where it says, and sees a training that does not come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from runbook_defaults import config_of

from proofbook_bench import resume_matrix
from proofbook_bench.resume_cases import CUTS, KINDS, Case, list_cases
from proofbook_bench.resume_matrix import Verdict, run_matrix


def test_the_whole_matrix_has_128_cases() -> None:
    cases = list_cases([0, 1, 2, 4], CUTS, KINDS, [1, 3])
    assert len(set(cases)) == 128


@pytest.mark.parametrize(
    ("case", "stops"),
    [
        (Case(0, "first", "plain", 1), [(1, 0)]),
        (Case(0, "middle", "dropout", 1), [(4, 0)]),
        (Case(0, "last", "plain", 3), [(8, 0), (9, 0), (10, 0)]),
        (Case(0, "next", "accumulation", 1), [(9, 1)]),
    ],
)
def test_a_case_is_cut_where_it_says(case: Case, stops: list[tuple[int, int]]) -> None:
    assert case.stops(8) == stops


def test_what_departs_or_fails_is_not_identical(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def side(case: Case, folder: Path, stops: list[tuple[int, int]]) -> str:
        if stops and case.cut == "next":
            raise RuntimeError("the loader is empty\nmore")
        return "other" if stops and case.kind == "dropout" else "same"

    monkeypatch.setattr(resume_matrix, "SIDES", {"peer": lambda: (side, lambda case: 8)})
    found = run_matrix(
        "peer", list_cases([0], ["first", "next"], ["plain", "dropout"], [1]), tmp_path
    )
    assert [each.identical for each in found] == [True, False, False, False]
    assert found[1].words.endswith("cut first, 1 resumes: departs")
    assert found[2].words.endswith("RuntimeError: the loader is empty")


def test_an_unknown_cut_or_peer_is_refused() -> None:
    for name, value in (("cuts", "end"), ("peers", "lightning"), ("kinds", "odd")):
        with pytest.raises(ValidationError, match="is none of"):
            config_of("benchmarks/resume_matrix", **{name: [value]})


@pytest.mark.parametrize(("identical", "red"), [(True, []), (False, ["bit-identical"])])
def test_the_matrix_is_held_to_its_bar(
    run_cells: Callable[..., Any], identical: bool, red: list[str]
) -> None:
    def matrix(name: str, cases: list[Case], folder: Path) -> list[Verdict]:
        return [Verdict(case, identical or name != "foundry", "") for case in cases]

    after = {"imports": lambda found: found.update(run_matrix=matrix)}
    assert run_cells("benchmarks/resume_matrix", after=after).red == red


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_our_framework_and_torchdata_come_back(tmp_path: Path) -> None:
    pytest.importorskip("torchdata")
    cases = list_cases([0], ["last"], ["accumulation", "dropout"], [1])
    for side in ("foundry", "torchdata"):
        assert all(each.identical for each in run_matrix(side, cases, tmp_path)), side
