"""Run the command: what every module adds to it, and how its errors end."""

from __future__ import annotations

import os
import sys

from proofbook.cli import execution, projects, reviewing, workbench  # noqa: F401 - they add commands
from proofbook.cli.application import app
from proofbook.cli.closed_pipe import PatientStream
from proofbook.errors import ProofbookError, UsageError
from proofbook.terminal import say

__all__ = ["main"]


def main() -> None:
    """Run the command; a known error is one line on stderr and its own exit code."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, PatientStream):
            setattr(sys, name, PatientStream(stream))
    try:
        app()
    except ProofbookError as error:
        say(f"proofbook: {error}", err=True)
        sys.exit(error.exit_code)
    except PermissionError as error:
        where = f"{error.filename}: " if error.filename else ""
        say(
            f"proofbook: {where}{error.strerror or error}; give yourself the rights to it", err=True
        )
        sys.exit(UsageError.exit_code)
    except Exception as error:
        if os.environ.get("PROOFBOOK_DEBUG"):
            raise
        what = f"{type(error).__name__}: {error}"
        say(f"proofbook: {what}; PROOFBOOK_DEBUG=1 shows where", err=True)
        sys.exit(ProofbookError.exit_code)
