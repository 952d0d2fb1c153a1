"""Take secrets out of a job's files that were written before the runner knew them."""

from __future__ import annotations

import json
from collections.abc import Callable

from proofbook.files import atomic_write
from proofbook.runs.folder import JobFolder
from proofbook.runs.record_redaction import redact_record_values
from proofbook.runs.redaction import Redactor

__all__ = ["remove_secrets"]


def remove_secrets(folder: JobFolder, redact: Redactor) -> None:
    """Replace the secrets in a job's log and records; the notebook is always written anew.

    Raises:
        OSError: A file cannot be read or written.
    """
    for path, clean in ((folder.log, redact), (folder.records, _records_cleaner(redact))):
        if path.is_file():
            text = path.read_text(errors="surrogateescape")
            if (after := clean(text)) != text:
                atomic_write(path, after.encode(errors="surrogateescape"))


def _records_cleaner(redact: Redactor) -> Callable[[str], str]:
    def clean(text: str) -> str:
        return "".join(f"{_clean_line(redact, line)}\n" for line in text.splitlines())

    return clean


def _clean_line(redact: Redactor, line: str) -> str:
    try:
        values = redact_record_values(redact, json.loads(line))
    except ValueError:
        return redact(line)  # a torn line stays one
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
