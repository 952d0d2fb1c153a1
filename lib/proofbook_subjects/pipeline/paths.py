"""Keep every path that a command takes inside the project, and every id harmless.

Folders of the project that are links, such as a library that several copies share, count as
inside; a link that anything else has put there does not.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from proofbook_subjects.pipeline.errors import InputError

__all__ = ["FOLDERS", "Sandbox", "check_episode"]

FOLDERS = (
    "config", "data", "data/audio", "data/batches", "data/feeds", "data/final_videos",
    "data/images", "data/scripts", "data/selections", "data/test", "scripts",
)  # fmt: skip
"""What a project holds; each may be a link."""
_EPISODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LONGEST = 1024


def check_episode(text: str) -> str:
    """Return an episode's id if it can be a file's name and nothing else.

    Raises:
        InputError: It cannot.
    """
    if not _EPISODE.fullmatch(text):
        raise InputError(
            f"episode {text[:80]!r} is not an id: letters, digits, - and _, at most 64, "
            "starting with a letter or digit"
        )
    return text


@dataclass(frozen=True)
class Sandbox:
    """The project's folder, which paths may not leave."""

    root: Path

    def resolve(self, text: str | Path, what: str, *suffixes: str) -> Path:
        """Return a path below the project; a relative one counts from the project's folder.

        Args:
            text: What a person gave.
            what: What it is for, as the message names it.
            suffixes: The endings that it may have; any where none are given.

        Raises:
            InputError: It leaves the project, or ends otherwise.
        """
        given = str(text)
        if not given or "\0" in given or len(given) > _LONGEST:
            raise InputError(f"{what}: {given[:40]!r} is no path")
        path = Path(os.path.normpath(self.root.absolute() / given))
        if not self._is_inside(path):
            raise InputError(f"{what}: {given} leaves the project {self.root}; give a path in it")
        if suffixes and path.suffix.lower() not in suffixes:
            raise InputError(f"{what}: {given} should end in {' or '.join(suffixes)}")
        return path

    def existing(self, text: str | Path, what: str, *suffixes: str) -> Path:
        """Return the path of a file below the project that is there.

        Raises:
            InputError: It leaves the project, or is no file.
        """
        path = self.resolve(text, what, *suffixes)
        if not path.is_file():
            raise InputError(f"{what}: there is no file {text}")
        return path

    def name_of(self, path: Path) -> str:
        """Return a path from the project's folder, with slashes."""
        return Path(os.path.relpath(path, self.root.absolute())).as_posix()

    def _is_inside(self, path: Path) -> bool:
        if not path.is_relative_to(self.root.absolute()):
            return False
        real = path.resolve()
        allowed = [self.root, *(self.root / folder for folder in FOLDERS)]
        return any(real.is_relative_to(folder.resolve()) for folder in allowed)
