"""Find the frozen server, or have it built. Starts no server."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from proofbook.errors import SubjectError
from proofbook.fingerprints import revision_of
from proofbook.processes import supervise

__all__ = ["Binary", "candidates", "find_binary", "find_or_build"]

_DIST = ("backend", "dist")
_NAME = "voicebox-server"
_BUILD_SCRIPT = ("backend", "build_binary.py")
_TAIL = 5


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
    dist = root.joinpath(*_DIST)
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
    timeout: float,
    log: Path,
    system: str = "",
) -> Binary:
    """Return the server's program; where there is none, build it first.

    Args:
        root: Folder of the server's sources, where the build runs.
        binary: Program to use as it is.
        skip_build: Fail instead of building.
        build_command: Empty is ``python backend/build_binary.py``.
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
    started = time.monotonic()
    _build(root, _command(root, build_command), timeout, log)
    built = find_binary(root, system=system)
    if built is None:
        raise SubjectError(f"the build ended well but left no server at {looked}; see {log}")
    return Binary(path=built.path, kind=built.kind, size=built.size,
                  build_seconds=time.monotonic() - started)  # fmt: skip


def _command(root: Path, build_command: Sequence[str]) -> list[str]:
    if build_command:
        return list(build_command)
    script = root.joinpath(*_BUILD_SCRIPT)
    if not script.is_file():
        raise SubjectError(
            f"there is no server in {root} and no {script} to build one; give project, binary or "
            "build_command"
        )
    return [sys.executable, str(script)]


def _build(root: Path, command: Sequence[str], timeout: float, log: Path) -> None:
    log.unlink(missing_ok=True)
    with supervise(command, log=log, name=f"the build ({command[0]})", cwd=root) as build:
        ended = build.wait(timeout)
        state, tail = build.state, build.tail(_TAIL)
    if not ended:
        raise SubjectError(f"the build took longer than {timeout:g} s and was ended; see {log}")
    if build.exit_code != 0:
        last = " / ".join(line.strip() for line in tail.splitlines() if line.strip())
        raise SubjectError(f"the build {state}: {last or 'it printed nothing'}; see {log}")


def _checked(path: Path, kind: str) -> Binary:
    path = path.resolve()
    if not os.access(path, os.X_OK):
        raise SubjectError(f"binary {path} is not executable; chmod +x it, or give another")
    folder = path.parent
    files = [p for p in folder.rglob("*") if p.is_file()] if kind == "onedir" else [path]
    return Binary(path=path, kind=kind, size=sum(file.stat().st_size for file in files))
