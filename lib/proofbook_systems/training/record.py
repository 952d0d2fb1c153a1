"""What is known of a training that is over, kept in a file for the runbooks that look at it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from proofbook.errors import SubjectError
from proofbook.files import atomic_write
from proofbook_systems.training.running import Ended

__all__ = ["read_record", "write_record"]


def write_record(ended: Ended, path: Path) -> Path:
    """Write a record and return its path; losses that are NaN are kept."""
    atomic_write(path, json.dumps(dataclasses.asdict(ended)) + "\n")
    return path


def read_record(record: str) -> Ended:
    """Read what :func:`write_record` wrote.

    Raises:
        SubjectError: There is no such file, or it is something else.
    """
    if not record:
        raise SubjectError("record is empty; give what training/train leaves as output 'record'")
    path = Path(record).expanduser()
    try:
        return TypeAdapter(Ended).validate_json(path.read_bytes())
    except OSError as error:
        raise SubjectError(
            f"record {path} cannot be read ({error.strerror}); give what training/train leaves as "
            "its output 'record'"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        problem = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        raise SubjectError(f"record {path} is not the record of a training; {problem}") from error
