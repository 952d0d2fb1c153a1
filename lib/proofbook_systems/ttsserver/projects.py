"""Where the server's sources lie: a folder of the person's, or the reference server's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from proofbook.caching import cache_root
from proofbook.errors import SubjectError

__all__ = ["resolve_project"]

_REFERENCES = {"reference:voicebox"}


def resolve_project(project: str, *, environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder called ``project``, absolute.

    Raises:
        SubjectError: It does not exist, or there is no such reference.
    """
    if project in _REFERENCES:
        from proofbook_subjects.ttsserver.project import prepare_project

        return prepare_project(cache_root(environ))
    if project.startswith("reference:"):
        known = ", ".join(sorted(_REFERENCES))
        raise SubjectError(f"project {project}: there is no such reference; there is {known}")
    folder = Path(project).expanduser()
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise SubjectError(f"project {folder} {what}; give the folder of the server's sources")
    return folder.resolve()
