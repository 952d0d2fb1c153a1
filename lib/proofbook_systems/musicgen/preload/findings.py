"""What can be wrong with a file of a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from proofbook.errors import SubjectError

__all__ = ["Finding", "first_per_file", "read_or_find"]


class Finding(NamedTuple):
    """Something wrong with a file."""

    kind: Literal[
        "missing", "unfinished", "size", "changed", "unreadable", "shape", "disagrees", "weights"
    ]
    file: str
    """Relative to the model's folder, with forward slashes."""
    expected: str
    actual: str

    @property
    def words(self) -> str:
        """The finding as a line."""
        return f"{self.file} ({self.kind}): expected {self.expected}, found {self.actual}"


def first_per_file(findings: list[Finding]) -> list[Finding]:
    """Return one finding for each file; what comes first causes the rest."""
    first: dict[str, Finding] = {}
    for finding in findings:
        first.setdefault(finding.file, finding)
    return list(first.values())


def read_or_find(folder: Path, path: Path, read: Callable[[Path], object]) -> list[Finding]:
    """Return what ``read`` has against a file: a finding, or nothing."""
    try:
        read(path)
    except SubjectError as error:
        file = path.relative_to(folder).as_posix()
        why = str(error).removeprefix(f"{path} is ").removeprefix(f"{path} ")
        return [Finding("unreadable", file, "a file that its format can read", why)]
    return []
