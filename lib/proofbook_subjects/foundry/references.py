"""What ``reference:<name>`` names in the runbooks of training and of the foundry."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from proofbook.subjects import Makers
from proofbook_subjects.foundry.own_tests import write_tested_project
from proofbook_subjects.foundry.projects import CONFIGS, write_project

__all__ = ["COMMANDS", "CONFIG_FILES", "PROJECTS"]

_SCRIPTS = Path(__file__).parent / "scripts"

COMMANDS: Makers = {"foundry.py": lambda _: _SCRIPTS / "foundry.py"}
"""Programs that prepare data and train, to be started with Python."""

CONFIG_FILES: Makers = {name: partial(write_project, name) for name in CONFIGS}
"""Configs of the trainer, each with texts in its folder."""

PROJECTS: Makers = {"foundry": write_tested_project}
"""Projects that have tests of their own."""
