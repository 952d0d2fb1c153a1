"""Make the databases, or migrate them, and fill the image library; again changes nothing."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from proofbook_subjects.pipeline.commands import run_command, tell
from proofbook_subjects.pipeline.databases import open_database
from proofbook_subjects.pipeline.library import register_images
from proofbook_subjects.pipeline.schemas import SCHEMAS
from proofbook_subjects.pipeline.settings import Project
from proofbook_subjects.pipeline.spoiling.databases import spoil_databases

__all__ = ["main"]


def main(root: Path, argv: Sequence[str] | None = None) -> int:
    """Run ``init_databases.py`` and return its exit code."""
    return run_command(root, _work, _declare, stage="init", about=__doc__, argv=argv)


def _declare(_parser: argparse.ArgumentParser) -> None:
    """It takes no arguments."""


def _work(project: Project, _options: argparse.Namespace) -> None:
    for schema in SCHEMAS:
        with open_database(project, schema):
            tell(f"{schema.file}: version {schema.version}")
    spoil_databases(project.faults, project.databases)
    tell(f"image_library.db: {register_images(project)} images")
