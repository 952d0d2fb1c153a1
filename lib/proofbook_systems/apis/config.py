"""The parameters of the runbooks on APIs, one module each. Imports pydantic alone."""

from __future__ import annotations

from pydantic import BaseModel

from proofbook_systems.apis.faults_config import FaultsConfig

__all__ = ["RUNBOOKS"]

RUNBOOKS: dict[str, type[BaseModel]] = {"faults": FaultsConfig}
