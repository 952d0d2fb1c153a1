"""A job's temporary folder, outside of the run: gone with the job, and with a killed runner's.

It lies in the system's temporary folder, since sockets in it must have short paths.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

__all__ = ["remove_orphans", "temporary_folder"]

_PREFIX = "proofbook-job-"


@contextmanager
def temporary_folder(job: str) -> Iterator[Path]:
    """Yield a new folder, which names this process and the job."""
    path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-{job[:20]}-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def remove_orphans() -> None:
    """Remove the folders of runners that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        found = re.match(rf"{_PREFIX}(\d+)-", path.name)
        if found and path.is_dir() and not psutil.pid_exists(int(found[1])):
            shutil.rmtree(path, ignore_errors=True)
