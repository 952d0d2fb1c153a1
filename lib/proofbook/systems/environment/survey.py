"""Everything that can be asked of an environment, in one place for a notebook to import."""

from __future__ import annotations

from proofbook.systems.environment.accelerators import inspect_torch
from proofbook.systems.environment.databases import inspect_databases
from proofbook.systems.environment.folders import inspect_folders
from proofbook.systems.environment.keys import inspect_keys
from proofbook.systems.environment.packages import inspect_packages
from proofbook.systems.environment.programs import inspect_programs
from proofbook.systems.environment.project import open_project
from proofbook.systems.environment.snapshot import take_snapshot, write_snapshot

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
