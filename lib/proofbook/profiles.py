"""Load and validate a profile: one YAML file under ``parameters/``.

What is wrong with its shape is found here, with file and line; what it says of runbooks and
parameters is verified by :mod:`proofbook.runner.plan`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
)

from proofbook.errors import UsageError
from proofbook.project import Project
from proofbook.resources import Resources
from proofbook.yamlfile import Place, YamlFile, read_yaml

__all__ = [
    "DEFAULT_PROFILE",
    "HARDWARE_KINDS",
    "JobDefaults",
    "JobEntry",
    "Profile",
    "list_profiles",
    "load_profile",
    "nearest",
]

HARDWARE_KINDS = ("cores", "disk_gb", "gpu", "gpu_driver", "gpu_memory_gb", "memory_gb")
"""What ``hardware:`` may ask for: all that :func:`proofbook.hardware.measure` can find."""

DEFAULT_PROFILE = "tiny"

# Longer than a year is a mistake, and more than what a timer can hold.
_LONGEST = 366 * 24 * 3600.0
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def _seconds(value: object) -> object:
    """Read ``90``, ``"90s"``, ``"20m"`` or ``"2h"``; a flag is no number."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", value)):
        return float(match[1]) * _UNITS[match[2]]
    return _no_flag(value)


def _no_flag(value: object) -> object:
    """Refuse ``true`` where a number belongs: it would be 1."""
    if isinstance(value, bool):
        raise ValueError(f"must be a number, found {str(value).lower()}")
    return value


def _hardware_kind(name: str) -> str:
    if name not in HARDWARE_KINDS:
        hint = nearest(name, HARDWARE_KINDS) or f"there are: {', '.join(HARDWARE_KINDS)}"
        raise ValueError(f"unknown kind of hardware {name!r}; {hint}")
    return name


Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=_LONGEST, allow_inf_nan=False)]
Amount = Annotated[float, BeforeValidator(_no_flag), Field(ge=0, allow_inf_nan=False)]
Retries = Annotated[int, BeforeValidator(_no_flag), Field(ge=0, le=5)]
Memory = Annotated[float, BeforeValidator(_no_flag), Field(gt=0, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]
HardwareKind = Annotated[str, AfterValidator(_hardware_kind)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class JobDefaults(_Model):
    """What holds for every job that does not say otherwise."""

    timeout: Seconds = 600.0
    cell_timeout: Seconds | None = None
    retries: Retries = 0
    allow_skips: tuple[str, ...] = ()
    resources: Resources = Resources()


class JobEntry(_Model):
    """One entry under ``jobs:``; a matrix makes several jobs of it."""

    runbook: str
    id: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9._-]*$")
    parameters: dict[str, JsonValue] = {}
    """A value may hold ``${{ jobs.<id>.outputs.<name> }}``, an output of another job, which this
    one then needs; so may one of the matrix or of an include."""
    matrix: dict[str, Annotated[list[JsonValue], Field(min_length=1)]] = {}
    include: list[dict[str, JsonValue]] = []
    """Parameters added to the combinations of the matrix that they agree with."""
    needs: tuple[str, ...] = ()
    timeout: Seconds | None = None
    cell_timeout: Seconds | None = None
    retries: Retries | None = None
    allow_skips: tuple[str, ...] | None = None
    hardware: dict[HardwareKind, Amount] = {}
    requires: dict[Text, Text] = {}
    """What to install, by the name of a program (or ``browser``, ``libpython``) that it needs."""
    memory_limit_gb: Memory | None = None
    resources: Resources = Resources()
    """What is not set here is as in the defaults."""

    @property
    def name(self) -> str:
        """The entry's id; by default the runbook's name with dashes."""
        return self.id or re.sub(r"[^a-z0-9._-]+", "-", self.runbook.lower())


class Profile(_Model):
    """One YAML file under ``parameters/``."""

    description: str = ""
    warm: tuple[str, ...] = ()
    """What warm kernels have imported: ``module`` or ``module:attribute``."""
    timeout: Seconds | None = None
    """For the whole run."""
    defaults: JobDefaults = JobDefaults()
    jobs: tuple[JobEntry, ...] = Field(min_length=1)


WITHOUT_JOBS = "defaults"
"""A profile that every project has: each runbook that is named runs with its own defaults."""


def list_profiles(project: Project) -> list[Path]:
    """Return the profiles of a project, sorted.

    Raises:
        PermissionError: Their folder cannot be read.
    """
    try:
        return sorted(p for p in project.parameters.iterdir() if p.suffix == ".yaml")
    except (FileNotFoundError, NotADirectoryError):
        return []


def load_profile(project: Project, profile: str | None) -> tuple[Profile, YamlFile]:
    """Load a profile by name (``tiny``) or by the path of a YAML file.

    None takes ``tiny``; where the project has no such profile, ``defaults``: one without jobs, as
    runbooks that are in no profile run with their defaults.

    Raises:
        ProfileError: It is not a profile; file and line say where.
        UsageError: There is no profile of this name.
    """
    if profile is None:
        there = (project.parameters / f"{DEFAULT_PROFILE}.yaml").exists()
        profile = DEFAULT_PROFILE if there else WITHOUT_JOBS
    if profile == WITHOUT_JOBS and not (project.parameters / f"{profile}.yaml").exists():
        return Profile.model_construct(jobs=()), YamlFile(Path(profile), {})
    source = read_yaml(_profile_path(project, profile))
    return _validate(source), source


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint at the known name that is most like ``name``, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def _profile_path(project: Project, profile: str) -> Path:
    if profile.endswith((".yaml", ".yml")) or "/" in profile:
        return Path(profile)
    path = project.parameters / f"{profile}.yaml"
    if not path.exists():
        known = [p.stem for p in list_profiles(project)]
        hint = nearest(profile, known) or f"there are: {', '.join(known) or 'none'}"
        raise UsageError(f"no profile {profile!r} in {project.parameters}; {hint}")
    return path


def _validate(source: YamlFile) -> Profile:
    if not isinstance(source.value, dict):
        raise source.error("a profile is a mapping with 'jobs:'", ())
    try:
        return Profile.model_validate(source.value)
    except ValidationError as error:
        # A misspelt key explains a missing one, so it is told first.
        errors = error.errors()
        first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
        place: Place = tuple(first["loc"])
        name = ".".join(str(p) for p in place if p != "[key]")
        if first["type"] == "extra_forbidden":
            hint = nearest(str(place[-1]), list(_model_at(place).model_fields))
            raise source.error(
                f"unknown key {place[-1]!r}; {hint or 'remove it'}", place
            ) from error
        message = first["msg"].removeprefix("Value error, ")
        raise source.error(f"{name}: {message}", place) from error


def _model_at(place: Place) -> type[BaseModel]:
    """Return the model whose keys may stand at a place."""
    if "resources" in place[:-1]:
        return Resources
    return JobEntry if place[0] == "jobs" else JobDefaults if len(place) > 1 else Profile
