"""A job's temporary folder, outside of the run: gone with the job, and with a killed runner.

It is in the system's temporary folder, since sockets in it must have short paths.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from proofbook.processes import TemporaryFolder, remove_abandoned

__all__ = ["NODE_PREFIX", "remove_orphans", "temporary_folder"]

NODE_PREFIX = "proofbook-node-"
"""Of what a machine of a cluster keeps for a run."""
_PREFIX = "proofbook-job-"


@contextmanager
def temporary_folder(job: str) -> Iterator[Path]:
    """Yield a new folder; its name tells a person which process and job it belongs to."""
    with TemporaryFolder(f"{_PREFIX}{os.getpid()}-{job[:20]}-") as folder:
        yield folder.path


def remove_orphans() -> None:
    """Remove the folders of runners that were killed together with their guards."""
    for prefix in (_PREFIX, NODE_PREFIX):
        remove_abandoned(prefix)
