"""Write artefacts so that none is ever half there, also where the disk is full or the stage dies.

A partial file bears its writer's process id. The next stage that writes there removes those whose
writer is gone.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from proofbook_subjects.pipeline.errors import InputError, PipelineError, StorageError
from proofbook_subjects.pipeline.spoiling.endings import count_write

__all__ = ["episode_lock", "partial_file", "read_json", "storage_error", "write_json"]

_FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the quota is used up",
         errno.EFBIG: "the file is larger than this system allows"}  # fmt: skip
_PART = ".part"


@contextmanager
def partial_file(path: Path) -> Iterator[Path]:
    """Give a path beside ``path`` to write to; it replaces ``path`` when all went well.

    Raises:
        StorageError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        beside = path.with_name(f".{path.name}.{os.getpid()}{_PART}")
        try:
            yield beside
            count_write()
            with beside.open("rb") as file:
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, path) from error


def storage_error(error: OSError, path: Path) -> StorageError:
    """Return what a person should read about a file that could not be written."""
    why = _FULL.get(error.errno or 0, error.strerror or str(error))
    return StorageError(f"cannot write {path}: {why}; nothing was changed there")


def write_json(path: Path, document: Any) -> None:
    """Write a document as JSON, all or nothing.

    Raises:
        StorageError: It cannot be written.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    with partial_file(path) as beside:
        beside.write_text(text, encoding="utf-8")


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Raises:
        InputError: It cannot be read, or holds no object.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{what} {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{what} {path} is not UTF-8 at byte {error.start}") from error
    except (json.JSONDecodeError, RecursionError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "its depth"
        raise InputError(f"{what} {path} is not JSON: {where}: {_reason(error)}") from error
    if not isinstance(document, dict):
        raise InputError(f"{what} {path} holds a {type(document).__name__}, not an object")
    return document


def _reason(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep"


@contextmanager
def episode_lock(folder: Path, episode: str, seconds: float = 60.0) -> Iterator[None]:
    """Hold an episode, so that two commands do not work on it at once.

    The kernel lets go of it when its holder dies.

    Raises:
        PipelineError: Another process has held it for so many seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{episode}.lock").open("a+") as file:
        deadline = time.monotonic() + seconds
        while not _taken(file.fileno()):
            if time.monotonic() > deadline:
                raise PipelineError(f"episode {episode} is held by another process; try later")
            time.sleep(0.05)
        yield


def _taken(descriptor: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _sweep(path: Path) -> None:
    """Remove what dead writers of this file have left."""
    for left in path.parent.glob(f".{path.name}.*{_PART}"):
        writer = left.name.removesuffix(_PART).rpartition(".")[2]
        if writer.isdigit() and not _lives(int(writer)):
            left.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
