"""A run on disk: where each file lies, and how it is written so that nothing is ever half there.

Files are written beside, synced and renamed, or appended with one write a line. Knows the layout
of ``outputs/<run-id>/`` and nothing about what the records mean.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from proofbook.errors import RunFolderError
from proofbook.records import AnyRecord, MediaFile, Outcome, RunInfo, parse_record
from proofbook.redaction import Redactor

__all__ = [
    "JobFolder",
    "RunFolder",
    "append_line",
    "atomic_write",
    "hash_file",
    "iter_runs",
    "read_records",
    "store_media",
]

_M = TypeVar("_M", bound=BaseModel)

_MEDIA_TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".txt": "text/plain",
    ".log": "text/plain",
    ".json": "application/json",
    ".md": "text/markdown",
}


def atomic_write(path: Path, data: str | bytes, *, sync: bool = True) -> None:
    """Replace ``path`` with ``data``: beside, fsync, rename. Readers see the old or the new.

    Without ``sync`` it survives the end of any process, but perhaps not a power cut.
    """
    payload = data.encode() if isinstance(data, str) else data
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(payload)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(beside).unlink()
        raise


def append_line(path: Path, line: str) -> None:
    """Append one line with a single write and sync it. A torn last line is ended first."""
    with path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def hash_file(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def store_media(folder: Path, source: Path | bytes, suffix: str) -> MediaFile:
    """Copy a file or bytes into ``folder`` under its hash; an identical one is kept as it is.

    Raises:
        OSError: The source cannot be read, or the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=".incoming-")
    os.close(handle)
    beside = Path(name)
    try:
        if isinstance(source, bytes):
            beside.write_bytes(source)
        else:
            shutil.copyfile(source, beside)
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        digest, size = hash_file(beside), beside.stat().st_size
        media = MediaFile(
            sha256=digest,
            suffix=suffix,
            size=size,
            media_type=_MEDIA_TYPES.get(suffix, "application/octet-stream"),
        )
        beside.chmod(0o444)
        beside.replace(folder / media.filename)
    finally:
        beside.unlink(missing_ok=True)
    return media


def read_records(path: Path) -> tuple[list[AnyRecord], int]:
    """Read ``records.jsonl``; return the records and how many lines could not be read.

    A torn last line (power cut, SIGKILL) is such a line; a missing file holds no records.
    """
    if not path.exists():
        return [], 0
    records: list[AnyRecord] = []
    unreadable = 0
    for line in path.read_bytes().splitlines():
        if not line.strip():
            continue
        try:
            records.append(parse_record(line))
        except ValidationError:
            unreadable += 1
    return records, unreadable


@dataclass(frozen=True)
class JobFolder:
    """``jobs/<job-id>/`` of a run."""

    path: Path

    @property
    def notebook(self) -> Path:
        """The executed notebook."""
        return self.path / "notebook.ipynb"

    @property
    def records(self) -> Path:
        """Every record, one a line, appended as it was made."""
        return self.path / "records.jsonl"

    @property
    def outcome(self) -> Path:
        """What became of the job."""
        return self.path / "outcome.json"

    @property
    def log(self) -> Path:
        """What the kernel and its children printed."""
        return self.path / "output.log"

    @property
    def work(self) -> Path:
        """The working folder of the job's kernel."""
        return self.path / "work"

    def read_outcome(self) -> Outcome | None:
        """Return the outcome, or None where the job has not begun or its file is unreadable."""
        return _read(self.outcome, Outcome)

    def write_outcome(self, outcome: Outcome, redact: Redactor | None = None) -> None:
        """Replace ``outcome.json``, without secrets."""
        atomic_write(self.outcome, _without_secrets(outcome, redact))

    def set_aside(self) -> None:
        """Move what an earlier attempt left into ``attempts/<n>/``; nothing is lost."""
        earlier = [p for p in self.path.iterdir() if p.name != "attempts"]
        if not earlier:
            return
        attempts = self.path / "attempts"
        attempts.mkdir(exist_ok=True)
        target = attempts / str(1 + sum(1 for _ in attempts.iterdir()))
        target.mkdir()
        for path in earlier:
            path.rename(target / path.name)


@dataclass(frozen=True)
class RunFolder:
    """``outputs/<run-id>/``."""

    path: Path

    @property
    def info_file(self) -> Path:
        """``run.json``."""
        return self.path / "run.json"

    @property
    def media(self) -> Path:
        """Each evidence file once, under its hash."""
        return self.path / "media"

    @property
    def report(self) -> Path:
        """The folder of the report."""
        return self.path / "report"

    def job(self, job_id: str) -> JobFolder:
        """Return the folder of one job; it may not exist yet."""
        return JobFolder(self.path / "jobs" / job_id)

    def read_info(self) -> RunInfo:
        """Return ``run.json``.

        Raises:
            RunFolderError: The folder is not a run, or its ``run.json`` cannot be read.
        """
        info = _read(self.info_file, RunInfo)
        if info is None:
            raise RunFolderError(f"{self.path} is not a run: no readable run.json in it")
        return info

    def write_info(self, info: RunInfo, redact: Redactor | None = None) -> None:
        """Replace ``run.json``, without secrets."""
        atomic_write(self.info_file, _without_secrets(info, redact))


def _without_secrets(record: BaseModel, redact: Redactor | None) -> str:
    values = json.loads(record.model_dump_json())
    clean = (redact or Redactor.from_environment()).walk(values)
    return json.dumps(clean, indent=1, ensure_ascii=False)


def _read(path: Path, model: type[_M]) -> _M | None:
    try:
        return model.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def iter_runs(outputs: Path) -> Iterator[RunFolder]:
    """Yield the runs under ``outputs``, newest first by name."""
    for path in sorted(outputs.glob("*/run.json"), reverse=True):
        yield RunFolder(path.parent)
