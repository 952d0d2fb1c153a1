"""Put a model into the cache under a lock: what is missing is brought, what is there is kept.

Nothing that another program or another source has put there is written over. Next to the files is
``sha256.json``, which is what later verification compares with.
"""

from __future__ import annotations

import filecmp
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.files import hash_file
from proofbook_systems.musicgen.preload.checksums import Note, read_notes, write_notes
from proofbook_systems.musicgen.preload.origins import FolderOrigin, Origin, RemoteFile
from proofbook_systems.musicgen.preload.transfer import Progress, bring, part_of, version_of

__all__ = ["Preloaded", "log_progress", "preload", "take_over"]

_LOG = logging.getLogger("proofbook.musicgen")
_STEP_BYTES = 50 * 10**6
_EFFECTIVE = os.access in os.supports_effective_ids


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
        SubjectError: A file cannot be brought, the disk is too small, or something else is there.
    """
    began = time.perf_counter()
    with _locked(folder) as writable:
        noted, files = read_notes(folder), origin.files()
        _refuse_nothing(files, origin)
        _refuse_others(files, noted, folder, origin)
        notes = _claimed(files, noted, folder, origin) if writable else noted
        missing = [file for file in files if not _is_there(file, folder, notes)]
        if missing and not writable:
            raise _read_only(folder, f"lacks {missing[0].path} as {origin.name} has it")
        _check_space(missing, folder, origin)
        if missing or notes != noted:
            _note_missing(missing, notes, folder)
        brought = _bring_all(missing, notes, folder, origin, progress or log_progress())
    there = sum(note.size or 0 for note in notes.values())
    seconds = time.perf_counter() - began
    _LOG.info("%s: %d files, %d bytes, %d of them new", folder.name, len(files), there, brought)
    return Preloaded(folder=folder, bytes_there=there, bytes_brought=brought, seconds_taken=seconds)


def take_over(folder: Path) -> Preloaded | None:
    """Note what is in ``folder``, where another program has put it there; None where nothing does.

    Files that were noted before keep their notes.
    """
    began = time.perf_counter()
    if not folder.is_dir() or not any(folder.iterdir()):
        return None
    with _locked(folder) as writable:
        notes = read_notes(folder)
        if not notes and not writable:
            raise _read_only(folder, "has no checksums of an earlier preload")
        if not notes:
            notes = {f.path: _noted(folder / f.path) for f in FolderOrigin(folder=folder).files()}
            write_notes(folder, notes)
            _LOG.info("%s: %d files are taken over as they are", folder.name, len(notes))
    there = sum(note.size or 0 for note in notes.values() if note.arrived)
    seconds = time.perf_counter() - began
    return Preloaded(folder=folder, bytes_there=there, bytes_brought=0, seconds_taken=seconds)


def log_progress() -> Progress:
    """Return a progress that logs a line for each fifty million bytes and one at the end."""
    following: dict[str, int] = {}

    def report(path: str, have: int, whole: int | None) -> None:
        if have >= following.get(path, _STEP_BYTES) or have == whole:
            following[path] = have + _STEP_BYTES
            share = f" ({100 * have // whole} %)" if whole else ""
            _LOG.info("%s: %d bytes%s", path, have, share)

    return report


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Keep others out, and say whether the folder can be written; one that cannot needs no lock."""
    from filelock import FileLock, Timeout

    if folder.is_dir() and not _is_writable(folder):
        yield False
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.parent / f".{folder.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            _LOG.info("another process preloads %s; waiting for it", folder.name)
            lock.acquire()
    except OSError as error:
        raise SubjectError(
            f"cache folder {folder} cannot be written ({error.strerror or error}); give another"
        ) from error
    try:
        yield True
    finally:
        lock.release()


def _is_writable(folder: Path) -> bool:
    places = (folder, folder.parent)
    return all(os.access(place, os.W_OK, effective_ids=_EFFECTIVE) for place in places)


def _read_only(folder: Path, lack: str) -> SubjectError:
    return SubjectError(
        f"cache folder {folder} cannot be written and {lack}; preload it where it can be written, "
        "or give another cache"
    )


