"""Every file of a run with its hash: what people were shown, and what has changed since.

The log itself, its lock and the report are left out: the log has its own chain, and the report is
written again after each review and has a seal of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from proofbook.files import atomic_write, hash_file
from proofbook.runs.folder import RunFolder
from proofbook.signoff.entries import Seal, canonical
from proofbook.signoff.log import SignoffLog

__all__ = ["list_files", "report_problems", "seal_problems", "seal_report", "seal_run"]

_OWN = ("signoffs.jsonl", "signoffs.head")
_REPORT_SEAL = "seal.json"
_NOISE = (".ipynb_checkpoints", "__pycache__", ".DS_Store", "debug.ipynb")
"""Files of tools and people in a run folder that belong to no record."""


def list_files(
    folder: Path, hash_of: Callable[[Path], str] = hash_file
) -> dict[str, tuple[int, str]]:
    """Return size and sha256 of every file of a run, by its path.

    The report's are left out, and links, as what they point to is not part of the run.
    """
    files = {}
    for base, folders, names in os.walk(folder):
        place = Path(base)
        folders[:] = sorted(set(folders) - set(_NOISE))
        if place == folder:
            folders[:] = [name for name in folders if name != "report"]
        for name in sorted(names):
            path = place / name
            if name in _NOISE or (place == folder and _is_apart(name)):
                continue
            if path.is_symlink() or not path.is_file():
                continue
            files[path.relative_to(folder).as_posix()] = (path.stat().st_size, hash_of(path))
    return files


def seal_run(
    run: RunFolder,
    log: SignoffLog,
    run_id: str,
    *,
    hash_of: Callable[[Path], str] = hash_file,
    changed: Sequence[str] = (),
) -> Seal:
    """Append the seal of the run as it is now.

    Args:
        run: Its folder.
        log: Its log.
        run_id: Its id.
        hash_of: Returns a file's sha256.
        changed: What did not fit the seal before this one, when whoever seals found the run; it
            stays so, and the run tampered with.
    """
    files = list_files(run.path, hash_of)
    seal = log.append(
        lambda number, previous: Seal(
            number=number, previous=previous, run=run_id, files=files, changed=tuple(changed)
        )
    )
    assert isinstance(seal, Seal)
    return seal


def seal_problems(
    folder: Path, seal: Seal, hash_of: Callable[[Path], str] = hash_file
) -> list[str]:
    """Return which files are not as a seal has them; files that were added are no problem."""
    files = list_files(folder, hash_of)
    return _changes(seal.files, {path: files[path] for path in seal.files if path in files})


def _is_apart(name: str) -> bool:
    """Say whether a file of the run's own folder is no record: the log, a lock, another tool's.

    A copy that a shell's ``*`` makes has no hidden files.
    """
    return name in _OWN or name.startswith(".")


def seal_report(folder: Path) -> None:
    """Write down the hashes of a report's files."""
    files = {p.name: hash_file(p) for p in sorted(folder.iterdir()) if p.name != _REPORT_SEAL}
    atomic_write(folder / _REPORT_SEAL, canonical(files) + "\n")


def report_problems(folder: Path) -> list[str]:
    """Return which of a report's files have changed since it was written."""
    try:
        raw = (folder / _REPORT_SEAL).read_bytes()
        known = json.loads(raw)
        if not isinstance(known, dict) or raw != (canonical(known) + "\n").encode():
            raise ValueError("not in its canonical form")
    except FileNotFoundError:
        return [f"report/{_REPORT_SEAL} is gone"] if folder.is_dir() else []
    except ValueError:
        return [f"report/{_REPORT_SEAL} has been changed"]
    return [
        f"report/{name} has been changed"
        for name, sha256 in known.items()
        if not (folder / name).is_file() or hash_file(folder / name) != sha256
    ]


def _changes(
    before: Mapping[str, tuple[int, str]], after: Mapping[str, tuple[int, str]]
) -> list[str]:
    changes = []
    for path in sorted(before.keys() | after.keys()):
        if path not in after:
            changes.append(f"{path} is gone")
        elif path not in before:
            changes.append(f"{path} is new")
        elif before[path] != after[path]:
            changes.append(f"{path} has been changed")
    return changes
