"""Build the team's image and preload inside it; a published image stands in if the build fails.

An engine is docker or podman, if it answers. What runs is ended with its container on every way
out, and its output is in the log. Knows nothing of what the command does.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from proofbook.errors import SubjectError

__all__ = ["Engine", "Image", "build_or_pull", "find_engine", "has_image", "run_in_image"]

_KNOWN = ("docker", "podman")
_ANSWER_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A container engine, or why there is none."""

    command: str
    """Path of the program; empty where there is none that answers."""
    problem: str
    """Why there is none."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image that can be run."""

    name: str
    built: bool
    """Whether it was built now; otherwise it is the published one."""
    problem: str
    """Why it was not built."""


def find_engine(wanted: str = "auto") -> Engine:
    """Return the first engine that answers; ``wanted`` names one, or is ``auto``."""
    problems = []
    for name in _KNOWN if wanted == "auto" else (wanted,):
        path = shutil.which(name)
        if path is None:
            problems.append(f"there is no {name} on PATH")
            continue
        problem = _unanswered(path)
        if not problem:
            return Engine(command=path, problem="")
        problems.append(f"{name} does not answer ({problem})")
    return Engine(command="", problem="; ".join(problems))


def build_or_pull(
    engine: Engine, *, dockerfile: Path, image: str, fallback: str, log: Path, timeout: float
) -> Image:
    """Build ``image`` from ``dockerfile``; where that fails, pull ``fallback``.

    Raises:
        SubjectError: There is no Dockerfile, or neither image can be had.
    """
    if not dockerfile.is_file():
        raise SubjectError(f"Dockerfile {dockerfile} does not exist; give its path")
    build = [engine.command, "build", "-f", str(dockerfile), "-t", image, str(dockerfile.parent)]
    code = _run(build, log, timeout)
    if code == 0:
        return Image(name=image, built=True, problem="")
    if not fallback:
        raise SubjectError(f"{image} was not built (exit {code}, see {log}); give a fallback image")
    pulled = _run([engine.command, "pull", fallback], log, timeout)
    if pulled != 0:
        raise SubjectError(
            f"{image} was not built (exit {code}) and {fallback} not pulled (exit {pulled}); "
            f"see {log}"
        )
    return Image(name=fallback, built=False, problem=f"the build ended with exit code {code}")


def has_image(engine: Engine, image: str) -> bool:
    """Say whether the engine has an image of this name."""
    answer = subprocess.run(
        [engine.command, "image", "inspect", image],
        check=False,
        capture_output=True,
        timeout=_ANSWER_SECONDS,
    )
    return answer.returncode == 0


def run_in_image(
    engine: Engine,
    image: str,
    command: Sequence[str],
    *,
    mounts: Mapping[Path, str],
    environment: Mapping[str, str],
    log: Path,
    timeout: float,
    gpus: bool = False,
) -> int:
    """Run a command in a container and return its exit code; the container never outlives this.

    ``mounts`` is folder here to place inside; ``environment`` is for the command.

    Raises:
        SubjectError: It took longer than ``timeout`` seconds.
    """
    name = f"proofbook-preload-{secrets.token_hex(4)}"
    words = [engine.command, "run", "--rm", "--name", name]
    words += ["--gpus", "all"] if gpus else []
    for here, inside in mounts.items():
        here.mkdir(parents=True, exist_ok=True)
        words += ["-v", f"{here.resolve()}:{inside}"]
    for variable, value in environment.items():
        words += ["-e", f"{variable}={value}"]
    try:
        return _run([*words, image, *command], log, timeout)
    except BaseException:
        subprocess.run(
            [engine.command, "rm", "-f", name],
            check=False,
            capture_output=True,
            timeout=_ANSWER_SECONDS,
        )
        raise


def _unanswered(path: str) -> str:
    """Return why the engine's daemon cannot be used; empty where it can."""
    try:
        answer = subprocess.run(
            [path, "info"], check=False, capture_output=True, text=True, timeout=_ANSWER_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"no answer in {_ANSWER_SECONDS:.0f} s"
    except OSError as error:
        return error.strerror or str(error)
    lines = (answer.stderr or answer.stdout).strip().splitlines()
    return "" if answer.returncode == 0 else (lines[-1][:160] if lines else "it fails")


def _run(command: Sequence[str], log: Path, timeout: float) -> int:
    """Run a command with its output in ``log``; its whole group is ended if it takes too long."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        output.write(f"$ {' '.join(command)}\n".encode())
        output.flush()
        return _waited(command, output, log, timeout)


def _waited(command: Sequence[str], output: IO[bytes], log: Path, timeout: float) -> int:
    process = subprocess.Popen(
        command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired as error:
        raise SubjectError(
            f"{Path(command[0]).name} {command[1]} took longer than {timeout:.0f} s and was ended; "
            f"see {log}"
        ) from error
    finally:
        if process.poll() is None:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
