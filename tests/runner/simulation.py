"""Execute plans on a simulated clock: no thread, no kernel, no waiting."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from proofbook.records import Outcome, OutcomeStatus, PlannedJob
from proofbook.resources import Resources
from proofbook.runner.capacity import Capacity
from proofbook.runner.schedule import Obstacle, Schedule, Start


def job(name: str, *needs: str, **resources: float) -> PlannedJob:
    """Return a planned job."""
    return PlannedJob(
        id=name,
        runbook="demo/one",
        needs=needs,
        timeout=10,
        resources=Resources.model_validate(resources),
    )


def slots(number: int) -> Capacity:
    """Return a machine on which the number of jobs alone is limited."""
    return Capacity(slots=number, cpus=1, memory_gb=1)


@dataclass(kw_only=True)
class Simulation:
    """One plan, executed from beginning to end."""

    jobs: Iterable[PlannedJob]
    capacity: Capacity
    seconds: Mapping[str, float] = field(default_factory=dict)
    """How long a job takes; 1 where it is not given."""
    statuses: Mapping[str, OutcomeStatus] = field(default_factory=dict)
    """How a job ends; passed where it is not given."""
    done: Mapping[str, Outcome] = field(default_factory=dict)
    each_moment: Callable[[Simulation], None] = lambda simulation: None
    """Called whenever nothing more can start."""
    clock: float = 0.0
    running: dict[str, Start] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    refused: dict[str, Obstacle] = field(default_factory=dict)

    @property
    def order(self) -> list[str]:
        """The jobs that were started, in order."""
        return list(self.started)

    def run(self) -> dict[str, Outcome]:
        """Execute the plan; return all outcomes."""
        self.schedule = Schedule(self.jobs, self.capacity, self.done)
        endings: list[tuple[float, str]] = []
        while self.schedule.unfinished:
            for planned, obstacle in self.schedule.obstructed():
                self.refused[planned.id] = obstacle
                self._end(planned.id, obstacle.status, obstacle.reason)
            for start in self.schedule.start():
                self.running[start.job.id] = start
                self.started[start.job.id] = self.clock
                seconds = self.seconds.get(start.job.id, 1)
                heapq.heappush(endings, (self.clock + seconds, start.job.id))
            self.each_moment(self)
            if endings:
                self.clock, id_ = heapq.heappop(endings)
                del self.running[id_]
                self._end(id_, self.statuses.get(id_, "passed"))
        return self.schedule.outcomes

    def _end(self, id_: str, status: OutcomeStatus, cause: str = "") -> None:
        self.ended[id_] = self.clock
        self.schedule.end(Outcome(job=id_, runbook="demo/one", status=status, cause=cause))
