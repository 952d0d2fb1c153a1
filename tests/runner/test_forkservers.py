"""Which forkserver a run's kernels come from, and what a person is told of it."""

from __future__ import annotations

import pytest

from proofbook.errors import ForkserverLateError, KernelError
from proofbook.runner import forkservers
from proofbook.runner.events import Event, Note
from proofbook.runner.forkservers import OFF, forkserver_for


def test_a_shared_forkserver_that_is_late_is_passed_over_and_that_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def late() -> None:
        raise ForkserverLateError("it has not answered in 5 s")

    def cannot(*_: object, **__: object) -> None:
        raise KernelError("not here")

    monkeypatch.setattr(forkservers, "shared_status", late)
    monkeypatch.setattr(forkservers, "start_forkserver", cannot)
    told: list[Event] = []
    with forkserver_for((), told.append) as where:
        assert where == OFF
    assert [event.text for event in told if isinstance(event, Note)] == [
        "not using the shared forkserver: it has not answered in 5 s; starting one for this run",
        "ordinary kernels only: not here",
    ]
