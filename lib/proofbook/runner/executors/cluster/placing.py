"""Choose the machines that an attempt may run on, and say to Ray what it occupies there."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from proofbook.records import PlannedJob
from proofbook.runner.capacity import Capacity
from proofbook.runner.executors.cluster.connection import machines
from proofbook.runner.executors.cluster.host import Host

__all__ = ["Placing", "is_gone", "only_on"]

_END_SECONDS = 10.0
_LOOK_EVERY = 1.0
_LOOKS = 3
_PAUSE_SECONDS = 0.4
_ANSWER_SECONDS = 2.0
"""Whose host does not answer in this time is busy, and not gone."""


class Placing:
    """The machines of a cluster, each with its host.

    Args:
        warm: What kernels have imported when they start.
        capacity: Of the whole cluster.
        cold: Start an ordinary kernel for each job.
    """

    def __init__(self, warm: Sequence[str], capacity: Capacity, *, cold: bool) -> None:
        import ray

        self._warm, self._cold, self._capacity = tuple(warm), cold, capacity
        self._host = ray.remote(Host)
        self._lock = threading.Lock()
        self._hosts: dict[str, Any] = {}
        self._times: Counter[str] = Counter()
        self._looked = -math.inf
        self._suspects = False

    def place(
        self, job: PlannedJob, *, lacking: bool = False
    ) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """Return the hosts by their nodes, and the options of a task for an attempt.

        Args:
            job: What is planned.
            lacking: Whether no machine has what it needs: it only records that, wherever it is.
        """
        hosts = self._current_hosts()
        if lacking:
            return hosts, {"num_cpus": 0, "name": job.id}
        request = self._capacity.request(job.resources)
        options: dict[str, Any] = {
            "num_cpus": float(request.cpus),
            "num_gpus": float(request.gpus),
            "memory": int(request.memory_gb * 2**30),
            "name": job.id,
        }
        fitting = self._fitting(job, hosts)
        if 0 < len(fitting) < len(hosts):
            options["scheduling_strategy"] = self._on_one_of(fitting)
        return hosts, options

    def look_again(self) -> None:
        """Ask for the machines, and for their hosts, at the next use: one may have come or gone."""
        with self._lock:
            self._looked = -math.inf
            self._suspects = True

    def close(self) -> None:
        """End what the machines keep for the run."""
        import ray

        with self._lock:
            ends = [host.close.remote() for host in self._hosts.values()]
            ray.wait(ends, num_returns=len(ends), timeout=_END_SECONDS)
            for host in self._hosts.values():
                ray.kill(host)
            self._hosts.clear()

    def _current_hosts(self) -> dict[str, Any]:
        """Return a host for each machine that is alive; a new one starts with its first use."""
        with self._lock:
            if time.monotonic() - self._looked < _LOOK_EVERY:
                return dict(self._hosts)
            alive = [node["NodeID"] for node in machines()]
            self._looked = time.monotonic()
            for node in self._hosts.keys() - set(alive):
                del self._hosts[node]
            if self._suspects:  # a host may be gone, and its machine be there
                self._hosts = {n: host for n, host in self._hosts.items() if not _is_dead(host)}
                self._suspects = False
            for node in alive:
                if node not in self._hosts:
                    self._hosts[node] = self._start(node)
            return dict(self._hosts)

    def _start(self, node: str) -> Any:
        options = {"num_cpus": 0, "scheduling_strategy": only_on(node), "max_restarts": 0}
        return self._host.options(**options).remote(self._warm, cold=self._cold)

    def _fitting(self, job: PlannedJob, hosts: Mapping[str, Any]) -> list[str]:
        """Return the nodes that lack nothing of what a job says it needs."""
        import ray

        if not (job.hardware or job.requires):
            return list(hosts)
        lacks = {
            node: host.lacks.remote(job.hardware, job.requires) for node, host in hosts.items()
        }
        return [node for node, asked in lacks.items() if not ray.get(asked)]

    def _on_one_of(self, nodes: Sequence[str]) -> Any:
        with self._lock:
            node = min(nodes, key=lambda each: self._times[each])
            self._times[node] += 1
        return only_on(node)


def is_gone(host: Any) -> bool:
    """Say whether a machine is being lost, or has been: it takes a moment to be noticed.

    Its processes end one after another: what is left of an attempt may still tell of those that
    ended before it.

    Args:
        host: That the attempt had; the machine may have another one by now.
    """
    for _ in range(_LOOKS):
        if _is_dead(host):
            return True
        time.sleep(_PAUSE_SECONDS)
    return False


def _is_dead(host: Any) -> bool:
    import ray
    from ray.exceptions import GetTimeoutError, RayError

    try:
        ray.get(host.facts.remote(), timeout=_ANSWER_SECONDS)
    except GetTimeoutError:
        return False
    except RayError:
        return True
    return False


def only_on(node: str) -> Any:
    """Return the strategy of what runs on one node or nowhere."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node_id=node, soft=False)
