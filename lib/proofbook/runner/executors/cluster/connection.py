"""Join a Ray cluster, or start one on this machine, and say what its machines have."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from proofbook.errors import UsageError
from proofbook.resources import Resources
from proofbook.runner.capacity import Capacity, Request

__all__ = ["ClusterCapacity", "cluster_capacity", "connect", "disconnect", "machines"]

_REACH_SECONDS = 10.0
_AGENT_SECONDS = 120
"""A busy machine needs longer for the start of an agent than Ray grants it by default."""
_INSTALL = "pip install 'proofbook[ray]'"


@dataclass(frozen=True, kw_only=True)
class ClusterCapacity(Capacity):
    """What a cluster has for all running jobs together; a job has to fit into one machine."""

    machines: tuple[Capacity, ...] = ()

    def request(self, resources: Resources) -> Request:
        """Return what a job occupies; a share of all CPUs is no more than one machine has.

        That is the smallest of those that have the rest, as the job may come to any of them.
        """
        request = super().request(resources)
        if resources.cpus is not None:
            return request
        fitting = [machine.cpus for machine in self.machines if not machine.lacking(resources)]
        return request._replace(cpus=min(request.cpus, Fraction(min(fitting, default=self.cpus))))

    def lacking(self, resources: Resources) -> dict[str, str]:
        """Return what the machine that comes closest lacks, by the resource's name."""
        if not self.machines:
            return {"machines": "needs a machine with CPUs, found none in the cluster"}
        largest_first = sorted(self.machines, key=_size, reverse=True)
        lacks = [machine.lacking(resources) for machine in largest_first]
        least = min(lacks, key=len, default={})
        return {
            name: f"{lack} on the best of {len(lacks)} machines" for name, lack in least.items()
        }


def connect(address: str, slots: int | None = None) -> None:
    """Join the cluster at ``address``; ``local`` starts one here that ends with this process.

    Raises:
        UsageError: Ray is not installed, or there is no cluster.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError(f"--executor ray needs Ray, which is not installed: {_INSTALL}") from error
    if ray.is_initialized():
        return
    options: dict[str, Any] = {"address": address}
    if address == "local":
        options |= {"num_cpus": slots, "include_dashboard": False}
        options["_node_ip_address"] = "127.0.0.1"
        options["_system_config"] = {"agent_register_timeout_ms": _AGENT_SECONDS * 1000}
    _refuse_unreachable(address)
    with _interrupts_put_off(), _signals_kept(), _environment_kept():
        try:
            ray.init(
                **options, log_to_driver=False, logging_level=logging.ERROR,
                namespace=f"proofbook-{os.getpid()}",
            )  # fmt: skip
        except Exception as error:  # of a node that is late Ray raises a bare one
            raise _no_cluster(address, error) from error


def _refuse_unreachable(address: str) -> None:
    """Refuse an address where nothing listens: Ray would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return  # local, auto, or a name that Ray knows
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_SECONDS).close()
    except OSError as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> UsageError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    if address == "local":
        return UsageError(
            f"Ray could not start a cluster here: {reason}; a machine that is busy may be too slow "
            "for it: try again later, or leave out --executor ray"
        )
    return UsageError(
        f"no Ray cluster at {address}: {reason}; start one with 'ray start --head', or give "
        "--address local"
    )


def disconnect() -> None:
    """Leave the cluster; what this process has started there ends."""
    import ray

    with _signals_kept():
        ray.shutdown()


def machines() -> list[dict[str, Any]]:
    """Return the machines that are alive, as Ray describes them."""
    import ray

    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [node for node in nodes if node["Alive"] and node["Resources"].get("CPU")]


def cluster_capacity(slots: int | None, jobs: int) -> ClusterCapacity:
    """Return what the cluster has for so many jobs; ``slots`` is the most that run at a time.

    By default that is as many as there are CPUs.
    """
    each = tuple(_capacity(node["NodeID"], node["Resources"]) for node in machines())
    cpus = sum(machine.cpus for machine in each)
    return ClusterCapacity(
        slots=max(1, min(slots or cpus, jobs)),
        cpus=cpus,
        memory_gb=sum(machine.memory_gb for machine in each),
        gpus=tuple(gpu for machine in each for gpu in machine.gpus),
        machines=each,
    )


def _size(machine: Capacity) -> tuple[int, int, float]:
    return len(machine.gpus), machine.cpus, machine.memory_gb


def _capacity(node: str, resources: Mapping[str, float]) -> Capacity:
    cpus, gpus = int(resources["CPU"]), int(resources.get("GPU", 0))
    return Capacity(
        slots=max(1, cpus),
        cpus=cpus,
        memory_gb=resources.get("memory", 0.0) / 2**30,
        # Names for the account alone: Ray chooses the devices.
        gpus=tuple(f"{node[:8]}-{number}" for number in range(gpus)),
        gpu_problem="" if gpus else "no machine declares one",
    )


@contextmanager
def _interrupts_put_off() -> Iterator[None]:
    """Let SIGINT come when Ray has started, which may crash where it is interrupted; a second ends.

    Raises:
        KeyboardInterrupt: It came meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def put_off(signum: int, _: object) -> None:
        came.append(signum)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    before = signal.signal(signal.SIGINT, put_off)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep this process's own handlers: Ray installs one that ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Take back the debugger that Ray puts into the environment."""
    before = os.environ.get("PYTHONBREAKPOINT")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("PYTHONBREAKPOINT", None)
        else:
            os.environ["PYTHONBREAKPOINT"] = before
