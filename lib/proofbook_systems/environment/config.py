"""Types and bounds of the parameters of the environment runbooks.

Each runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone,
so that a profile is validated at once.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["RUNBOOKS", "ValidateConfig"]


class ValidateConfig(BaseModel):
    """Parameters of ``environment/validate``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: str
    interpreter: str
    declared: bool
    groups: list[str]
    ignore: list[str]
    packages: list[str]
    optional_packages: list[str]
    programs: list[str]
    optional_programs: list[str]
    keys: list[str]
    env_file: str
    folders: list[str]
    databases: dict[str, list[str]]
    ports: list[int]
    hardware: dict[str, float]


RUNBOOKS: dict[str, type[BaseModel]] = {"validate": ValidateConfig}
