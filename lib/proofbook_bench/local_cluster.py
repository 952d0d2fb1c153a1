"""A Ray cluster of several nodes on this machine, of which one can be killed and brought back.

Its nodes are processes of their own that share the machine's disk and CPUs; what each declares to
have is what it is told. Knows nothing about what runs on it.
"""

from __future__ import annotations

import os
import random
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import psutil

from proofbook.errors import SubjectError

__all__ = ["LocalCluster", "open_cluster", "random_kills"]

_TRIES = 3
_START_SECONDS = 600
"""How long a busy machine may take to start a node whose processes live."""
_ENVIRONMENT = {
    # A busy machine needs longer for an agent, and for a node, than Ray grants them.
    "RAY_agent_register_timeout_ms": f"{_START_SECONDS}000",
    "RAY_gcs_server_port_wait_time_s": f"{_START_SECONDS}",
    "RAY_raylet_start_wait_time_s": f"{_START_SECONDS}",
    "RAY_USAGE_STATS_ENABLED": "0",
    # On machines of their own no job waits for the run; here each would, as Ray makes workers nice.
    "RAY_worker_niceness": "0",
}
_OBJECT_STORE = 400 * 2**20
_PAUSE_SECONDS = 0.1
_HELPERS_PORTS = (
    "DASHBOARD_AGENT_LISTEN_PORT_NAME",
    "METRICS_AGENT_PORT_NAME",
    "METRICS_EXPORT_PORT_NAME",
)
_NODE = "raylet"
"""The program of a node."""


class LocalCluster:
    """Nodes of one cluster.

    Args:
        cluster: As ``ray.cluster_utils`` has it, with a head.
        nodes: What each node beside the head is started with.
    """

    def __init__(self, cluster: Any, nodes: Mapping[str, Any]) -> None:
        self._cluster = cluster
        self._arguments = dict(nodes)
        self._nodes: list[Any] = []
        self.killed = 0

    @property
    def address(self) -> str:
        """Where it listens."""
        return str(self._cluster.address)

    @property
    def nodes(self) -> int:
        """How many nodes it has beside the head."""
        return len(self._nodes)

    def add_node(self) -> None:
        """Start a node.

        Raises:
            SubjectError: It did not start, in some tries.
        """
        node = _in_some_tries(
            "a node",
            lambda: self._cluster.add_node(**self._arguments, runtime_env_agent_port=_free_port()),
        )
        self._nodes.append(node)

    def kill_node(self, chosen: random.Random) -> None:
        """Kill all processes of a node, as when its machine loses its power."""
        node = self._nodes.pop(chosen.randrange(len(self._nodes)))
        self._cluster.remove_node(node, allow_graceful=False)
        self.killed += 1


def _in_some_tries(what: str, start: Callable[[], Any]) -> Any:
    for _ in range(_TRIES):
        before = set(_processes_of_ray())
        try:
            with _awaiting_nodes(before):
                return start()
        except Exception as error:  # noqa: BLE001 - Ray raises no narrower one
            reason = error
            for process in set(_processes_of_ray()) - before:
                with suppress(psutil.NoSuchProcess):
                    process.kill()  # Ray has started them, and forgets them
    raise SubjectError(f"{what} of Ray did not start, in {_TRIES} tries: {reason}")


def _free_port() -> int:
    with socket.socket() as connection:
        connection.bind(("", 0))
        return int(connection.getsockname()[1])


@contextmanager
def _awaiting_nodes(before: Collection[psutil.Process]) -> Iterator[None]:
    """Let Ray wait for a node that it starts until it is there, or its process has ended.

    It gives a node up after thirty seconds, and a node ends itself where a helper takes fifteen to
    say on which port it listens. Neither has a setting, and on a busy machine both take longer.

    Args:
        before: Processes of the nodes that were there.
    """
    from ray._private import services

    node, raylet = services.get_node, services.start_raylet
    services.get_node = partial(_ask_again, node, before)
    services.start_raylet = partial(_start_without_ports, raylet)
    try:
        yield
    finally:
        services.get_node, services.start_raylet = node, raylet


def _ask_again(ask: Callable[..., Any], before: Collection[psutil.Process], *node: Any) -> Any:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return ask(*node)
        except RuntimeError:
            if time.monotonic() > deadline or not _is_starting(before):
                raise
            time.sleep(_PAUSE_SECONDS)


def _start_without_ports(start: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Start a node that finds said already what its helper says in a plain Ray: it serves none."""
    from ray import _raylet

    ports: Any = _raylet  # it has no types
    asked = signature(start).bind(*given, **named).arguments
    for name in _HELPERS_PORTS:
        ports.persist_port(asked["session_dir"], asked["node_id"], getattr(ports, name), -1)
    return start(*given, **named)


def _is_starting(before: Collection[psutil.Process]) -> bool:
    """Say whether a raylet is running, or about to, that was not there before."""
    for process in set(_processes_of_ray()) - set(before):
        with suppress(psutil.Error):
            is_raylet = Path(process.cmdline()[0]).name == _NODE
            if is_raylet and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False


def _processes_of_ray() -> Iterator[psutil.Process]:
    """Yield the processes of nodes that this process has started."""
    import ray

    installed = str(Path(ray.__file__).parent)
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if any(installed in argument for argument in process.cmdline()):
                yield process


@contextmanager
def open_cluster(nodes: int, **each: Any) -> Iterator[LocalCluster]:
    """Yield a cluster whose head has no CPU, and so executes no job; it ends with the block.

    Args:
        nodes: How many nodes it has beside the head.
        each: What each of them declares, as ``ray.cluster_utils`` takes it: ``num_cpus``, ….

    Raises:
        SubjectError: Ray is missing, or does not start.
    """
    try:
        from ray.cluster_utils import Cluster
    except ImportError as error:
        raise SubjectError("Ray is not installed: pip install 'proofbook[ray]'") from error
    start: Any = Cluster  # its functions have no types
    os.environ.update(_ENVIRONMENT)
    # Not in a job's own temporary folder, in which paths are too long for Ray's sockets.
    with tempfile.TemporaryDirectory("", "ray-", "/tmp", ignore_cleanup_errors=True) as folder:
        arguments = {"object_store_memory": _OBJECT_STORE, **each}
        head = {**arguments, "num_cpus": 0, "num_gpus": 0}
        os.environ["RAY_TMPDIR"] = folder  # where it notes its address, in "ray"
        (place := Path(folder, "ray")).mkdir()
        head |= {"include_dashboard": False, "temp_dir": str(place)}
        # With hooks of its own Ray would start nodes from the main thread alone.
        cluster = _in_some_tries(
            "the head",
            lambda: start(
                initialize_head=True,
                head_node_args={**head, "runtime_env_agent_port": _free_port()},
                shutdown_at_exit=False,
            ),
        )
        try:
            opened = LocalCluster(cluster, arguments)
            for _ in range(nodes):
                opened.add_node()
            yield opened
        finally:
            cluster.shutdown()


@contextmanager
def random_kills(cluster: LocalCluster, every: float, seed: int) -> Iterator[None]:
    """Kill a node at random every so many seconds, and bring another one, while the block runs."""
    over = threading.Event()
    chosen = random.Random(seed)

    def kill() -> None:
        while not over.wait(every):
            cluster.kill_node(chosen)
            cluster.add_node()

    thread = threading.Thread(target=kill, name="kill-nodes")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
