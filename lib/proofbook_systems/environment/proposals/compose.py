"""What compose files publish, mount and interpolate: ports, folders, settings, GPUs.

Reads the files alone; no Docker is needed. Variables are taken from the environment file beside
them, or from their defaults.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from proofbook_systems.environment.folders import relative_name
from proofbook_systems.environment.keys.key_files import parse_line

__all__ = ["Service", "find_compose_files", "read_services", "required_variables"]

_LAST_PORT = 65535
_GLOBS = ("compose*.y*ml", "docker-compose*.y*ml", "docker/compose*.y*ml",
          "docker/**/docker-compose*.y*ml")  # fmt: skip
_VARIABLE = re.compile(r"\$\{(\w+)(?:(:?[-?+])([^}]*))?\}|\$(\w+)")


@dataclass(frozen=True, kw_only=True)
class Service:
    """What one service asks of the machine that it runs on."""

    where: str
    """File and key."""
    ports: tuple[int, ...]
    """Ports of the machine that are published."""
    folders: tuple[Path, ...]
    """Folders and files of the machine that are mounted."""
    env_files: tuple[Path, ...]
    gpu: bool


def find_compose_files(root: Path) -> list[Path]:
    """Return a project's compose files."""
    found = [path for glob in _GLOBS for path in sorted(root.glob(glob)) if path.is_file()]
    return list(dict.fromkeys(found))


def read_services(path: Path, root: Path) -> Iterator[Service]:
    """Read the services of a compose file; one that is none has no services."""
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8", errors="replace"))
    except yaml.YAMLError:
        return
    services = loaded.get("services") if isinstance(loaded, dict) else None
    variables = _variables(path.parent, root)
    for name, service in (services if isinstance(services, dict) else {}).items():
        if isinstance(service, dict):
            where = f"{relative_name(path, root)}: services.{name}"
            yield _service(service, where, path.parent, variables)


def required_variables(path: Path) -> list[str]:
    """Return the variables that a compose file cannot do without: ``${NAME:?message}``."""
    text = path.read_text(encoding="utf-8", errors="replace")
    found = [m[1] for m in _VARIABLE.finditer(text) if m[1] and (m[2] or "").endswith("?")]
    return list(dict.fromkeys(found))


def _service(
    service: Mapping[str, Any], where: str, folder: Path, variables: Mapping[str, str]
) -> Service:
    published = [_published(each, variables) for each in _listed(service.get("ports"))]
    mounted = [_mounted(each, variables) for each in _listed(service.get("volumes"))]
    files = [str(each.get("path", "")) if isinstance(each, dict) else str(each)
             for each in _listed(service.get("env_file"))]  # fmt: skip
    deploy = str(service.get("deploy"))
    return Service(
        where=where,
        ports=tuple(port for ports in published for port in ports),
        folders=tuple((folder / each).resolve() for each in mounted if each),
        env_files=tuple((folder / each).resolve() for each in files if each),
        gpu="gpu" in deploy or "nvidia" in deploy or service.get("runtime") == "nvidia",
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if isinstance(value, str) else []


def _published(entry: Any, variables: Mapping[str, str]) -> Iterator[int]:
    """Yield the machine's ports of an entry: ``"8000:80"``, ``127.0.0.1:80-82:80-82``, a table."""
    text = entry.get("published", "") if isinstance(entry, dict) else entry
    text = _interpolate(str(text), variables).partition("/")[0]
    if not isinstance(entry, dict):
        parts = text.split(":")
        if len(parts) < 2:
            return  # the machine chooses one
        text = parts[-2]
    first, _, last = text.partition("-")
    if first.isdigit() and (last or first).isdigit():
        yield from range(int(first), min(int(last or first), _LAST_PORT) + 1)


def _mounted(entry: Any, variables: Mapping[str, str]) -> str:
    """Return the place on the machine that an entry mounts; empty for a named volume."""
    if isinstance(entry, dict):
        place = str(entry.get("source", "")) if entry.get("type") == "bind" else ""
    else:
        place = re.split(r":(?![-?+])", str(entry))[0] if ":" in str(entry) else ""
    place = _interpolate(place, variables)
    return place if place.startswith((".", "/", "~")) and not place.endswith(".sock") else ""


def _variables(folder: Path, root: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in (root / ".env", folder / ".env"):
        if file.is_file():
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            found |= {line.name: line.value for each in lines if (line := parse_line(each))}
    return found


def _interpolate(text: str, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name, operator, default = match[1] or match[4], match[2] or "", match[3] or ""
        return variables.get(name) or (default if "-" in operator else "")

    return _VARIABLE.sub(value, text)
