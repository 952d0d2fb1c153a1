"""Every fault on demand, alone and in pairs, against the frozen server: it costs its row alone."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from speaking import MATRIX, TIMEOUT, Spoken

from proofbook_subjects.ttsserver.faults import KINDS
from proofbook_systems.ttsserver.matrix import choose_rows
from proofbook_systems.ttsserver.rows import RowResult

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]

AT_ONCE = 6
NAMES = [row.name for row in choose_rows(MATRIX)]
LAST = NAMES[-1]
GIVEN = {"slow": "slow:0.5", "backlog": "backlog:60"}

HUNG = rf"^no result within {TIMEOUT:g} s .* it last said generating, .* still answers$"
EXPECTED = {
    "slow": ("passed", None),
    "hang": ("timeout", HUNG),
    "deaf": ("timeout", HUNG),
    "crash": ("failed", r"^the server was killed by SIGSEGV$"),
    "fail": ("failed", r"^CUDA out of memory \(a fault on demand\)$"),
    "silent": ("failed", r"^the audio is silent \(-inf dBFS\)$"),
    "wrong_duration": ("failed", r"^the audio lasts \d\.\d+ s, and the server claims \d\.\d+ s$"),
    "empty_wav": (
        "failed",
        r"^the server says 'completed', and the audio lasts 0\.00 s$|decoded: .* empty",
    ),
    "broken_wav": ("failed", r"^the audio cannot be decoded: .* truncated"),
    "malformed": ("failed", r"^1 events of its status stream are not JSON: "),
    "dropped": ("passed", None),
    "backlog": ("passed", None),
}


def faults(names: list[str], kinds: list[str]) -> str:
    sized = [name.replace("-", "/") for name in names]
    return ", ".join(f"{n}={GIVEN.get(k, k)}" for n, k in zip(sized, kinds, strict=True))


@pytest.fixture(scope="module")
def alone(speak: Callable[..., Spoken]) -> dict[str, Spoken]:
    """Each fault in a row between two good ones."""
    names = ["kokoro", "luxtts", "chatterbox_turbo"]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = pool.map(lambda kind: speak(names, faults(names[1:2], [kind])), KINDS)
        return dict(zip(KINDS, runs, strict=True))


def assert_is_its_own(result: RowResult, kind: str) -> None:
    status, error = EXPECTED[kind]
    assert (result.status, result.row.name) == (status, result.row.name), (kind, result)
    if error is None:
        assert result.error is None, (kind, result)
    else:
        assert re.search(error, result.error or ""), (kind, result)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_alone_costs_its_row_alone(kind: str, alone: dict[str, Spoken]) -> None:
    before, itself, after = alone[kind].results
    assert before.status == after.status == "passed", (before, after)
    assert_is_its_own(itself, kind)


@pytest.mark.parametrize("kind", ["hang", "deaf", "crash", "fail", "silent"])
def test_a_row_that_did_not_pass_has_the_servers_last_words(
    kind: str, alone: dict[str, Spoken]
) -> None:
    tail = alone[kind].results[1].server_log_tail
    assert tail is not None and "POST /generate" in tail
    assert len(tail.splitlines()) <= 100


def test_what_can_be_freed_is_freed_and_what_cannot_is_started_again(
    alone: dict[str, Spoken],
) -> None:
    restarted = {kind for kind, run in alone.items() if run.restarts}
    assert restarted == {"deaf", "crash", "backlog"}
    notes = {kind: " ".join(alone[kind].results[1].notes) for kind in KINDS}
    assert re.match(r"cancelled in \d\.\d s$", notes["hang"])
    assert "did not heed the cancellation within 5 s" in notes["deaf"]
    assert "started again, as the server was killed by SIGSEGV" in notes["crash"]
    assert "the status stream broke; it was opened again" in notes["dropped"]


def test_a_row_behind_a_backlog_is_run_again_and_says_so(alone: dict[str, Spoken]) -> None:
    after = alone["backlog"].results[2]
    assert after.run_again
    assert after.notes[0].startswith(
        "run again on a fresh server; the first time: no result within "
    )
    assert [r.run_again for r in alone["slow"].results] == [False, False, False]


def paths(kinds: list[str], longest: int) -> list[list[str]]:
    """Return sequences in which each two kinds stand side by side at least once."""
    left = {frozenset(pair) for pair in itertools.combinations(kinds, 2)}
    found = []
    while left:
        path = sorted(next(iter(sorted(left, key=sorted))))
        left.remove(frozenset(path))
        while len(path) < longest:
            fresh = [k for k in kinds if frozenset((path[-1], k)) in left and k not in path]
            if not fresh:
                break
            left.remove(frozenset((path[-1], fresh[0])))
            path.append(fresh[0])
        found.append(path)
    return found


@pytest.mark.timeout(900)
def test_two_faults_side_by_side_cost_their_rows_alone(speak: Callable[..., Spoken]) -> None:
    sequences = paths(list(KINDS), len(NAMES) - 1)
    beside = {frozenset(p) for s in sequences for p in itertools.pairwise(s)}
    assert beside == {frozenset(p) for p in itertools.combinations(KINDS, 2)}

    def run(kinds: list[str]) -> Spoken:
        names = NAMES[: len(kinds)]
        return speak([*names, LAST], faults(names, kinds))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for kinds, spoken in zip(sequences, pool.map(run, sequences), strict=True):
            *rows, last = spoken.results
            for kind, result in zip(kinds, rows, strict=True):
                assert_is_its_own(result, kind)
            assert last.passed, (kinds, last)
