"""Every exception that Proofbook raises on purpose.

    ProofbookError                  anything below; the CLI prints it as one line
     ├─ UsageError                  the person asked for something impossible      exit 2
     │   ├─ ProfileError            a profile, with file and line                  exit 2
     │   └─ NotebookError           a runbook file, with file and cell             exit 2
     ├─ RunFolderError              a run folder is missing, foreign or unreadable exit 2
     ├─ KernelError                 a kernel could not be started or was lost      exit 3
     │   └─ ForkserverError         the warm forkserver could not serve; fall back
     │       └─ ForkserverLateError it listens, and did not answer in time
     ├─ SubjectError                a system under test cannot be used (inside a notebook)
     └─ RunbookStopped              raised inside a notebook to end it
         ├─ ChecksFailed            finish() or require() met a failed check
         └─ Incomplete              a runbook ended without its finish record

Exceptions carry their data as attributes; ``str(exception)`` is one line that says what, where
and what to do.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "ChecksFailed",
    "ForkserverError",
    "ForkserverLateError",
    "Incomplete",
    "KernelError",
    "NotebookError",
    "ProfileError",
    "ProofbookError",
    "RunFolderError",
    "RunbookStopped",
    "SubjectError",
    "UsageError",
]


class ProofbookError(Exception):
    """Base of the tree."""

    exit_code = 3


class UsageError(ProofbookError):
    """The person asked for something impossible."""

    exit_code = 2


class ProfileError(UsageError):
    """A profile cannot be used; ``path`` and ``line`` (from 1) say where."""

    def __init__(self, message: str, *, path: Path, line: int | None = None) -> None:
        self.message, self.path, self.line = message, path, line
        where = f"{path}:{line}" if line is not None else str(path)
        super().__init__(f"{where}: {message}")


class NotebookError(UsageError):
    """A runbook file cannot be used; ``path`` and ``cell`` (id or index) say where."""

    def __init__(self, message: str, *, path: Path, cell: str | None = None) -> None:
        self.message, self.path, self.cell = message, path, cell
        where = f"{path} (cell {cell})" if cell is not None else str(path)
        super().__init__(f"{where}: {message}")


class RunFolderError(ProofbookError):
    """A run folder is missing, foreign or unreadable."""

    exit_code = 2


class KernelError(ProofbookError):
    """A kernel could not be started or was lost."""


class ForkserverError(KernelError):
    """The warm forkserver could not serve a kernel; an ordinary one is started instead."""


class ForkserverLateError(ForkserverError):
    """A forkserver listens and did not answer in time: it imports, or its machine is busy."""


class SubjectError(ProofbookError):
    """A system under test cannot be used: what, where, and what to do."""


class RunbookStopped(ProofbookError):  # noqa: N818 - reads as the sentence a traceback shows
    """Raised inside a notebook to end it."""


class ChecksFailed(RunbookStopped):
    """``finish`` or ``require`` met checks that did not pass; ``names`` lists them."""

    def __init__(self, message: str, *, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(message)


class Incomplete(RunbookStopped):
    """A runbook ended without its finish record."""
