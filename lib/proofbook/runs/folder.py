"""A run on disk: where each file of ``outputs/<run-id>/`` is, and how it is read and written.

Knows nothing about what the records mean.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from proofbook.errors import RunFolderError
from proofbook.files import atomic_write, read_file
from proofbook.records import AnyRecord, Outcome, RunInfo, parse_record
from proofbook.runs.record_redaction import redact_record
from proofbook.runs.redaction import Redactor

__all__ = [
    "JobFolder",
    "RunFolder",
    "read_records",
]

_M = TypeVar("_M", bound=BaseModel)
_OWN = (
    "run.json", "jobs", "media", "report", "signoffs.jsonl", "signoffs.head", "signoffs.timestamps",
    ".lock", ".signoffs.lock",
)  # fmt: skip
_OWN_OF_JOB = ("notebook.ipynb", "records.jsonl", "outcome.json", "output.log")


def read_records(path: Path) -> tuple[list[AnyRecord], int]:
    """Read ``records.jsonl``; return the records and how many lines could not be read.

    A torn last line (power cut, SIGKILL) is such a line, and so is a whole file that cannot be
    opened; a missing file holds no records.
    """
    try:
        lines = read_file(path).splitlines()
    except FileNotFoundError:
        return [], 0
    except OSError:
        return [], 1
    records: list[AnyRecord] = []
    unreadable = 0
    for line in lines:
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
        try:
            return _read(self.outcome, Outcome)
        except (OSError, ValueError):
            return None

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

    def refuse_links(self) -> None:
        """Refuse a run whose own files are links: they may lead anywhere, to be shown or written.

        Where nobody may look, nobody is led.

        Raises:
            RunFolderError: One is.
        """
        own = [self.path / name for name in _OWN]
        for job in self.path.glob("jobs/*"):
            own += [job, *(job / name for name in _OWN_OF_JOB)]
        for path in own:
            with contextlib.suppress(PermissionError):
                if path.is_symlink():
                    raise RunFolderError(f"{path} is a link, and a run's own files never are")

    def job(self, job_id: str) -> JobFolder:
        """Return the folder of one job; it may not exist yet."""
        return JobFolder(self.path / "jobs" / job_id)

    def read_info(self) -> RunInfo:
        """Return ``run.json``.

        Raises:
            RunFolderError: The folder is not a run, or its ``run.json`` cannot be read.
        """
        try:
            return _read(self.info_file, RunInfo)
        except FileNotFoundError as error:
            raise RunFolderError(f"{self.path} is not a run: it has no run.json") from error
        except OSError as error:
            problem = error.strerror or str(error)
        except ValidationError as error:
            problem = _first_line(error)
        raise RunFolderError(f"{self.info_file} cannot be read: {problem}")

    def write_info(self, info: RunInfo, redact: Redactor | None = None) -> None:
        """Replace ``run.json``, without secrets."""
        atomic_write(self.info_file, _without_secrets(info, redact))


def _without_secrets(record: BaseModel, redact: Redactor | None) -> str:
    clean = redact_record(redact or Redactor.from_environment(), record)
    return json.dumps(clean, indent=1, ensure_ascii=False)


def _first_line(error: ValidationError) -> str:
    """Return the first thing that is wrong with a file, and where in it."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]


def _read(path: Path, model: type[_M]) -> _M:
    """Read a JSON file.

    Raises:
        OSError: There is none, or it cannot be read.
        ValueError: It is not one of these.
    """
    return model.model_validate_json(read_file(path))
