"""A Ray cluster of several nodes on this machine, of which one can be killed and brought back.

Its nodes are processes of their own that share the machine's disk and CPUs; what each declares to
have is what it is told. Knows nothing about what runs on it.
"""

from __future__ import annotations

import os
import random
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from proofbook.errors import SubjectError

__all__ = ["LocalCluster", "open_cluster", "random_kills"]

_TRIES = 3
_ENVIRONMENT = {
    # A busy machine needs longer for an agent, and for a node, than Ray grants them.
    "RAY_agent_register_timeout_ms": "120000",
    "RAY_raylet_start_wait_time_s": "120",
    "RAY_USAGE_STATS_ENABLED": "0",
    # On machines of their own no job waits for the run; here each would, as Ray makes workers nice.
    "RAY_worker_niceness": "0",
}
_OBJECT_STORE = 400 * 2**20


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
        node = _in_some_tries("a node", lambda: self._cluster.add_node(**self._arguments))
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
            return start()
        except Exception as error:  # noqa: BLE001 - Ray raises no narrower one
            reason = error
            for process in set(_processes_of_ray()) - before:
                with suppress(psutil.NoSuchProcess):
                    process.kill()  # Ray has started them, and forgets them
    raise SubjectError(f"{what} of Ray did not start, in {_TRIES} tries: {reason}")


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
            lambda: start(initialize_head=True, head_node_args=head, shutdown_at_exit=False),
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
