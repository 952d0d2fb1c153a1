"""Copy a run that somebody else made, and refuse it where it is not what it was when it ended.

What is copied is no more than a sealed run has sealed: no link that leads out of the run, nothing
that is no file, no report, as that could say anything.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath

from proofbook.errors import RunFolderError
from proofbook.records import RunInfo, now
from proofbook.runs.folder import RunFolder
from proofbook.runs.media_index import MediaIndex
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.sealing import find_changes, sealed_name
from proofbook.signoff.tampering import find_tampering, list_run
from proofbook.signoff.trust import Trust, TrustedLog

__all__ = ["Received", "receive"]

_RUN = re.compile(r"(\d{8}-\d{6})-[^/]{1,180}")
"""As runs are called: nothing else that is kept beside them is called so."""
_JOB = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=@~-]{0,199}")
_CLOCKS = timedelta(days=1)
_LOG = ("signoffs.jsonl", "signoffs.head", "signoffs.timestamps")
_LEFT_OUT = (".ipynb_checkpoints", "__pycache__", ".DS_Store", "debug.ipynb")
_LONGEST = 255
"""Bytes of a file's name."""


@dataclass(frozen=True, kw_only=True)
class Received:
    """A copy of a run that holds what it says it does."""

    run: RunFolder
    info: RunInfo
    left_out: tuple[str, ...] = ()
    """Files that the run has not sealed."""


def receive(source: Path, parent: Path, trust: Trust) -> Received:
    """Copy a run into a new folder below ``parent``, which is called as the run.

    Args:
        source: The run, as it was received.
        parent: A folder of this process.
        trust: Whose answers count here.

    Raises:
        RunFolderError: It is not a run, or not as it was when it ended.
        OSError: It cannot be copied.
    """
    found = RunFolder(source)
    if source.is_symlink():
        raise RunFolderError("it is a link")
    found.refuse_links()
    _refuse_others(source)
    info = found.read_info()
    _refuse_names(info)
    state = SignoffLog(source, info.run_id).read()
    sealed: Collection[str] | None = None
    if state.seal is not None:
        sealed = {*state.seal.files, *_LOG}
    copy = RunFolder(parent / info.run_id)
    left_out = tuple(_copy(source, copy.path, sealed))
    _refuse_changes(copy, source, trust)
    return Received(run=copy, info=copy.read_info(), left_out=left_out)


def _refuse_names(info: RunInfo) -> None:
    """Refuse a run that would write, or be read, elsewhere than in its folder or its turn."""
    run = _RUN.fullmatch(info.run_id)
    if run is None or not info.run_id.isprintable() or len(os.fsencode(info.run_id)) > _LONGEST:
        raise RunFolderError(f"{info.run_id!r} is no name of a run or of a job")
    if run[1] > f"{now() + _CLOCKS:%Y%m%d-%H%M%S}":
        raise RunFolderError("its name is of the future: it would be the latest until then")
    for job in info.plan:
        if not _JOB.fullmatch(job.id):
            raise RunFolderError(f"{job.id!r} is no name of a run or of a job")


def _refuse_others(source: Path) -> None:
    """Refuse what is no file where one is read: a pipe would be waited for."""
    for name in ("run.json", *_LOG):
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG((source / name).stat(follow_symlinks=False).st_mode):
                raise RunFolderError(f"{name} is no file")


def _copy(source: Path, target: Path, sealed: Collection[str] | None) -> Iterator[str]:
    """Copy what is sealed; yield the files that are not."""
    target.mkdir()
    for path, fd in _entries(source):
        name = sealed_name(path, source)
        place = target / path.relative_to(source)
        status = os.stat(path.name, dir_fd=fd, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            place.mkdir()
        elif sealed is not None and name not in sealed:
            yield name
        elif stat.S_ISLNK(status.st_mode):
            _place_link(os.readlink(path.name, dir_fd=fd), name, place, source, target)
        elif stat.S_ISREG(status.st_mode):
            _copy_file(path.name, fd, place)
        else:
            raise RunFolderError(f"{name} is neither a file nor a folder")


def _entries(source: Path) -> Iterator[tuple[Path, int]]:
    """Yield what is in a run, folders first; of links, not what they lead to.

    Each comes with its open folder: a path could lead elsewhere by the time that it is used.
    """
    for base, folders, files, fd in os.fwalk(source, onerror=_raise):
        place = Path(base)
        folders[:] = sorted(set(folders) - set(_LEFT_OUT))
        names = [*folders, *sorted(files)]
        if place == source:
            apart = [name for name in names if name == "report" or name.startswith(".")]
            folders[:] = [name for name in folders if name not in apart]
            names = [name for name in names if name not in apart]
        yield from ((place / name, fd) for name in names if name not in _LEFT_OUT)


def _raise(error: OSError) -> None:
    raise error


def _place_link(to: str, name: str, place: Path, source: Path, target: Path) -> None:
    inside = os.path.normpath(PurePosixPath("/", target.name, name).parent / to)
    # One that names a file of the run by its whole path elsewhere leads nowhere here.
    _, named, own = f"{os.path.normpath(to)}/".rpartition(f"/{target.name}/")
    is_own = bool(named) and to.startswith("/") and os.path.lexists(source / own)
    if not is_own and not inside.startswith(f"/{target.name}/"):
        raise RunFolderError(f"{name} is a link that leads out of the run, to {to}")
    place.symlink_to(to)


def _copy_file(name: str, folder: int, target: Path) -> None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(name, flags, dir_fd=folder)
    with os.fdopen(fd, "rb") as source, target.open("xb") as file:
        status = os.fstat(source.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise RunFolderError(f"{name} is no file any more")
        shutil.copyfileobj(source, file)
        file.flush()
        os.fsync(file.fileno())
        os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode) & 0o777)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _refuse_changes(copy: RunFolder, source: Path, trust: Trust) -> None:
    """Refuse a run that was changed since it was sealed, or while it was copied."""
    copy.refuse_links()
    info = copy.read_info()
    log = SignoffLog(copy.path, info.run_id).read()
    trusted = TrustedLog(trust, log.entries)
    listing = list_run(copy.path, MediaIndex(copy.media))
    if problems := find_tampering(copy.path, log, trusted, listing, info):
        raise RunFolderError(problems[0].text)
    if log.seal is None:
        left = list_run(source, MediaIndex(source / "media")).files
        if changes := find_changes(listing.files, left):
            raise RunFolderError(f"{changes[0].text} while it was copied: the run is going on")
