"""Everything that can be asked of an environment, in one place for a notebook to import."""

from __future__ import annotations

from proofbook_systems.environment.accelerators import inspect_torch
from proofbook_systems.environment.databases import inspect_databases
from proofbook_systems.environment.folders import inspect_folders
from proofbook_systems.environment.keys import inspect_keys
from proofbook_systems.environment.packages import inspect_packages
from proofbook_systems.environment.programs import inspect_programs
from proofbook_systems.environment.project import open_project
from proofbook_systems.environment.snapshot import take_snapshot, write_snapshot

__all__ = [
    "inspect_databases",
    "inspect_folders",
    "inspect_keys",
    "inspect_packages",
    "inspect_programs",
    "inspect_torch",
    "open_project",
    "take_snapshot",
    "write_snapshot",
]
