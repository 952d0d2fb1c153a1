"""Take secrets out of a job's files that were written before the runner knew them."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path

from proofbook.files import atomic_write
from proofbook.runs.folder import JobFolder
from proofbook.runs.record_redaction import redact_record_values
from proofbook.runs.redaction import Redactor

__all__ = ["remove_secrets"]


def remove_secrets(folder: JobFolder, redact: Redactor, *, from_log: bool) -> None:
    """Replace the secrets in a job's records, in its programs' logs, and perhaps in its own log.

    And in the names of files and folders that the job leaves, which a seal and a report list.

    The notebook has none. What a program under test prints goes to a ``.log`` in the job's working
    folder as it is, and a client that tells each request tells its key.

    The kernel wrote the records without the secrets that its environment had; a runner knows those
    of ``.env`` files too. What a log has of secrets that the kernel told of later, is in it still.

    Raises:
        OSError: A file cannot be read, written or renamed.
    """
    _rewrite(folder.records, _records_cleaner(redact))
    for path in _logs_of_programs(folder.work):
        _rewrite(path, redact)
    if from_log:
        _rewrite(folder.log, redact)
    _rename(folder.work, redact)


def _rename(work: Path, redact: Redactor) -> None:
    """Take secrets out of names, the deepest first; nothing behind a link is looked at.

    A word that somebody has as a password stays: a folder is found by its name.
    """
    if work.is_symlink():
        return
    for base, folders, files in os.walk(work, topdown=False):
        for name in (*folders, *files):
            if (clean := redact.identifier(name)) != name:
                path = Path(base, name)
                path.rename(_free(path.with_name(clean.replace("/", "_"))))


def _free(path: Path) -> Path:
    """Return a path that nothing is at: this one, or with a number."""
    numbers = itertools.count(2)
    free = path
    while os.path.lexists(free):
        free = path.with_name(f"{path.stem}-{next(numbers)}{path.suffix}")
    return free


def _logs_of_programs(work: Path) -> list[Path]:
    if work.is_symlink() or not work.is_dir():
        return []
    return [path for path in work.rglob("*.log") if path.is_file() and not path.is_symlink()]


def _rewrite(path: Path, clean: Callable[[str], str]) -> None:
    if not path.is_file():
        return
    text = path.read_bytes().decode(errors="surrogateescape")
    if (after := clean(text)) != text:
        atomic_write(path, after.encode(errors="surrogateescape"))


def _records_cleaner(redact: Redactor) -> Callable[[str], str]:
    def clean(text: str) -> str:
        return "\n".join(_clean_line(redact, line) if line else "" for line in text.split("\n"))

    return clean


def _clean_line(redact: Redactor, line: str) -> str:
    try:
        values = redact_record_values(redact, json.loads(line))
    except ValueError:
        return redact(line)  # a torn line stays one
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
