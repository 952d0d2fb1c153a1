"""The runbook: a right client passes, a wrong one fails where it is wrong, after a control."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from executed_cells import Executed

from proofbook.errors import ChecksFailed
from proofbook.records import Evidence, Metric

HERE = Path(__file__).parent
RIGHT = f"{HERE / 'urllib_client.py'}:run"
SHORT = {"timeout": 2.0, "patience": 15.0, "longest_sleep": 10.0, "crowd": 10, "workers": 2}
CASES = ["no-end", "once-500", "wait-day", "wrong-key"]

Run = Callable[..., Executed]


@pytest.fixture
def run(run_cells: Run) -> Run:
    """Return a function that executes the runbook, and ends what a failing one leaves running."""

    def execute(**parameters: Any) -> Executed:
        done = run_cells("apis/faults", **{**SHORT, **parameters})
        done.names["bench"].close()
        return done

    return execute


def statuses(done: Executed) -> dict[str, str]:
    return {name: check.status for name, check in done.checks.items()}


@pytest.mark.exhaustive
def test_a_right_client_passes_and_its_policy_is_told(run: Run) -> None:
    done = run(client=RIGHT, only=CASES)
    assert done.error is None
    assert statuses(done) == dict.fromkeys(
        ["right-answer", "right-stream", *CASES, "every-case-ran"], "passed"
    )
    calls = {r.labels["case"]: r.value for r in done.records if _is_calls(r)}
    assert calls == {"no-end": 1, "once-500": 2, "wait-day": 1, "wrong-key": 1}
    assert {"faults", "seconds"} <= {r.name for r in done.records if isinstance(r, Evidence)}


def _is_calls(record: object) -> bool:
    return isinstance(record, Metric) and record.name == "calls"


@pytest.mark.exhaustive
def test_a_wrong_client_fails_in_the_case_that_finds_it(run: Run, tmp_path: Path) -> None:
    source = (HERE / "urllib_client.py").read_text()
    lost = '    raise ClientError("the stream ended before its end marker: it is not complete")\n'
    assert lost in source
    wrong = tmp_path / "wrong.py"
    wrong.write_text(source.replace(lost, ""))
    done = run(client=f"{wrong}:run", only=CASES)
    assert isinstance(done.error, ChecksFailed)
    assert done.red == ["no-end"]
    assert "told as complete" in str(done.checks["no-end"].actual)


@pytest.mark.exhaustive
def test_a_promise_that_is_not_kept_fails(run: Run) -> None:
    more: dict[str, Any] = {"client_options": {"max_retries": 1}, "retries": 2}
    done = run(client=RIGHT, only=["constant-500"], **more)
    assert statuses(done)["constant-500"] == "failed"
    assert "2 retries are promised" in str(done.checks["constant-500"].actual)


@pytest.mark.exhaustive
def test_a_client_that_does_not_stream_is_tried_on_the_rest(run: Run) -> None:
    client = f"{HERE / 'unusual_clients.py'}:by_urllib"
    done = run(client=client, only=["no-end", "html"])
    assert done.error is None
    assert statuses(done) == {
        "right-answer": "passed", "html": "passed", "every-case-ran": "passed",
    }  # fmt: skip


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("action", ["undone", "number"])
def test_without_a_right_answer_no_case_is_judged(action: str, run: Run, tmp_path: Path) -> None:
    client = tmp_path / "client.py"
    body = {"undone": "raise NotImplementedError", "number": 'return "something else"'}[action]
    client.write_text(f"def run(request):\n    {body}\n")
    done = run(client=f"{client}:run", only=["html"])
    assert isinstance(done.error, ChecksFailed)
    assert statuses(done) == {"right-answer": "failed"}
