"""Make the record of an output, or say in one line why other jobs could not use it.

Knows nothing about where the record is written.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from proofbook.errors import UsageError
from proofbook.fingerprints import content_of
from proofbook.records import Output
from proofbook.values import exact_json

__all__ = ["make_output"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def make_output(name: str, value: object, temporary: Path | None) -> Output:
    """Return the record of a value, or of a path with what is there now.

    Args:
        name: Letters, digits, ``-`` and ``_``, so that a profile can write it.
        value: What JSON holds, or a ``Path``; a text is a value.
        temporary: The folder that is removed when the job ends.

    Raises:
        UsageError: The name or the value cannot be used, or the path is not there or not for long.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"output {name!r}: a name consists of letters, digits, '-' and '_'")
    try:
        if isinstance(value, PurePath):
            return _path_output(name, Path(value), temporary)
        return Output(name=name, value=exact_json(value))
    except OSError as error:
        raise UsageError(f"output {name!r}: {value} {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(
            f"output {name!r}: {error}; give text, numbers, lists, dicts, or one Path"
        ) from error


def _path_output(name: str, path: Path, temporary: Path | None) -> Output:
    absolute = path.absolute()
    if temporary is not None and _is_within(absolute, temporary):
        raise UsageError(
            f"output {name!r}: {absolute} is in TMPDIR, which is removed when the job ends; "
            "write it to the working folder"
        )
    return Output(name=name, value=exact_json(str(absolute)), content=content_of(absolute))


def _is_within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
