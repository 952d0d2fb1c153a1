"""Jobs run when their needs are met and there is room for them, the earlier in the plan first."""

from __future__ import annotations

import pytest
from simulation import Simulation, job, slots

from proofbook.records import Outcome
from proofbook.runner.capacity import Capacity, Pool, Request
from proofbook.runner.schedule import Obstacle, Schedule, dependents


def test_needs_run_first() -> None:
    simulation = Simulation(jobs=[job("c", "b"), job("b", "a"), job("a")], capacity=slots(2))
    simulation.run()
    assert simulation.order == ["a", "b", "c"]


def test_no_more_run_at_a_time_than_there_are_slots() -> None:
    most: list[int] = []
    simulation = Simulation(
        jobs=[job(str(number)) for number in range(12)],
        capacity=slots(3),
        each_moment=lambda moment: most.append(len(moment.running)),
    )
    assert len(simulation.run()) == 12
    assert max(most) == 3
    assert simulation.clock == 4


def test_what_needs_a_failed_job_is_skipped_with_the_reason() -> None:
    jobs = [job("a"), job("b", "a"), job("c", "b"), job("d")]
    outcomes = Simulation(jobs=jobs, capacity=slots(2), statuses={"a": "failed"}).run()
    assert {id_: outcome.status for id_, outcome in outcomes.items()} == {
        "a": "failed",
        "b": "skipped",
        "c": "skipped",
        "d": "passed",
    }
    assert outcomes["b"].cause == "it needs a, which ended as failed"
    assert outcomes["c"].cause == "it needs b, which was skipped"


def test_a_skip_that_is_allowed_is_no_obstacle() -> None:
    skipped = Outcome(job="a", runbook="demo/one", status="skipped", allowed=True)
    failed = Outcome(job="b", runbook="demo/one", status="failed", allowed=True)
    simulation = Simulation(
        jobs=[job("a"), job("b"), job("c", "a"), job("d", "b")],
        capacity=slots(1),
        done={"a": skipped, "b": failed},
    )
    outcomes = simulation.run()
    assert (outcomes["c"].status, outcomes["d"].status) == ("passed", "skipped")


def test_kept_outcomes_are_not_run_again() -> None:
    kept = Outcome(job="a", runbook="demo/one", status="passed")
    simulation = Simulation(jobs=[job("a"), job("b", "a")], capacity=slots(1), done={"a": kept})
    assert simulation.run()["a"] is kept
    assert simulation.order == ["b"]


def test_a_need_given_twice_is_one() -> None:
    simulation = Simulation(jobs=[job("a"), job("b", "a", "a")], capacity=slots(1))
    assert simulation.run()["b"].status == "passed"


def test_a_closed_schedule_starts_nothing_more() -> None:
    schedule = Schedule([job("a"), job("b", "a"), job("c")], slots(1), {})
    assert [start.job.id for start in schedule.start()] == ["a"]
    cancelled = Obstacle("cancelled", "the run was cancelled")
    schedule.close(cancelled)
    refused = [planned.id for planned, obstacle in schedule.obstructed() if obstacle == cancelled]
    assert refused == ["b", "c"]
    assert schedule.unfinished  # the one that runs
    for id_ in ("b", "c", "a"):
        schedule.end(Outcome(job=id_, runbook="demo/one", status="cancelled"))
    assert not schedule.unfinished
    assert schedule.start() == []


def test_a_closed_schedule_refuses_in_the_order_of_the_plan() -> None:
    schedule = Schedule([job("z"), job("c"), job("b", "z"), job("a")], slots(1), {})
    schedule.start()
    schedule.close(Obstacle("cancelled", "the run was cancelled"))
    assert [planned.id for planned, _ in schedule.obstructed()] == ["c", "b", "a"]


def test_a_job_for_which_there_is_never_room_starts_to_be_recorded() -> None:
    schedule = Schedule([job("big", cpus=64), job("small", cpus=1)], slots(2), {}, ["big"])
    assert [start.job.id for start in schedule.start()] == ["big", "small"]


