"""Types and bounds of the parameters of the runbooks on a content pipeline.

Each runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone,
so that a profile is validated at once.
"""

from __future__ import annotations

from pydantic import BaseModel

from proofbook_systems.pipeline.databases.config import DatabasesConfig
from proofbook_systems.pipeline.end_to_end.config import EndToEndConfig
from proofbook_systems.pipeline.integrations.config import IntegrationsConfig
from proofbook_systems.pipeline.load.config import LoadConfig
from proofbook_systems.pipeline.performance.config import PerformanceConfig

__all__ = ["RUNBOOKS"]

RUNBOOKS: dict[str, type[BaseModel]] = {
    "databases": DatabasesConfig,
    "end_to_end": EndToEndConfig,
    "integrations": IntegrationsConfig,
    "load": LoadConfig,
    "performance": PerformanceConfig,
}
