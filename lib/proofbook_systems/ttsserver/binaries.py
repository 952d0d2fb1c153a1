"""Find the frozen server, or have it built. Starts no server."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from proofbook.errors import SubjectError
from proofbook.fingerprints import revision_of
from proofbook_systems.ttsserver.building import DIST, Build, build_kept

__all__ = ["Binary", "candidates", "find_binary", "find_or_build"]

_NAME = "voicebox-server"


@dataclass(frozen=True, kw_only=True)
class Binary:
    """A program that can be started."""

    path: Path
    """Absolute."""
    kind: str
    """``onefile``, ``onedir``, or ``given`` by the person."""
    size: int
    """Bytes of the file; of the whole folder where it is a ``onedir``."""
    build_seconds: float | None = None
    """None where it was not built now."""

    @property
    def megabytes(self) -> float:
        """Size in MB."""
        return self.size / 1e6

    @property
    def revision(self) -> str:
        """The hash of the program, which holds the code of a ``onedir``, too."""
        return revision_of(self.path)


def candidates(root: PurePath, system: str) -> list[tuple[PurePath, str]]:
    """Return (path, kind) of where a build puts the program, the preferred one first.

    Args:
        root: Folder of the server's sources.
        system: As ``platform.system()`` names it; Linux is as macOS.
    """
    suffix = ".exe" if system == "Windows" else ""
    dist = root.joinpath(*DIST.parts)
    cuda = f"{_NAME}-cuda"
    return [(dist / cuda / f"{cuda}{suffix}", "onedir"), (dist / f"{_NAME}{suffix}", "onefile")]


def find_binary(root: Path, binary: str = "", *, system: str = "") -> Binary | None:
    """Return the program that is given, else the first that a build has left, else None.

    Raises:
        SubjectError: The program that is given is missing, or is not a file.
    """
    if binary:
        path = Path(binary).expanduser()
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "does not exist"
            raise SubjectError(f"binary {path} {what}; give the server's program")
        return _checked(path, "given")
    for candidate, kind in candidates(root, system or platform.system()):
        if Path(candidate).is_file():
            return _checked(Path(candidate), kind)
    return None


def find_or_build(
    root: Path,
    *,
    binary: str = "",
    skip_build: bool = False,
    build_command: Sequence[str] = (),
    python: str = "",
    timeout: float,
    log: Path,
    system: str = "",
) -> Binary:
    """Return the server's program; where there is none, build it first, in a copy of the sources.

    Args:
        root: Folder of the server's sources; nothing is written into it.
        binary: Program to use as it is.
        skip_build: Fail instead of building.
        build_command: Empty is ``python backend/build_binary.py``.
        python: What it is built with; empty is the project's own environment.
        timeout: Seconds that the build may take.
        log: File for the build's output.
        system: As ``platform.system()`` names it; empty asks.

    Raises:
        SubjectError: There is no program and none is to be built, or the build fails.
    """
    system = system or platform.system()
    program = find_binary(root, binary, system=system)
    if program is not None:
        return program
    looked = " or ".join(str(path) for path, _ in candidates(root, system))
    if skip_build:
        raise SubjectError(
            f"there is no server at {looked}; build it, give binary, or leave out skip_build"
        )
    log.unlink(missing_ok=True)
    started = time.monotonic()
    programs = [Path(path) for path, _ in candidates(Path(), system)]
    build = Build(
        root=root, programs=programs, command=build_command, python=python, timeout=timeout, log=log
    )
    built = find_binary(build_kept(build), system=system)
    assert built is not None, "a build without a program is not kept"
    return replace(built, build_seconds=time.monotonic() - started if log.exists() else None)


def _checked(path: Path, kind: str) -> Binary:
    path = path.resolve()
    if not os.access(path, os.X_OK):
        raise SubjectError(f"binary {path} is not executable; chmod +x it, or give another")
    folder = path.parent
    files = [p for p in folder.rglob("*") if p.is_file()] if kind == "onedir" else [path]
    return Binary(path=path, kind=kind, size=sum(file.stat().st_size for file in files))
