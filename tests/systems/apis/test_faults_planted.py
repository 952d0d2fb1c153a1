"""Planted defects are found by the case and the rule that must find them, and the message says so.

Found, named, false alarms: every defect must be found in its case and named by its rule; the client
without the defect passes that case on the same terms.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from planted_clients import DEFECTS, RIGHT

from proofbook_systems.apis.client_process import ClientProcess
from proofbook_systems.apis.clients import find_client
from proofbook_systems.apis.faults.bench import Bench
from proofbook_systems.apis.faults.catalogue import choose_cases
from proofbook_systems.apis.faults.judging import Promises
from proofbook_systems.apis.faults.suite import run_cases

CASES = {case.name: case for case in choose_cases()}
DRIVER = Path(__file__).with_name("planted_driver.py")


@pytest.fixture(scope="module")
def processes() -> Iterator[list[ClientProcess]]:
    """The process of all defects; a new one is added once the last has died."""
    started: list[ClientProcess] = []
    yield started
    for client in started:
        client.stop()


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_found_and_named(
    name: str, faulty_bench: Bench, processes: list[ClientProcess]
) -> None:
    defect = DEFECTS[name]
    options = {"defect": name, **defect.options}
    promises = Promises(
        retries=defect.retries if defect.retries >= 0 else None, honours=frozenset(defect.honours)
    )
    bench = dataclasses.replace(
        faulty_bench, command=find_client(f"{DRIVER}:run"), promises=promises,
        terms=dataclasses.replace(faulty_bench.terms, options=options),
    )  # fmt: skip
    found: dict[str, str] = {}
    for _ in range(3):  # as for a right client: what a busy machine hides is there the next time
        if not processes or not processes[-1].running:
            processes.append(bench.start(f"planted-{len(processes)}"))
        judged = bench.run(CASES[defect.case], processes[-1])
        found = {issue.rule: issue.message for issue in judged.issues}
        if defect.rule in found:
            break
    assert defect.rule in found, found
    assert defect.says in found[defect.rule]


@pytest.mark.exhaustive
def test_the_right_client_passes_where_defects_are_found(
    faulty_bench: Bench, tmp_path: Path
) -> None:
    names = sorted({defect.case for defect in DEFECTS.values()})
    promises = Promises(retries=2, honours=frozenset({"fraction", "milliseconds"}))
    bench = dataclasses.replace(
        faulty_bench, command=find_client(f"{RIGHT}:run"), promises=promises, folder=tmp_path
    )
    results = list(run_cases(choose_cases(names), bench, workers=6))
    assert {judged.name for judged in results} >= set(names)
    assert {judged.name: judged.words for judged in results if judged.issues} == {}


def test_there_are_enough_defects() -> None:
    assert len(DEFECTS) >= 25
