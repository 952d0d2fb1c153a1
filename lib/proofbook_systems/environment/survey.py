"""Everything that can be asked of an environment, in one place for a notebook to import."""

from __future__ import annotations

from proofbook_systems.environment.databases import inspect_databases
from proofbook_systems.environment.folders import inspect_folders
from proofbook_systems.environment.interpreters.accelerators import inspect_torch
from proofbook_systems.environment.interpreters.finding import find_interpreter
from proofbook_systems.environment.keys.project_keys import inspect_project_keys
from proofbook_systems.environment.packages.asked_packages import inspect_packages
from proofbook_systems.environment.packages.project_packages import (
    dependency_status,
    judge_packages,
)
from proofbook_systems.environment.ports import inspect_ports
from proofbook_systems.environment.programs import inspect_programs
from proofbook_systems.environment.project import open_project
from proofbook_systems.environment.snapshot import take_snapshot, write_snapshot

__all__ = [
    "dependency_status",
    "find_interpreter",
    "inspect_databases",
    "inspect_folders",
    "inspect_packages",
    "inspect_ports",
    "inspect_programs",
    "inspect_project_keys",
    "inspect_torch",
    "judge_packages",
    "open_project",
    "take_snapshot",
    "write_snapshot",
]
