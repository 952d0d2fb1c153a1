"""Folders, databases and ports that a project's settings name, in whichever files it keeps them.

Reads YAML, TOML, JSON, INI and environment files, and Dockerfiles; runs nothing.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

from proofbook_systems.environment.folders import relative_name
from proofbook_systems.environment.keys.env_examples import find_examples
from proofbook_systems.environment.keys.key_files import parse_line

__all__ = ["Setting", "docker_programs", "read_settings"]

_FILES = ("*.yaml", "*.yml", "*.toml", "*.json", "*.ini", "*.cfg")
_FOLDERS = ("", "config", "configs", "conf", "settings")
_LARGEST = 200_000
_DEEPEST = 12
_FOLDER = re.compile(r"(^|[_-])(dir|directory|folder)$", re.IGNORECASE)
_PORT = re.compile(r"^((app|server|web|api|http|service)[_-])?port$", re.IGNORECASE)
_SQLITE = re.compile(r"sqlite(?:\+\w+)?:///(?:%\(here\)s/)?(\S+)")
_PROGRAMS = {
    "curl": "curl", "default-mysql-client": "mysql", "espeak": "espeak", "espeak-ng": "espeak-ng",
    "ffmpeg": "ffmpeg", "git": "git", "git-lfs": "git-lfs", "graphviz": "dot",
    "imagemagick": "convert", "nodejs": "node", "pandoc": "pandoc", "poppler-utils": "pdftotext",
    "postgresql-client": "psql", "redis-tools": "redis-cli", "sox": "sox", "sqlite3": "sqlite3",
    "tesseract-ocr": "tesseract", "wget": "wget",
}  # fmt: skip


class Setting(NamedTuple):
    """One value of a setting."""

    kind: Literal["folder", "database", "port"]
    value: str
    where: str
    """File and key."""


def read_settings(root: Path) -> list[Setting]:
    """Return what the settings of a project name."""
    found: list[Setting] = []
    for folder in (root / name for name in _FOLDERS):
        for path in (p for glob in _FILES for p in sorted(folder.glob(glob))):
            if path.is_file() and path.stat().st_size <= _LARGEST and path.suffix != ".lock":
                found += _read(path, relative_name(path, root))
    for path in [*find_examples(root), root / ".env"]:
        if path.is_file():
            found += _read_lines(path, relative_name(path, root))
    return list(dict.fromkeys(found))


def docker_programs(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the programs that a Dockerfile installs from the system's packages, and where."""
    globs = ("Dockerfile*", "docker/**/Dockerfile*", "*/Dockerfile", "apt.txt", "packages.txt")
    for path in dict.fromkeys(p for glob in globs for p in sorted(root.glob(glob))):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ")
            commands = re.findall(r"ap[tk](?:-get)?\s[^\n&|;]*?(?:install|add)\s([^\n&|;]+)", text)
            commands = [text] if path.suffix == ".txt" else commands
            for word in re.findall(r"[\w.+-]+", " ".join(commands)):
                if word in _PROGRAMS:
                    yield _PROGRAMS[word], relative_name(path, root)


def _read(path: Path, name: str) -> Iterator[Setting]:
    text = path.read_text(encoding="utf-8", errors="replace")
    readers = {".toml": tomllib.loads, ".json": json.loads}
    if path.suffix in (".ini", ".cfg"):
        yield from _read_lines(path, name)
        return
    try:
        loaded = readers.get(path.suffix, yaml.safe_load)(text)
    except (ValueError, RecursionError, yaml.YAMLError):
        return  # a template, or several documents: nothing is proposed from it
    yield from _walk(loaded, name, ())


def _walk(value: Any, name: str, keys: tuple[str, ...], depth: int = 0) -> Iterator[Setting]:
    if depth > _DEEPEST:
        return  # YAML can name itself
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _walk(each, name, (*keys, str(key)), depth + 1)
    elif isinstance(value, list):
        for each in value:
            yield from _walk(each, name, keys, depth + 1)
    elif keys and keys[0] != "services" and isinstance(value, str | int):
        yield from _setting(keys[-1], str(value), f"{name}: {'.'.join(keys)}")


def _read_lines(path: Path, name: str) -> Iterator[Setting]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if parsed := parse_line(line):
            yield from _setting(parsed.name, parsed.value, f"{name}: {parsed.name}")


def _setting(key: str, value: str, where: str) -> Iterator[Setting]:
    if match := _SQLITE.match(value):
        yield Setting("database", match[1], where)
    elif _PORT.search(key) and value.isdigit():
        yield Setting("port", value, where)
    elif _FOLDER.search(key) and re.fullmatch(r"[~\w./-]+", value):
        yield Setting("folder", value, where)
