"""Build the team's image and preload inside it; a published image stands in if the build fails.

An engine is docker or podman, if it answers. What runs is ended with its container on every way
out, and its output is in the log. Knows nothing of what the command does.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.processes import guarded, run

__all__ = ["Engine", "Image", "build_or_pull", "describe_image", "find_engine", "run_in_image"]

_KNOWN = ("docker", "podman")
_ANSWER_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A container engine, or why there is none."""

    command: str
    """Path of the program; empty where there is none that answers."""
    problem: str
    """Why there is none."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image, or why there is none."""

    name: str
    """Empty where it could be neither built nor pulled."""
    built: bool
    """Whether it was built now; otherwise it is the published one."""
    problem: str
    """Why it was not built, or why there is none."""


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
    engine: Engine,
    *,
    dockerfile: Path,
    image: str,
    fallback: str,
    log: Path,
    timeout: float,
    context: Path | None = None,
) -> Image:
    """Build ``image`` from ``dockerfile``; where that fails or takes too long, pull ``fallback``.

    ``context`` is the folder that the build sees; by default that of the Dockerfile.

    Raises:
        SubjectError: There is no Dockerfile.
    """
    if not dockerfile.is_file():
        raise SubjectError(f"Dockerfile {dockerfile} does not exist; give its path")
    seen = str(context or dockerfile.parent)
    problem = _tried([engine.command, "build", "-f", str(dockerfile), "-t", image, seen],
                     log, timeout)  # fmt: skip
    if not problem:
        return Image(name=image, built=True, problem="")
    failed = f"the build of {image} failed: {problem}, see {log}"
    if not fallback:
        return Image(name="", built=False, problem=f"{failed}; give a fallback image")
    unpulled = _tried([engine.command, "pull", fallback], log, timeout)
    if unpulled:
        failed = f"{failed}; {fallback} was not pulled: {unpulled}"
        return Image(name="", built=False, problem=failed)
    return Image(name=fallback, built=False, problem=failed)


def describe_image(engine: Engine, image: Image) -> str:
    """Return in words which image is there and where it comes from, or why that is not known."""
    if not image.name:
        return f"no image: {image.problem}"
    command = [engine.command, "image", "inspect", image.name]
    try:
        answer = subprocess.run(command, check=False, capture_output=True, timeout=_ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        return f"{image.name}, of which the engine tells nothing within {_ANSWER_SECONDS:g} s"
    except OSError as error:
        return f"{image.name} is not there ({type(error).__name__})"
    if answer.returncode != 0:
        return f"{image.name} is not there"
    return f"{image.name}, {'built' if image.built else f'pulled, since {image.problem}'}"


def run_in_image(
    engine: Engine,
    image: Image,
    command: Sequence[str],
    *,
    mounts: Mapping[Path, str],
    environment: Mapping[str, str],
    log: Path,
    timeout: float,
    gpus: bool = False,
) -> int:
    """Run a command in a container and return its exit code; the container never outlives this.

    ``mounts`` is folder here to place inside; ``environment`` is for the command, and is neither
    in the log nor in the list of processes.

    Raises:
        SubjectError: There is no image, it took longer than ``timeout`` seconds, or a mount cannot
            be made.
    """
    if not image.name:
        raise SubjectError(f"there is no image to preload in: {image.problem}")
    name = f"proofbook-preload-{secrets.token_hex(4)}"
    words = [engine.command, "run", "--rm", "--name", name]
    words += ["--gpus", "all"] if gpus else []
    for here, inside in mounts.items():
        words += ["-v", f"{_made(here)}:{inside}"]
    removal = [engine.command, "rm", "-f", name]
    with _variables(environment) as variables, guarded(removal):
        code = _logged([*words, *variables, image.name, *command], log, timeout)
    if code is None:
        raise SubjectError(
            f"the container took longer than {timeout:.0f} s and was ended; see {log}"
        )
    return code


def _logged(command: Sequence[str], log: Path, timeout: float) -> int | None:
    """Run a command with its output at the end of ``log``; None where it took too long."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ {' '.join(command)}\n")
    return run(command, timeout=timeout, log=log).code


def _tried(command: Sequence[str], log: Path, timeout: float) -> str:
    """Run a command; return why it failed, or nothing."""
    code = _logged(command, log, timeout)
    if code is None:
        return f"it took longer than {timeout:.0f} s and was ended"
    return f"exit {code}" if code else ""


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SubjectError(
            f"folder {folder} for the container cannot be made ({error.strerror or error})"
        ) from error
    return folder.resolve()


@contextmanager
def _variables(environment: Mapping[str, str]) -> Iterator[list[str]]:
    """Write variables to a file that only the user can read, and yield the option that names it."""
    if not environment:
        yield []
        return
    broken = [name for name, value in environment.items() if "\n" in value or "=" in name]
    if broken:
        raise SubjectError(f"variable {broken[0]} for the container has a line break or an =")
    handle = tempfile.NamedTemporaryFile("w", suffix=".env", delete=False, encoding="utf-8")  # noqa: SIM115 - the engine opens it by name, which Windows refuses while it is open
    path = Path(handle.name)
    try:
        with handle:
            handle.write("".join(f"{name}={value}\n" for name, value in environment.items()))
        yield ["--env-file", str(path)]
    finally:
        with suppress(OSError):
            path.unlink()


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
