"""The keys that a project needs: those that a person names, and those that its example names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from proofbook_systems.environment.keys.env_examples import ExampleKey, find_example_keys
from proofbook_systems.environment.keys.key_files import Key, inspect_keys

__all__ = ["ProjectKeys", "inspect_project_keys"]


class ProjectKeys(NamedTuple):
    """The keys that must be set, and those that may be empty and are."""

    needed: tuple[Key, ...]
    unset_options: tuple[str, ...]
    """Names of keys that an example leaves empty among many others, or calls optional."""
    looked_in: str
    """Where was looked, in words."""


def inspect_project_keys(
    root: Path,
    names: Sequence[str],
    env_file: str,
    environ: Mapping[str, str],
    *,
    examples: bool = True,
) -> ProjectKeys:
    """Look for keys in the environment, and in the files that hold them.

    Args:
        root: The project.
        names: Keys that a person asks for.
        env_file: File in which keys may be set, from ``root``; empty takes ``.env`` and whichever
            file an example is copied to.
        environ: The environment.
        examples: Whether keys of examples are needed, too.
    """
    asked = find_example_keys(root) if examples else ()
    required = [key.name for key in asked if key.required]
    options = [key.name for key in asked if not key.required and key.name not in names]
    files = [root / env_file] if env_file else _own_files(root, asked)
    wanted = (*names, *required)
    unset = [key.name for key in inspect_keys(options, environ, *files) if key.state != "present"]
    looked_in = " and ".join(["the environment", *(_words(file, root) for file in files)])
    return ProjectKeys(inspect_keys(wanted, environ, *files), tuple(unset), looked_in)


def _own_files(root: Path, examples: Sequence[ExampleKey]) -> list[Path]:
    usual = [root / ".env", root / ".env.local"]
    there = [path for path in usual if path.is_file()]
    return list(dict.fromkeys([*(key.own for key in examples), *there]))


def _words(file: Path, root: Path) -> str:
    name = file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)
    return name if file.is_file() else f"{name} (which is not there)"
