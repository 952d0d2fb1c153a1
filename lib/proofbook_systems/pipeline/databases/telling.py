"""Whether a stage that could not do its work says so: an error code, a clear line, no traceback."""

from __future__ import annotations

import re
from collections.abc import Sequence

from proofbook_systems.pipeline.stages import StageRun

__all__ = ["unclear"]

_TRACEBACK = "Traceback (most recent call last)"


def unclear(run: StageRun, words: str, meaning: str, files: Sequence[str] = ()) -> list[str]:
    """Return what is unclear about how a stage told its failure.

    Args:
        run: The stage, which ended with an error.
        words: What a line must hold, as a regular expression.
        meaning: The same in words: ``that the database is locked``.
        files: Names of the databases; where there are several, the line must name one.
    """
    if run.ended_well or run.code is None:
        return []
    faults = []
    if _TRACEBACK in run.output:
        faults.append(f"{run.stage} prints a traceback, which ends: {run.last_words}")
    lines = [line for line in run.output.splitlines() if re.search(words, line, re.IGNORECASE)]
    if not lines:
        return [*faults, f"{run.stage} {run.words} and does not say {meaning}: {run.last_words}"]
    stems = [name.rsplit(".", 1)[0] for name in files]
    if len(stems) > 1 and not any(stem in line for stem in stems for line in lines):
        faults.append(f"{run.stage} does not say which database: {lines[-1].strip()}")
    return faults
