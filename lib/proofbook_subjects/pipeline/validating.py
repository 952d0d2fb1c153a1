"""Step 1: check keys, packages, programs, folders, databases, disk space and the feed."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

from proofbook_subjects.pipeline.checking import CHECKS
from proofbook_subjects.pipeline.commands import run_command, tell
from proofbook_subjects.pipeline.errors import SettingsError
from proofbook_subjects.pipeline.settings import Project

__all__ = ["main"]

_BLIND = {"folders": "blind_to_folders", "keys": "blind_to_keys", "databases": "blind_to_databases"}


def main(root: Path, argv: Sequence[str] | None = None) -> int:
    """Run ``validate_env.py`` and return its exit code."""
    return run_command(root, _work, _declare, stage="validate", about=__doc__, argv=argv)


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--verbose", action="store_true", help="tell of what is right too")


def _work(project: Project, options: argparse.Namespace) -> None:
    blind = project.faults.of("validate")
    if "blind_to_folders" in blind:
        shutil.rmtree(project.root / "data" / "audio", ignore_errors=True)
    count = 0
    for name, check in CHECKS.items():
        wrong = [] if _BLIND.get(name) in blind else list(check(project))
        count += len(wrong)
        for text in wrong:
            tell(f"FAIL {name}: {text}")
        if options.verbose and not wrong:
            tell(f"ok   {name}")
    if count:
        raise SettingsError(f"{count} of the environment's checks failed; see above")
    tell("All checks passed")
