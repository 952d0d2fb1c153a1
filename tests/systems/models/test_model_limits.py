"""What ends a type: computing too much, lasting far too long, holding too much."""

from __future__ import annotations

import time

import pytest

from proofbook_systems.models import host
from proofbook_systems.models.findings import ON_DEVICE

LIMITS = host.Limits(seconds=10, gigabytes=1, device_seconds=100)


@pytest.mark.parametrize(
    ("computed", "lasted", "held", "check", "killed"),
    [
        (9, 79, 0, "batch", ""),  # a busy machine
        (11, 12, 0, "batch", "time limit of 10 s"),
        (1, 81, 0, "batch", "time limit of 10 s"),  # it hangs
        (1, 179, 0, f"{ON_DEVICE}openvino", ""),  # what it waits for has a limit of its own
        (1, 181, 0, f"{ON_DEVICE}openvino", "time limit of 10 s"),
        (1, 2, 2_000_000_000, "batch", "memory limit of 1 GB"),
    ],
)
def test_a_type_is_ended_for_what_it_takes_and_not_for_waiting_its_turn(
    computed: float, lasted: float, held: int, check: str, killed: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    ended: list[int] = []
    monkeypatch.setattr(host, "cpu_seconds", lambda pids: computed)
    monkeypatch.setattr(host, "resident_memory", lambda pids: held)
    monkeypatch.setattr(host.os, "killpg", lambda pid, signal: ended.append(pid))
    child = host._Child(name="bert", category="language", pid=77, pipe=0,
                        started=time.monotonic() - lasted, lines=[{"check": check}])  # fmt: skip
    host._enforce(child, LIMITS)
    assert child.killed == killed
    assert ended == ([77] if killed else [])
