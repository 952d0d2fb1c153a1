"""A row's server, running and reachable: where it is, its key and model, and whether it is REAL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook_systems.apis.implementations import Implementation, find_implementation
from proofbook_systems.apis.protocols import DEFAULT_INPUTS
from proofbook_systems.apis.rows import Backend
from proofbook_systems.apis.servers import RunningServer, Served, find_server, start_server

__all__ = ["NoKeyError", "Target", "open_target"]


class NoKeyError(SubjectError):
    """Nobody can be asked: the environment has no key for the backend."""


_NO_KEY = "none"
"""What clients are given for a local server that asks for no key: many refuse to start without."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """What requests are sent to."""

    backend: Backend
    base_url: str
    """As a user of the protocol would write it."""
    key: str
    model: str
    actions: tuple[str, ...]
    """What a local server says that it does; empty is to be found out."""
    inputs: Any
    """What a model that is no language model is asked."""
    implementation: Implementation
    running: RunningServer

    @property
    def title(self) -> str:
        """Its name and version, or its address."""
        file = self.running.file
        if file is None:
            return self.base_url
        return f"{file.name} {file.version}".strip()

    def exited(self) -> str:
        """Return how the server ended; empty while it runs, or where it is not ours to start."""
        return self.running.server.exited() if self.running.server else ""


@contextmanager
def open_target(backend: Backend, *, log: Path) -> Iterator[Target]:
    """Start a row's server where it has to be started, and end it afterwards.

    Raises:
        SubjectError: It cannot be started or reached, or does not speak the protocol; NoKeyError
            where there is no key for it.
    """
    with start_server(find_server(backend.server), log=log) as running:
        file = running.file
        served = running.served(backend.api) if file else Served()
        key = backend.read_key(file.api_key if file else "")
        if not key and file and not backend.key:
            key = _NO_KEY
        if not key and (backend.key or backend.protocol.needs_key):
            raise NoKeyError(
                f"there is no key: set the environment variable {backend.key_variable}"
            )
        base_url = running.base_url(backend.api)
        yield Target(
            backend=backend, base_url=base_url, key=key, model=backend.model or served.model,
            actions=served.actions, running=running,
            inputs=_inputs(backend, served),
            implementation=find_implementation(base_url, file.implementation if file else ""),
        )  # fmt: skip


def _inputs(backend: Backend, served: Served) -> Any:
    return json.loads(backend.inputs) if backend.inputs else served.inputs or DEFAULT_INPUTS
