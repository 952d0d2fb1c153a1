"""Which system programs are on the PATH, and what version they say they are."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Program", "inspect_programs"]

_TIMEOUT = 15.0
_VERSION_ARGUMENT = {
    "ffmpeg": "-version",
    "ffplay": "-version",
    "ffprobe": "-version",
    "go": "version",
    "java": "-version",
}


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program, as it was found."""

    name: str
    path: str
    """Empty where it is not on the PATH."""
    version: str
    """The first line it answers; empty where it answers none."""
    problem: str
    """Why there is no version; empty where there is one."""

    def answers(self, line: str) -> bool:
        """Say whether ``line`` is the version that it answered."""
        return bool(self.version) and line == self.version


def inspect_programs(
    names: Iterable[str], path: str | None = None, timeout: float = _TIMEOUT
) -> tuple[Program, ...]:
    """Find each program on ``path`` (default: the PATH) and ask for its version.

    A program that fails or does not answer within ``timeout`` seconds has a problem.
    """
    return tuple(_inspect(name, path, timeout) for name in dict.fromkeys(names))


def _inspect(name: str, path: str | None, timeout: float) -> Program:
    file = shutil.which(name, path=path)
    if file is None:
        return Program(name=name, path="", version="", problem=f"{name} is not on the PATH")
    version, problem = _ask(file, _VERSION_ARGUMENT.get(name, "--version"), timeout)
    return Program(name=name, path=file, version=version, problem=problem)


def _ask(program: str, argument: str, timeout: float) -> tuple[str, str]:
    try:
        done = subprocess.run(
            [program, argument],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        return "", f"{program} {argument} did not answer within {timeout:g} s"
    except OSError as error:
        return "", f"{program} cannot be run: {error.strerror or error}"
    lines = [line.strip() for line in done.stdout.decode(errors="replace").splitlines()]
    first = next((line for line in lines if line), "")
    if done.returncode != 0 or not first:
        return "", f"{program} {argument} ended with code {done.returncode}: {first}".rstrip(": ")
    return first, ""
