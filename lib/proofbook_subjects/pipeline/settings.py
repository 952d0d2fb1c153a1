"""A project's folder and its settings: ``config/.env`` below, the environment above.

Secrets are only ever read here and handed to clients; no artefact and no message holds one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from proofbook_subjects.pipeline.errors import InputError, SettingsError
from proofbook_subjects.pipeline.faults import Faults, read_faults
from proofbook_subjects.pipeline.paths import Sandbox

__all__ = ["CHARACTERS", "EMOTIONS", "Project", "open_project", "read_env_file"]

CHARACTERS = ("Butcher", "Nutsy")
EMOTIONS = ("angry", "excited", "happy", "neutral", "sad", "surprised")
_YES = {"1", "true", "yes", "on"}


@dataclass(frozen=True, kw_only=True)
class Project:
    """Where the project is, and how it is set up."""

    root: Path
    environment: Mapping[str, str]
    faults: Faults

    @property
    def sandbox(self) -> Sandbox:
        """What keeps paths inside the project."""
        return Sandbox(self.root)

    @property
    def databases(self) -> Path:
        """The folder of the databases."""
        own = self.environment.get("TEST_DB_PATH", "")
        return self.root / own if own else self.root / "data"

    def text(self, name: str, default: str = "") -> str:
        """Return a setting, without blanks around it."""
        return self.environment.get(name, default).strip() or default

    def flag(self, name: str) -> bool:
        """Say whether a setting is switched on."""
        return self.text(name).lower() in _YES

    def number(self, name: str, default: float, *, least: float = 0.0) -> float:
        """Return a numeric setting.

        Raises:
            SettingsError: It is no number, or less than ``least``.
        """
        text = self.text(name, str(default))
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value < float("inf"):
            raise SettingsError(f"{name}={text!r} is no number of at least {least:g}")
        return value

    def relative(self, path: Path) -> str:
        """Return a path as artefacts name it: from the project's folder, with slashes."""
        return self.sandbox.name_of(path)


def open_project(root: Path, environment: Mapping[str, str] | None = None) -> Project:
    """Return the project below ``root`` as the environment sets it up.

    Raises:
        SettingsError: ``config/.env`` or the faults cannot be read.
    """
    given = os.environ if environment is None else environment
    merged = {**read_env_file(root / "config" / ".env"), **given}
    try:
        faults = read_faults(merged.get("PIPELINE_FAULTS", ""))
    except ValueError as error:
        raise SettingsError(f"PIPELINE_FAULTS: {error}") from error
    return Project(root=root, environment=merged, faults=faults)


def read_env_file(path: Path) -> dict[str, str]:
    """Return what a ``.env`` file sets; nothing where there is none.

    Raises:
        InputError: A line is not of the form NAME=value.
    """
    if not path.is_file():
        return {}
    values: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        stripped = line.strip().removeprefix("export ")
        if not stripped or stripped.startswith("#"):
            continue
        name, separator, value = stripped.partition("=")
        if not separator or not name.strip().isidentifier():
            raise InputError(f"{path}, line {number}: expected NAME=value")
        values[name.strip()] = value.strip().strip("'\"")
    return values
