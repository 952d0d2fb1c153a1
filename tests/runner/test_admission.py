"""What is reserved for a job stays reserved, however often it is asked for."""

from __future__ import annotations

from fractions import Fraction

from proofbook.runner.admission import Room
from proofbook.runner.capacity import Capacity, Request


def cpus(number: int) -> Request:
    return Request(Fraction(number), Fraction(0), Fraction(0))


def test_a_job_that_waits_is_passed_only_by_what_leaves_it_its_place() -> None:
    room = Room(Capacity(slots=4, cpus=4, memory_gb=1))
    running = room.take(0, cpus(2))
    assert running is not None
    for _ in range(2):
        assert room.take(1, cpus(3)) is None, "it waits"
    assert room.take(2, cpus(1)) is not None
    assert room.take(1, cpus(3)) is None, "it is asked again"
    assert room.take(3, cpus(1)) is None, "it would have to wait for this one, too"
    room.give_back(0, running)
    assert room.take(1, cpus(3)) is not None
    assert room.take(3, cpus(1)) is None


def test_an_earlier_job_takes_the_reservation_over() -> None:
    room = Room(Capacity(slots=4, cpus=4, memory_gb=1))
    running = room.take(0, cpus(2))
    assert running is not None
    assert room.take(5, cpus(3)) is None
    assert room.take(1, cpus(4)) is None
    assert room.take(6, cpus(1)) is None, "nothing may pass one that needs all"
    room.give_back(0, running)
    assert room.take(1, cpus(4)) is not None
