"""A forkserver's idle time is the time without a kernel, by an injected clock."""

from __future__ import annotations

from proofbook.kernels.idleness import Idleness


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_ends_when_so_long_without_a_kernel_and_not_before() -> None:
    clock = Clock()
    idleness = Idleness(10, clock)
    assert idleness.ends_in(0) == 10
    clock.now += 9
    idleness.note(0)
    assert idleness.ends_in(0) == 1
    idleness.note(2)
    assert idleness.ends_in(2) is None
    clock.now += 1000
    assert idleness.ends_in(2) is None
    idleness.note(2)
    assert idleness.ends_in(0) == 10
    clock.now += 10.5
    assert idleness.ends_in(0) == 0


def test_without_a_limit_there_is_no_end() -> None:
    assert Idleness(None, Clock()).ends_in(0) is None
