"""Every file of a run with its hash: what people were shown, and what has changed since.

The log, its timestamps and the report are left out: the log has its own chain, and the report is
written again after each review and has a seal of its own. Left out is also whatever is hidden at
the top of the folder, files and folders alike: locks and other tools' things, which a copy by a
shell's ``*`` does not have. Below the top all is sealed, hidden or not. A link is sealed as what it
points to; what lies behind it is no part of the run.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from proofbook.files import atomic_write, hash_file, read_file
from proofbook.runs.folder import RunFolder
from proofbook.signoff.entries import Acceptance, Change, Seal, canonical
from proofbook.signoff.log import SignoffLog

__all__ = [
    "Sealed",
    "broken_seal",
    "expected_files",
    "find_changes",
    "list_files",
    "report_problems",
    "seal_report",
    "seal_run",
    "sealed_name",
]

Sealed = tuple[int, str]
"""Size and sha256."""
_Hash = Callable[[Path], str]

_ESCAPED = re.compile(rb"\\x([89a-f][0-9a-f])")
_OWN = ("signoffs.jsonl", "signoffs.head", "signoffs.timestamps")
_REPORT_SEAL = "seal.json"
_NOISE = (".ipynb_checkpoints", "__pycache__", ".DS_Store", "debug.ipynb")
"""Files of tools and people in a run folder that belong to no record."""
_REPORT: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


_UNREADABLE: Sealed = (0, hashlib.sha256(b"may not be read").hexdigest())


class Listing(NamedTuple):
    """What is in a run folder."""

    files: dict[str, Sealed]
    links: Mapping[str, Path]
    """Where those of the files are that are links: a name in a seal is not always a path."""


def list_files(folder: Path, hash_of: _Hash = hash_file) -> Listing:
    """Return size and sha256 of every file and link of a run, by its path, without the report.

    A file that this user may not read is listed as no other file is: a job may leave such a one.
    """
    files, links = dict[str, Sealed](), {}
    for path in _walk(folder):
        name = sealed_name(path, folder)
        try:
            if path.is_symlink():
                links[name] = path
                files[name] = _seal_link(path)
            elif path.is_file():
                files[name] = (path.stat().st_size, hash_of(path))
        except PermissionError:
            files[name] = _UNREADABLE
    return Listing(files, links)


def sealed_name(path: Path, folder: Path) -> str:
    """Return what a file is called in a seal, and no other file is.

    JSON holds no bytes that are no UTF-8: each is written as ``\\xff``. A name that reads so itself
    has its backslashes doubled and ends in a slash, as no file's does.
    """
    raw = os.fsencode(path.relative_to(folder).as_posix())
    name = raw.decode(errors="backslashreplace")
    if _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), name.encode()) == raw:
        return name
    return raw.replace(b"\\", b"\\\\").decode(errors="backslashreplace") + "/"


def _walk(folder: Path) -> Iterator[Path]:
    for base, folders, names in os.walk(folder):
        place = Path(base)
        linked = [name for name in folders if (place / name).is_symlink()]
        folders[:] = sorted(set(folders) - set(_NOISE) - set(linked))
        if place == folder:
            folders[:] = [name for name in folders if name != "report" and not _is_apart(name)]
        for name in sorted([*names, *linked]):
            if name not in _NOISE and not (place == folder and _is_apart(name)):
                yield place / name


def _seal_link(path: Path) -> Sealed:
    target = os.fsencode(path.readlink())
    return len(target), hashlib.sha256(b"link to " + target).hexdigest()


def _is_apart(name: str) -> bool:
    """Say whether what is at the top of a run is no record: the log, a lock, another tool's."""
    return name in _OWN or name.startswith(".")


def seal_run(
    run: RunFolder,
    log: SignoffLog,
    run_id: str,
    *,
    hash_of: _Hash = hash_file,
    changed: Iterable[Change] = (),
) -> Seal:
    """Append the seal of the run as it is now.

    Args:
        run: Its folder.
        log: Its log.
        run_id: Its id.
        hash_of: Returns a file's sha256.
        changed: What did not fit the seal before this one, when whoever seals found the run; it
            stays so, until a person accepts it.
    """
    files = list_files(run.path, hash_of).files
    seal = log.append(
        lambda number, previous: Seal(
            number=number, previous=previous, run=run_id, files=files, changed=tuple(changed)
        )
    )
    assert isinstance(seal, Seal)
    return seal


def expected_files(seal: Seal, acceptances: Iterable[Acceptance]) -> dict[str, Sealed | None]:
    """Return every file as it was sealed, or as a person accepted it since; None of one gone."""
    expected: dict[str, Sealed | None] = dict(seal.files)
    for acceptance in acceptances:
        if acceptance.number > seal.number:
            expected |= {path: file for path, file in acceptance.files.items() if path in expected}
    return expected


def find_changes(
    expected: Mapping[str, Sealed | None], files: Mapping[str, Sealed]
) -> list[Change]:
    """Return which files are not as expected; files that were added are none."""
    changes = []
    for path, sealed in sorted(expected.items()):
        if files.get(path) != sealed:
            changes.append(Change(kind="changed" if path in files else "gone", path=path))
    return changes


def broken_seal(
    folder: Path, seal: Seal, acceptances: Iterable[Acceptance], hash_of: _Hash = hash_file
) -> list[Change]:
    """Return what of a run has changed since it was sealed, and no person accepted.

    Args:
        folder: The run's.
        seal: Its last.
        acceptances: Those that count.
        hash_of: Returns a file's sha256.
    """
    return find_changes(expected_files(seal, acceptances), list_files(folder, hash_of).files)


def seal_report(folder: Path) -> None:
    """Write down the hashes of a report's files."""
    files = {p.name: hash_file(p) for p in sorted(folder.iterdir()) if p.name != _REPORT_SEAL}
    atomic_write(folder / _REPORT_SEAL, canonical(files) + "\n")


def report_problems(folder: Path) -> list[str]:
    """Return which of a report's files have changed since it was written."""
    seal = folder / _REPORT_SEAL
    try:
        raw = read_file(seal)
        known = _REPORT.validate_json(raw)
    except (FileNotFoundError, NotADirectoryError):
        return [f"report/{_REPORT_SEAL} is gone"] if folder.is_dir() else []
    except (OSError, ValidationError):
        return [f"report/{_REPORT_SEAL} cannot be read"]
    if raw != (canonical(known) + "\n").encode():
        return [f"report/{_REPORT_SEAL} has been changed"]
    return [
        f"report/{name} has been changed"
        for name, sha256 in known.items()
        if not _is_as_written(folder, name, sha256)
    ]


def _is_as_written(folder: Path, name: str, sha256: str) -> bool:
    path = folder / name
    try:
        is_own = path.parent == folder and path.is_file() and not path.is_symlink()
        return is_own and hash_file(path) == sha256
    except (OSError, ValueError):  # no name of a file
        return False
