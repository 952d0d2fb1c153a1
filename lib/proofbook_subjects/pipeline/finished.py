"""The project with a film that it has made, and the film's caption: as it is before a post.

Made by the project's own commands, once for each state of the sources.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from proofbook_subjects.pipeline.project import prepare_once, write_project

__all__ = ["prepare_finished_project"]

_EPISODE, _LINES = "first-film", 2
_CAPTION = "Butcher and Nutsy talk about the day. What could go wrong? #mouse #butcher #reels\n"
_COMMANDS = (
    ("init_databases.py",),
    ("produce.py", "--episode", _EPISODE, "--lines", str(_LINES)),
)


def prepare_finished_project(cache: Path) -> Path:
    """Return the project's folder below ``cache``, making it and its film if it is not there.

    Raises:
        subprocess.CalledProcessError: One of its commands failed; it has said why.
    """
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return prepare_once(cache, f"finished-{digest.hexdigest()[:16]}", _write)


def _write(folder: Path) -> Path:
    write_project(folder)
    for script, *words in _COMMANDS:
        command = [sys.executable, str(folder / "scripts" / script), *words]
        subprocess.run(command, check=True, env={**os.environ, "SCRIPT_WRITER": "deterministic"})
    film = folder / "data" / "final_videos" / f"{_EPISODE}.mp4"
    film.with_suffix(".txt").write_text(_CAPTION, encoding="utf-8")
    return folder