def test_a_large_job_is_not_starved_by_small_ones() -> None:
    small = [job(f"s{number}", cpus=1) for number in range(20)]
    jobs = [small[0], job("large", cpus=4), *small[1:]]
    seconds = {f"s{number}": 1 + number % 3 for number in range(20)}
    capacity = Capacity(slots=8, cpus=4, memory_gb=1)
    simulation = Simulation(jobs=jobs, capacity=capacity, seconds=seconds)
    simulation.run()
    assert simulation.started["large"] == simulation.ended["s0"] == 1


def test_what_a_waiting_job_cannot_use_is_used_by_later_ones() -> None:
    capacity = Capacity(slots=8, cpus=4, memory_gb=1, gpus=("0",))
    jobs = [job("g0", gpus=1, cpus=1), job("g1", gpus=1, cpus=1)]
    jobs += [job(f"c{number}", cpus=1) for number in range(3)]
    simulation = Simulation(jobs=jobs, capacity=capacity, seconds={"g0": 10, "c0": 20, "c1": 20})
    simulation.run()
    assert [simulation.started[id_] for id_ in ("g1", "c0", "c1", "c2")] == [10, 0, 0, 0]


def test_later_jobs_leave_a_place_for_the_one_that_waits() -> None:
    capacity = Capacity(slots=8, cpus=4, memory_gb=1)
    jobs = [job("first", cpus=2), job("waits", cpus=3), job("fits", cpus=1), job("no", cpus=1)]
    simulation = Simulation(jobs=jobs, capacity=capacity, seconds={"fits": 9})
    simulation.run()
    assert simulation.started == {"first": 0, "fits": 0, "waits": 1, "no": 2}


def test_a_place_that_was_used_past_the_one_that_waits_is_used_again() -> None:
    capacity = Capacity(slots=8, cpus=4, memory_gb=1)
    jobs = [job("first", cpus=2), job("waits", cpus=3), job("a", cpus=1), job("b", cpus=1)]
    simulation = Simulation(jobs=jobs, capacity=capacity, seconds={"first": 10})
    simulation.run()
    assert simulation.started == {"first": 0, "a": 0, "b": 1, "waits": 10}


def test_a_place_is_held_for_an_earlier_job_whose_needs_are_met_later() -> None:
    capacity = Capacity(slots=8, cpus=4, memory_gb=1)
    jobs = [job("need", cpus=1), job("early", "need", cpus=4), job("old", cpus=1)]
    jobs += [job("late", cpus=3), job("small", cpus=1)]
    simulation = Simulation(jobs=jobs, capacity=capacity, seconds={"old": 5, "small": 3})
    simulation.run()
    assert (simulation.started["early"], simulation.started["late"]) == (5, 6)


@pytest.mark.parametrize("number", [50, 400])
def test_an_event_costs_no_more_in_a_longer_plan(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    find = Pool.find

    def counting(pool: Pool, request: Request) -> object:
        nonlocal looks
        looks += 1
        return find(pool, request)

    monkeypatch.setattr(Pool, "find", counting)
    capacity = Capacity(slots=4, cpus=4, memory_gb=8, gpus=("0",))
    kinds: list[dict[str, float]] = [{"gpus": 1}, {"cpus": 1}, {"memory_gb": 3}, {}]
    jobs = [job(str(n), **kinds[n % 4]) for n in range(number)]
    Simulation(jobs=jobs, capacity=capacity).run()
    assert looks <= 12 * number


def test_dependents_are_found_through_others() -> None:
    plan = [job("a"), job("b", "a"), job("c", "b"), job("d")]
    assert dependents(plan, {"a"}) == {"a", "b", "c"}


def test_dependents_are_found_on_every_branch() -> None:
    plan = [job("a"), job("b", "a"), job("c", "a"), job("d", "b"), job("e", "c"), job("f", "d")]
    assert dependents(plan, {"a"}) == {"a", "b", "c", "d", "e", "f"}


def test_dependents_take_in_what_changes_with_one() -> None:
    plan = [job("a"), job("b"), job("c", "b"), job("d")]
    also = {"a": {"b"}}
    assert dependents(plan, {"a"}, lambda id_: also.get(id_, set())) == {"a", "b", "c"}
