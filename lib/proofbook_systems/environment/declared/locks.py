"""Lock files: which versions a project was locked to.

Reads those of uv, poetry, PDM, pipenv and conda-lock, and ``pylock.toml`` (PEP 751). Static.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name

__all__ = ["Lock", "read_locks"]


@dataclass(frozen=True, kw_only=True)
class Lock:
    """One lock file."""

    file: str
    versions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Every version that it has of a package, by normalised name; none for one from a source
    tree. One lock may serve several platforms."""
    problem: str = ""
    """Why it cannot be read."""


def read_locks(root: Path) -> Iterator[Lock]:
    """Read the lock files at the top of a project."""
    files = [root / name for name in _READERS] + sorted(root.glob("pylock.*.toml"))
    for file in files:
        if file.is_file():
            yield _read(file, _READERS.get(file.name, _read_pylock))


def _read(file: Path, read: Callable[[str], Iterator[tuple[str, str]]]) -> Lock:
    versions: dict[str, set[str]] = {}
    try:
        for name, version in read(file.read_text(encoding="utf-8-sig")):
            of_name = versions.setdefault(canonicalize_name(name), set())
            of_name |= {version} if version else set()
    except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        reason = str(error).partition("\n")[0]
        return Lock(file=file.name, problem=f"{file.name} cannot be read: {reason}")
    return Lock(file=file.name, versions={n: frozenset(v) for n, v in versions.items()})


def _read_toml(text: str) -> Iterator[tuple[str, str]]:
    for package in tomllib.loads(text).get("package", ()):
        yield package["name"], "" if _is_tree(package) else str(package.get("version", ""))


def _is_tree(package: Mapping[str, Any]) -> bool:
    """Say whether a package is a source tree, which has the version that it has today."""
    source = package.get("source", {})
    kinds = {"editable", "virtual", "directory", "git"}
    return bool(kinds & {*source, source.get("type")}) or "path" in package or "git" in package


def _read_pylock(text: str) -> Iterator[tuple[str, str]]:
    for package in tomllib.loads(text).get("packages", ()):
        yield package["name"], str(package.get("version", ""))


def _read_pipfile_lock(text: str) -> Iterator[tuple[str, str]]:
    loaded = json.loads(text)
    for group in ("default", "develop"):
        for name, entry in loaded.get(group, {}).items():
            yield name, str(entry.get("version", "")).removeprefix("==")


def _read_conda_lock(text: str) -> Iterator[tuple[str, str]]:
    for package in yaml.safe_load(text)["package"]:
        if package.get("manager") == "pip":
            yield package["name"], str(package["version"])


_READERS: dict[str, Callable[[str], Iterator[tuple[str, str]]]] = {
    "uv.lock": _read_toml,
    "poetry.lock": _read_toml,
    "pdm.lock": _read_toml,
    "pylock.toml": _read_pylock,
    "Pipfile.lock": _read_pipfile_lock,
    "conda-lock.yml": _read_conda_lock,
}
