"""Where the server's sources are: a folder of the person's, or a reference project."""

from __future__ import annotations

from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.subjects import resolve_reference

__all__ = ["find_project"]


def find_project(project: str) -> Path:
    """Return the folder called ``project``, absolute.

    Raises:
        SubjectError: It does not exist, or there is no such reference.
    """
    if reference := resolve_reference(project, "ttsserver.project"):
        return reference.path.resolve()
    folder = Path(project).expanduser()
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise SubjectError(f"project {folder} {what}; give the folder of the server's sources")
    return folder.resolve()
