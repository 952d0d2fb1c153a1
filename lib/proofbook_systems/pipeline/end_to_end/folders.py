"""Folders of a project: whether its validation removes one, or says that one is there that is not.

What a validation does not speak of is not asked of it: many a stage makes its own folders.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from proofbook_systems.pipeline.end_to_end.walk import Walk
from proofbook_systems.pipeline.stages import StageRun, run_stage
from proofbook_systems.pipeline.workspace import copy_workspace

__all__ = ["folders_of", "named_folders", "unseen_folders"]

_DEEPEST = 4
_MOST_TRIED = 3
_PASSING = re.compile(r"^(?:\..*|__\w+__|te?mp|.*cache.*|.*\.lock)$", re.IGNORECASE)
"""Folders that any program may make and remove."""


def folders_of(root: Path) -> frozenset[str]:
    """Return the folders of a project from its root, without those that come and go."""
    found: set[str] = set()
    waiting = [root]
    while waiting:
        for path in waiting.pop().iterdir():
            name = path.relative_to(root)
            if path.is_dir() and not path.is_symlink() and not _PASSING.match(path.name):
                found.add(name.as_posix())
                waiting += [path] if len(name.parts) < _DEEPEST else []
    return frozenset(found)


def unseen_folders(walk: Walk, validated: StageRun) -> list[str]:
    """Return each folder that the validation names, and of which it says the same without it.

    A validation that makes the folder, or says so much as another word about it, has seen it.
    """
    faults = []
    for name in named_folders(walk, validated)[:_MOST_TRIED]:
        apart = copy_workspace(walk.workspace, walk.folder / "apart" / "folder", walk.config.link)
        shutil.rmtree(apart.folder / name)
        without = run_stage(apart, "validate", walk.episode)
        said = _lines(without.output, name)
        is_same = said and said == _lines(validated.output, name)
        if without.ended_well and is_same and not (apart.folder / name).exists():
            faults.append(f"validate exits with code 0 and says {said[0]!r} without {name}")
    return faults


def named_folders(walk: Walk, validated: StageRun) -> list[str]:
    """Return the folders that the validation names, but those that hold its program."""
    words = [Path(word).parent for word in validated.command]
    programs = {str(folder) for word in words for folder in (word, *word.parents)}
    root = walk.workspace.folder
    return [
        name
        for name in sorted(folders_of(root))
        if name not in programs
        and str(root / name) not in programs
        and _lines(validated.output, name)
    ]


def _lines(output: str, folder: str) -> list[str]:
    named = re.compile(rf"(?<![\w./-])(?:\./)?{re.escape(folder)}(?![\w-]|/\w)")
    return [line.strip() for line in output.splitlines() if named.search(line)]
