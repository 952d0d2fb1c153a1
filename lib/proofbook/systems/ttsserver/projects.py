"""Where the server's sources lie: a folder of the person's, or the reference server's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from proofbook.errors import SubjectError

__all__ = ["resolve_project"]

_REFERENCES = {"reference:voicebox"}


def resolve_project(project: str, *, environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder called ``project``, absolute.

    Raises:
        SubjectError: It does not exist, or there is no such reference.
    """
    if project in _REFERENCES:
        from proofbook.systems.ttsserver.reference.project import prepare_project

        return prepare_project(_cache_root(os.environ if environ is None else environ))
    if project.startswith("reference:"):
        known = ", ".join(sorted(_REFERENCES))
        raise SubjectError(f"project {project}: there is no such reference; there is {known}")
    folder = Path(project).expanduser()
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise SubjectError(f"project {folder} {what}; give the folder of the server's sources")
    return folder.resolve()


def _cache_root(environ: Mapping[str, str]) -> Path:
    chosen = environ.get("PROOFBOOK_CACHE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "proofbook"
