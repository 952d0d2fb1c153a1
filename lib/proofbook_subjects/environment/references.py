"""The project that ``reference:<name>`` names in the environment's runbooks."""

from __future__ import annotations

from proofbook.subjects import Makers
from proofbook_subjects.environment.project import write_project

__all__ = ["PROJECTS"]

PROJECTS: Makers = {"project": write_project}
