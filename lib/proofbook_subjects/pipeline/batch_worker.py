"""Produce episodes one after the other, as a parent asks for them on standard input.

``python -m proofbook_subjects.pipeline.batch_worker ROOT PARENT``: each line in is
{"episode", "lines"}, each line out {"episode", "fault", "seconds"}. It ends when its parent does.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from proofbook_subjects.pipeline.errors import PipelineError
from proofbook_subjects.pipeline.produce import produce
from proofbook_subjects.pipeline.settings import Project, open_project

__all__ = ["main"]

_PDEATHSIG = 1
_leaked: list[bytearray] = []


def main(root: Path, parent: int) -> None:
    """Answer every line until there are no more."""
    _end_with_parent(parent)
    project = open_project(root)
    for line in sys.stdin:
        answer = _produce(project, json.loads(line))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _end_with_parent(parent: int) -> None:
    """Have Linux send SIGTERM when the parent dies; elsewhere the end of the input ends it.

    See prctl(2), PR_SET_PDEATHSIG. The signal unwinds, so that partial files go.
    """
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit(128 + signal.SIGTERM)


def _produce(project: Project, asked: dict[str, Any]) -> dict[str, Any]:
    begun, fault = time.monotonic(), ""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            produce(project, asked["episode"], lines=asked["lines"], workers=1)
    except PipelineError as error:
        fault = " ".join(str(error).split())
    if leak := project.faults.of("batch").get("leak"):
        _leaked.append(bytearray(b"x" * round(leak * 1_000_000)))
    return {"episode": asked["episode"], "fault": fault, "seconds": time.monotonic() - begun}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
