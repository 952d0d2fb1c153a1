"""Right clients that look unusual are not blamed for it, in any case."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from proofbook_systems.apis.clients import ClientCommand, find_client
from proofbook_systems.apis.faults.bench import Bench, Judged
from proofbook_systems.apis.faults.catalogue import choose_cases
from proofbook_systems.apis.faults.suite import after_controls, run_cases, run_controls

HERE = Path(__file__).parent
CLIENTS = [
    "no_retries", "patient", "by_urllib", "whole_streams", "letter_by_letter", "resuming",
    "returns_async", "total_timeout", "circuit_breaker", "talkative",
]  # fmt: skip
MOST_UNUSUAL = ["no_retries", "whole_streams", "resuming", "circuit_breaker", "curl"]
TELLING = [
    "cancelled-stream", "constant-500", "crowd", "hang-in-stream", "many-broken-streams", "no-end",
    "reset-in-body", "slow-stream", "stream-reset", "wait-garbage", "wrong-key",
]  # fmt: skip
"""The cases in which such clients differ most."""


def sweep(bench: Bench, command: ClientCommand, only: Sequence[str], workers: int) -> list[Judged]:
    """Run cases as the runbook does."""
    bench = dataclasses.replace(bench, command=command)
    cases = choose_cases(only)
    controls = run_controls(cases, bench)
    rest = after_controls(cases, streams=len(controls) == 2)
    return controls + list(run_cases(rest, bench, workers))


def command_of(name: str) -> ClientCommand:
    if name == "curl":
        if not (shutil.which("curl") and shutil.which("bash")):
            pytest.skip("needs bash and curl")
        return find_client("", ["bash", str(HERE / "curl_client.sh")])
    return find_client(f"{HERE / 'unusual_clients.py'}:{name}")


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("name", MOST_UNUSUAL)
def test_an_unusual_client_is_not_blamed(name: str, faulty_bench: Bench) -> None:
    results = sweep(faulty_bench, command_of(name), TELLING, 2)
    assert {judged.name: judged.words for judged in results if judged.issues} == {}
    assert len(results) >= 6


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("name", [*CLIENTS, "curl"])
def test_an_unusual_client_is_blamed_in_no_case(name: str, faulty_bench: Bench) -> None:
    results = sweep(faulty_bench, command_of(name), [], 5)
    assert {judged.name: judged.words for judged in results if judged.issues} == {}
