"""A Ray cluster on this machine for all processes of a test run: started once, ended with it.

Run as a program, it is the head of a cluster until the process that it was started for ends.
"""

from __future__ import annotations

import fcntl
import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_TRIES = 3
BEFORE_OTHERS = (
    "sh", "-c", 'echo -10 2>/dev/null >/proc/self/autogroup; exec nice -n -10 "$@"', "-",
)  # fmt: skip
"""Starts a command before others, where this user may, see sched(7): a raylet aborts where its
agents take 15 s, as on a busy machine, see https://github.com/ray-project/ray/issues/65983."""
HANDING_ON = """
jobs:
  - {runbook: demo/make, id: make}
  - {runbook: demo/use, id: use, parameters: {model: "${{ jobs.make.outputs.model }}"}}
"""
"""A profile of two jobs, of which the second uses what the first has made."""
ENVIRONMENT = {
    # A busy machine needs longer for an agent than Ray grants it.
    "RAY_agent_register_timeout_ms": "120000",
    "RAY_raylet_start_wait_time_s": "120",
    "RAY_USAGE_STATS_ENABLED": "0",
}
_GPU = "7"
"""What Ray hands out as a GPU is one of these."""


@functools.cache
def address() -> str:
    """Return where a cluster listens whose machine has two CPUs and declares a GPU."""
    owner = _owner()
    known = _known(owner)
    with Path(f"{known}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not known.exists():
            known.write_text(_start(owner))
    return known.read_text()


@contextmanager
def with_gpu_node() -> Iterator[tuple[str, psutil.Process]]:
    """Yield the address and the process of a cluster of its own: a head without a GPU, and a node
    with one, which is its last raylet."""
    with subprocess.Popen(["sleep", "infinity"]) as owner:
        try:
            found = _start(owner.pid, "gpu-node").split()
            yield found[0], psutil.Process(int(found[1]))
        finally:
            owner.kill()


def _owner() -> int:
    """Return the process that outlives all tests: pytest, or what pytest-xdist's workers obey."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _known(owner: int) -> Path:
    began = psutil.Process(owner).create_time()  # as a process's number comes back one day
    return Path(tempfile.gettempdir(), f"proofbook-test-cluster-{owner}-{began:.0f}")


def _start(owner: int, *more: str) -> str:
    for _ in range(_TRIES):
        process = subprocess.Popen(
            [*BEFORE_OTHERS, sys.executable, __file__, str(owner), *more],
            env={**os.environ, **ENVIRONMENT, "CUDA_VISIBLE_DEVICES": _GPU}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        if found := process.stdout.readline().strip():
            return found
        process.wait()
    raise RuntimeError(f"Ray did not start, in {_TRIES} tries")


def main() -> None:
    """Start the head, print its address, and wait."""
    from ray.cluster_utils import Cluster

    owner = psutil.Process(int(sys.argv[1]))
    node = {"num_cpus": 1, "num_gpus": 1} if sys.argv[2:] else {}
    known = _known(owner.pid)
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        os.environ["RAY_TMPDIR"] = folder  # where it notes its address, in "ray"
        (place := Path(folder, "ray")).mkdir()
        cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 1 if node else 2,
                "num_gpus": 0 if node else 1,
                "include_dashboard": False,
                "object_store_memory": 200 * 2**20,
                "temp_dir": str(place),
            },
        )
        if node:
            cluster.add_node(**node)
        print(cluster.address, *([os.getpid()] if node else []), flush=True)
        owner.wait()
        cluster.shutdown()
    for path in (known, Path(f"{known}.lock")):
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
