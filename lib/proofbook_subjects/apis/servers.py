"""Write ``server.json``: what a runbook reads to start a server and to speak to it.

Knows no server. Imports no model library, as references are listed without one.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

__all__ = ["Served", "Server", "write_server"]

_FOLDER = "apis-servers"
_FILE = "server.json"


@dataclass(frozen=True, kw_only=True)
class Served:
    """What a server serves in one protocol."""

    base_path: str
    """After ``http://host:port``, what the service's own SDK takes as a base URL."""
    model: str
    actions: Sequence[str]
    """Of ``chat``, ``completion``, ``embeddings``, ``models``, ``infer`` and those of objects."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that can be started."""

    name: str
    version: str
    """Of the program, and what its weights are."""
    implementation: Literal["REAL", "MOCK"]
    """Whether a server of others speaks the protocol, or a double."""
    command: Sequence[str]
    """With ``{port}``."""
    serves: Mapping[str, Served]
    """By backend."""
    environment: Mapping[str, str] = field(default_factory=dict)
    health: str = "/health"
    start_seconds: float = 60.0
    api_key: str = ""
    """The key that it wants; empty where it wants none, or one that is in no file."""


def write_server(server: Server, root: Path) -> Path:
    """Write the server's file below the cache, and return it."""
    folder = root / _FOLDER / server.name
    folder.mkdir(parents=True, exist_ok=True)
    described = {
        "name": server.name,
        "version": server.version,
        "implementation": server.implementation,
        "command": list(server.command),
        "environment": dict(server.environment),
        "health": server.health,
        "start_seconds": server.start_seconds,
        "api_key": server.api_key,
        "serves": {
            backend: {
                "base_path": served.base_path,
                "model": served.model,
                "actions": list(served.actions),
            }
            for backend, served in server.serves.items()
        },
    }
    _replace(folder / _FILE, json.dumps(described, indent=1) + "\n")
    return folder / _FILE


def _replace(path: Path, text: str) -> None:
    """Write all of a file at once: two jobs may ask for it at the same time."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(beside).replace(path)
