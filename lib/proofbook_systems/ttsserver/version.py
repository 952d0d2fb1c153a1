"""Ask the server's program for its version. Starts no server that stays."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook.processes import run

__all__ = ["Version", "read_version"]

_SECONDS = 30.0
"""A frozen program unpacks itself first; one that does not know the option may start a server."""
_NUMBER = re.compile(r"\d+\.\d+")
_LONGEST = 200


class Version(NamedTuple):
    """What a program says of its version."""

    text: str
    """A line; empty where it is not told."""
    problem: str = ""
    """Why it is not told."""

    @property
    def words(self) -> str:
        """The version, or why there is none."""
        return self.text or f"not told: {self.problem}"


def read_version(program: Path) -> Version:
    """Return what ``--version`` prints: the line with a number, else the last one."""
    with tempfile.TemporaryDirectory(prefix="voicebox-version-") as folder:
        own = {**os.environ, "TMPDIR": folder, "TMP": folder, "TEMP": folder}
        try:
            ended = run(
                [program, "--version"], timeout=_SECONDS, name=f"{program} --version",
                cwd=Path(folder), env=own,
            )  # fmt: skip
        except SubjectError as error:
            return Version("", str(error))
    lines = [line.strip() for line in ended.output.splitlines() if line.strip()]
    if ended.code != 0 or not lines:
        said = f": {lines[-1][:_LONGEST]}" if lines else " and printed nothing"
        return Version("", f"--version {ended.words}{said}")
    numbered = [line for line in lines if _NUMBER.search(line)]
    return Version((numbered or lines)[-1][:_LONGEST])
