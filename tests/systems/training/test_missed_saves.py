"""A save that was over when the signal came has left a checkpoint to go on from."""

from __future__ import annotations

import signal

import pytest

from proofbook_systems.training.interruption import Cycle
from proofbook_systems.training.plans import Interruption
from proofbook_systems.training.running import Ended


@pytest.mark.parametrize(
    ("writing", "missed", "newest", "allowed"),
    [(True, False, 20, 20), (True, True, 30, 10), (False, False, 30, 10)],
)
def test_what_a_resumption_has_to_go_on_from(
    writing: bool, missed: bool, newest: int, allowed: int
) -> None:
    """The first row's signal came in the middle of writing checkpoint 30."""
    cycle = Cycle(
        interruption=Interruption(signum=signal.SIGKILL, step=30, writing=writing),
        ended=Ended.__new__(Ended),
        reached=40,
        signalled=40,
        happened=True,
        missed=missed,
        checkpoints=[10, 20, 30],
    )
    assert cycle.newest == newest
    assert cycle.allowed(saves_on_signal=False) == allowed
