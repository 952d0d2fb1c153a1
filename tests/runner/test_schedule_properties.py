"""Whatever the plan and the machine: nothing is oversubscribed, starved, or left idle."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation import Simulation, job

from proofbook.records import PlannedJob
from proofbook.runner.capacity import Capacity

SHARES = (0.1, 0.25, 0.3, 0.5, 0.75)


@st.composite
def machines(draw: st.DrawFn) -> Capacity:
    return Capacity(
        slots=draw(st.integers(1, 6)),
        cpus=draw(st.integers(1, 4)),
        memory_gb=draw(st.integers(1, 8)),
        gpus=tuple("abc"[: draw(st.integers(0, 3))]),
    )


@st.composite
def plans(
    draw: st.DrawFn, capacity: Capacity, *, shares: bool = True, needs: bool = True
) -> list[PlannedJob]:
    """Plans of jobs that fit on the machine, in any order, with needs that form no circle."""
    number = draw(st.integers(1, 14))
    gpus = [float(amount) for amount in range(len(capacity.gpus) + 1)]
    gpus += SHARES if shares and capacity.gpus else ()
    plan = []
    for index in range(number):
        resources = {
            "gpus": draw(st.sampled_from(gpus)),
            "memory_gb": float(draw(st.integers(0, int(capacity.memory_gb)))),
        }
        if draw(st.booleans()):
            resources["cpus"] = draw(st.integers(1, capacity.cpus))
        earlier = [str(n) for n in range(index)] if needs else []
        wanted = draw(st.lists(st.sampled_from(earlier), max_size=3)) if earlier else []
        plan.append(job(str(index), *wanted, **resources))
    return draw(st.permutations(plan))


@st.composite
def cases(draw: st.DrawFn, **options: bool) -> Simulation:
    capacity = draw(machines())
    jobs = draw(plans(capacity, **options))
    seconds = {planned.id: float(draw(st.integers(1, 5))) for planned in jobs}
    return Simulation(jobs=jobs, capacity=capacity, seconds=seconds)


def cpus(planned: PlannedJob, capacity: Capacity) -> Fraction:
    declared = planned.resources.cpus
    return Fraction(capacity.cpus, capacity.slots) if declared is None else Fraction(declared)


def assert_nothing_is_oversubscribed(moment: Simulation) -> None:
    capacity, starts = moment.capacity, list(moment.running.values())
    jobs = [start.job for start in starts]
    assert len(jobs) <= capacity.slots
    assert sum(cpus(planned, capacity) for planned in jobs) <= capacity.cpus
    assert sum(planned.resources.memory_gb for planned in jobs) <= capacity.memory_gb
    used: Counter[str] = Counter()
    for start in starts:
        wanted = start.job.resources.gpus
        assert len(set(start.allocation.gpus)) == (1 if 0 < wanted < 1 else wanted)
        for gpu in start.allocation.gpus:
            used[gpu] += Fraction(str(min(wanted, 1.0)))
    assert set(used) <= set(capacity.gpus)
    assert all(share <= 1 for share in used.values())


@settings(max_examples=100, deadline=None)
@given(cases())
def test_nothing_is_oversubscribed_and_every_job_ends_after_its_needs(case: Simulation) -> None:
    case.each_moment = assert_nothing_is_oversubscribed
    outcomes = case.run()
    assert {outcome.status for outcome in outcomes.values()} == {"passed"}
    assert len(outcomes) == len(list(case.jobs))
    for planned in case.jobs:
        assert all(case.ended[need] <= case.started[planned.id] for need in planned.needs)


class Room:
    """What a set of jobs leaves, of whole amounts; written apart from the code under test."""

    def __init__(self, capacity: Capacity, jobs: list[PlannedJob]) -> None:
        self.slots = capacity.slots - len(jobs)
        self.cpus = capacity.cpus - sum(cpus(planned, capacity) for planned in jobs)
        self.memory_gb = capacity.memory_gb - sum(j.resources.memory_gb for j in jobs)
        self.gpus = len(capacity.gpus) - sum(planned.resources.gpus for planned in jobs)
        self.capacity = capacity

    def fits(self, planned: PlannedJob) -> bool:
        return (
            self.slots >= 1
            and self.cpus >= cpus(planned, self.capacity)
            and self.memory_gb >= planned.resources.memory_gb
            and self.gpus >= planned.resources.gpus
        )


@pytest.mark.exhaustive
@settings(max_examples=100, deadline=None)
@given(cases(shares=False))
def test_nothing_idles_that_a_ready_job_may_use(case: Simulation) -> None:
    """What is free is too little for the first that waits, or is the place held for it."""
    first = ""
    before: set[str] = set()
    seen: set[str] = set()
    place = {planned.id: number for number, planned in enumerate(case.jobs)}

    def look(moment: Simulation) -> None:
        nonlocal first, before, seen
        new, seen = set(moment.started) - seen, set(moment.started)
        waiting = [
            planned
            for planned in moment.jobs
            if planned.id not in moment.started and all(n in moment.ended for n in planned.needs)
        ]
        if not waiting:
            return
        if waiting[0].id != first:
            first = waiting[0].id
            before = {id_ for id_ in moment.running if id_ not in new or place[id_] < place[first]}
        running = [start.job for start in moment.running.values()]
        free = Room(moment.capacity, running)
        assert not free.fits(waiting[0])
        passed = [planned for planned in running if planned.id not in before]
        for planned in waiting[1:]:
            held = not Room(moment.capacity, [*passed, planned]).fits(waiting[0])
            assert held or not free.fits(planned)

    case.each_moment = look
    case.run()


@settings(max_examples=100, deadline=None)
@given(cases(needs=False))
def test_a_job_that_is_first_waits_only_for_what_ran_before(case: Simulation) -> None:
    latest: dict[str, float] = {}

    def look(moment: Simulation) -> None:
        waiting = next((j.id for j in moment.jobs if j.id not in moment.started), None)
        if waiting is not None and waiting not in latest:
            ends = (moment.started[id_] + moment.seconds[id_] for id_ in moment.running)
            latest[waiting] = max(ends)

    case.each_moment = look
    case.run()
    assert all(case.started[id_] <= moment for id_, moment in latest.items())
