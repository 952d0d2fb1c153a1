"""Conda's ``environment.yml``: its own packages, and those that it hands to pip.

Static. Knows nothing about what is installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from proofbook.errors import SubjectError
from proofbook_systems.environment.declared.requirement_files import read_listed
from proofbook_systems.environment.declared.wanted import Declaration, Wanted, from_conda
from proofbook_systems.environment.folders import relative_name

__all__ = ["is_environment_file", "read_environment_file"]


def is_environment_file(path: Path) -> bool:
    """Say whether a YAML file is one that conda makes environments from."""
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False
    if not isinstance(loaded, dict) or not isinstance(loaded.get("dependencies"), list):
        return False
    return bool({"channels", "name", "prefix"} & set(loaded))


def read_environment_file(path: Path, root: Path) -> Declaration:
    """Read an environment file; it holds a list of dependencies."""
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    name = relative_name(path, root)
    wanted: list[Wanted] = []
    problems: list[str] = []
    for entry in loaded["dependencies"]:
        if isinstance(entry, dict):
            lines = entry.get("pip")
            pip = read_listed(map(str, lines if isinstance(lines, list) else ()), path, root)
            wanted += pip.wanted
            problems += pip.problems
            continue
        try:
            wanted.append(from_conda(str(entry), name))
        except SubjectError as error:
            problems.append(str(error))
    return Declaration(file=name, wanted=tuple(wanted), problems=tuple(problems))
