"""Put a model into the cache under a lock: what is missing is brought, what is there is kept.

Beside the files lies ``sha256.json``, their sizes and checksums as they arrived; it is what later
verification compares with.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.systems.musicgen.preload.origins import Origin, RemoteFile
from proofbook.systems.musicgen.preload.transfer import Progress, bring

__all__ = ["SUMS_FILE", "Preloaded", "preload", "read_sums"]

SUMS_FILE = "sha256.json"
_LOG = logging.getLogger("proofbook.musicgen")
_STEP_BYTES = 50 * 10**6


@dataclass(frozen=True, kw_only=True)
class Preloaded:
    """A model in the cache."""

    folder: Path
    bytes_there: int
    bytes_brought: int
    """Of them, those that came now."""
    seconds_taken: float

    @property
    def megabytes_per_second(self) -> float:
        """Speed of what came now; 0 where nothing did."""
        return self.bytes_brought / 1e6 / self.seconds_taken if self.bytes_brought else 0.0


def preload(origin: Origin, folder: Path, progress: Progress | None = None) -> Preloaded:
    """Bring into ``folder`` what ``origin`` has and the folder lacks.

    A process that finds another at it waits until that one has ended.

    Raises:
        SubjectError: A file cannot be brought, or the disk is too small.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.parent / f".{folder.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _LOG.info("another process preloads %s; waiting for it", folder.name)
        lock.acquire()
    try:
        return _bring_all(origin, folder, progress or _Lines())
    finally:
        lock.release()


def read_sums(folder: Path) -> dict[str, tuple[int, str]]:
    """Return size and sha256 by file, as they arrived; empty where nothing was noted."""
    try:
        value = json.loads((folder / SUMS_FILE).read_bytes())
        return {path: (int(entry["size"]), str(entry["sha256"])) for path, entry in value.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise SubjectError(
            f"{folder / SUMS_FILE} is damaged ({error}); delete it and preload again"
        ) from error


def _bring_all(origin: Origin, folder: Path, progress: Progress) -> Preloaded:
    began = time.perf_counter()
    sums = read_sums(folder)
    files = [file for file in origin.files() if file.path != SUMS_FILE]
    missing = [file for file in files if not _is_there(file, folder, sums)]
    _check_space(missing, folder, origin)
    brought = 0
    for file in missing:
        digest = bring(origin, file, folder / file.path, progress)
        size = (folder / file.path).stat().st_size
        brought += size
        sums[file.path] = (size, digest)
        _write_sums(folder, sums)
    there = sum((folder / file.path).stat().st_size for file in files)
    seconds = time.perf_counter() - began
    _LOG.info("%s: %d files, %d bytes, %d of them new", folder.name, len(files), there, brought)
    return Preloaded(folder=folder, bytes_there=there, bytes_brought=brought, seconds_taken=seconds)


def _is_there(file: RemoteFile, folder: Path, sums: Mapping[str, tuple[int, str]]) -> bool:
    """Say whether a file arrived whole before, and has had its size since."""
    place, noted = folder / file.path, sums.get(file.path)
    if noted is None or not place.is_file() or place.stat().st_size != noted[0]:
        return False
    return (not file.sha256 or file.sha256 == noted[1]) and file.size in (None, noted[0])


def _check_space(files: list[RemoteFile], folder: Path, origin: Origin) -> None:
    needed, free = sum(file.size or 0 for file in files), shutil.disk_usage(folder).free
    if needed > free:
        raise SubjectError(
            f"{origin.name} has {needed / 1e9:.2f} GB to bring and {free / 1e9:.2f} GB are free "
            f"below {folder.parent}; free some, or choose another cache"
        )


def _write_sums(folder: Path, sums: Mapping[str, tuple[int, str]]) -> None:
    content = {path: {"size": size, "sha256": digest} for path, (size, digest) in sums.items()}
    beside = folder / f".{SUMS_FILE}.new"
    with beside.open("w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / SUMS_FILE)


class _Lines:
    """Progress as lines of the log, one for each fifty million bytes and one at the end."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def __call__(self, path: str, have: int, whole: int | None) -> None:
        if have >= self._next.get(path, _STEP_BYTES) or have == whole:
            self._next[path] = have + _STEP_BYTES
            share = f" ({100 * have // whole} %)" if whole else ""
            _LOG.info("%s: %d bytes%s", path, have, share)