def _refuse_nothing(files: list[RemoteFile], origin: Origin) -> None:
    if not files:
        raise SubjectError(f"{origin.name} has no files; give the folder or address of a model")


def _refuse_others(
    files: list[RemoteFile], notes: Mapping[str, Note], folder: Path, origin: Origin
) -> None:
    """Two models in one folder are none."""
    names = {file.path for file in files}
    others = [path for path, note in notes.items() if note.arrived and path not in names]
    if others:
        raise SubjectError(
            f"{folder} was preloaded from elsewhere: {others[0]} is not in {origin.name}; delete "
            "the folder, or give the model another key or cache"
        )


def _claimed(
    files: list[RemoteFile], notes: Mapping[str, Note], folder: Path, origin: Origin
) -> dict[str, Note]:
    """Add notes of files that another program has put there, where they are those of the origin."""
    names = {file.path for file in files}
    claimed = {path: note for path, note in notes.items() if path in names}
    for path in notes.keys() - names:
        part_of(folder / path).unlink(missing_ok=True)  # no longer at the origin: never finished
        version_of(part_of(folder / path)).unlink(missing_ok=True)
    for file in files:
        place = folder / file.path
        if file.path in claimed or not place.exists():
            continue
        if not _is_same(file, place, origin):
            raise SubjectError(
                f"{place} is there already and is not the one of {origin.name}; move it away, or "
                "give the model another key or cache"
            )
        claimed[file.path] = _noted(place)
        _LOG.info("%s is taken over as it is", file.path)
    return claimed


def _is_same(file: RemoteFile, place: Path, origin: Origin) -> bool:
    if not place.is_file() or place.stat().st_size != file.size:
        return False
    if file.sha256:
        return hash_file(place) == file.sha256
    source = origin.local(file.path)
    return source is None or filecmp.cmp(source, place, shallow=False)


def _noted(place: Path) -> Note:
    return Note(place.stat().st_size, hash_file(place))


def _is_there(file: RemoteFile, folder: Path, notes: Mapping[str, Note]) -> bool:
    """Say whether a file arrived whole before, and has had its size since."""
    place, noted = folder / file.path, notes.get(file.path)
    if noted is None or not noted.arrived or not place.is_file():
        return False
    if place.stat().st_size != noted.size or file.size not in (None, noted.size):
        return False
    return not file.sha256 or file.sha256 == noted.sha256


def _check_space(files: list[RemoteFile], folder: Path, origin: Origin) -> None:
    parts = [part_of(folder / file.path) for file in files]
    have = sum(part.stat().st_size for part in parts if part.exists())
    needed = max(0, sum(file.size or 0 for file in _copied(files, folder, origin)) - have)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise SubjectError(
            f"{origin.name} has {needed / 1e9:.2f} GB to bring and {free / 1e9:.2f} GB are free "
            f"below {folder.parent}; free some, or choose another cache"
        )


def _copied(files: list[RemoteFile], folder: Path, origin: Origin) -> list[RemoteFile]:
    """Return the files that take space; a link to a file on the same disk takes none."""
    device = folder.stat().st_dev
    sources = [origin.local(file.path) if origin.linked else None for file in files]
    return [
        f for f, s in zip(files, sources, strict=True) if s is None or s.stat().st_dev != device
    ]


def _note_missing(files: list[RemoteFile], notes: dict[str, Note], folder: Path) -> None:
    """Note what is to come, so that one that is ended early does not look complete."""
    notes |= {file.path: Note(file.size, file.sha256, arrived=False) for file in files}
    write_notes(folder, notes)


def _bring_all(
    files: list[RemoteFile],
    notes: dict[str, Note],
    folder: Path,
    origin: Origin,
    progress: Progress,
) -> int:
    brought = 0
    for file in files:
        digest = bring(origin, file, folder / file.path, progress)
        size = (folder / file.path).stat().st_size
        brought += size
        notes[file.path] = Note(size, digest)
        write_notes(folder, notes)
    return brought
