"""A Ray cluster on this machine for the tests of a process: started once, ended with it.

Run as a program, it is the head of a cluster until its standard input ends.
"""

from __future__ import annotations

import atexit
import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_TRIES = 3
_ENVIRONMENT = {
    # A busy machine needs longer for an agent than Ray grants it.
    "RAY_agent_register_timeout_ms": "120000",
    "RAY_USAGE_STATS_ENABLED": "0",
    # What Ray hands out as a GPU is one of these.
    "CUDA_VISIBLE_DEVICES": "7",
}


@functools.cache
def address() -> str:
    """Return where a cluster listens whose machine has two CPUs and declares a GPU."""
    for _ in range(_TRIES):
        process = subprocess.Popen(
            [sys.executable, __file__],
            env={**os.environ, **_ENVIRONMENT},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        if found := process.stdout.readline().strip():
            atexit.register(_end, process)
            return found
        process.wait()
    raise RuntimeError(f"Ray did not start, in {_TRIES} tries")


def _end(process: subprocess.Popen[str]) -> None:
    process.communicate()


def main() -> None:
    """Start the head, print its address, and wait."""
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 2,
                "num_gpus": 1,
                "include_dashboard": False,
                "object_store_memory": 200 * 2**20,
                "temp_dir": str(Path(folder)),
            },
        )
        print(cluster.address, flush=True)
        sys.stdin.read()
        cluster.shutdown()


if __name__ == "__main__":
    main()
