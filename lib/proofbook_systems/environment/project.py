"""The project whose environment is looked at: a person's folder, or a reference project."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

from proofbook.subjects import is_reference, resolve_reference
from proofbook_systems.environment.folders import require_folder

__all__ = ["open_project"]


def open_project(name: str) -> Path:
    """Return the folder called ``name``; a reference is made in one that this process removes.

    Raises:
        SubjectError: There is no such folder or reference.
    """
    if not is_reference(name):
        return require_folder(Path(name))
    folder = Path(tempfile.mkdtemp(prefix="proofbook-project-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    reference = resolve_reference(name, "environment.project", root=folder)
    assert reference is not None
    return reference.path
