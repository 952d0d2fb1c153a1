"""A server under test: a URL, or a ``server.json`` that says how one is started.

with start_server(find_server("reference:xllamacpp"), log=log) as server:
    server.base_url("openai_api")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proofbook.errors import SubjectError
from proofbook.subjects import resolve_reference
from proofbook_systems.serving.health import Health
from proofbook_systems.serving.launch import Launch
from proofbook_systems.serving.server import Server

__all__ = [
    "RunningServer",
    "Served",
    "ServerFile",
    "find_server",
    "is_url",
    "launch_of",
    "read_server_file",
    "start_server",
]


class Served(BaseModel):
    """What a server does in one protocol."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_path: str = ""
    """What follows host and port in the address that a user of that protocol would write."""
    model: str = ""
    actions: tuple[str, ...] = ()
    inputs: Any = None
    """What a model that is no language model takes."""


class ServerFile(BaseModel):
    """A ``server.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    version: str = ""
    implementation: Literal["REAL", "MOCK"]
    command: tuple[str, ...] = Field(min_length=1)
    """``{port}`` is filled in."""
    environment: dict[str, str] = {}
    health: str = "/health"
    start_seconds: float = Field(default=60.0, gt=0)
    api_key: str = ""
    """What it wants as a key, where it wants one that is no secret."""
    serves: dict[str, Served]


@dataclass(frozen=True, kw_only=True)
class RunningServer:
    """A server that answers."""

    url: str
    """``http://host:port``, or what a person gave."""
    file: ServerFile | None
    """None where a person gave a URL."""
    server: Server | None = None
    """Its process, where we have started it."""

    def base_url(self, protocol: str) -> str:
        """Return the address that a user of this protocol would write.

        Raises:
            SubjectError: The server does not speak it.
        """
        if self.file is None:
            return self.url
        return f"{self.url}{self.served(protocol).base_path}"

    def served(self, protocol: str) -> Served:
        """Return what the server says that it does in a protocol.

        Raises:
            SubjectError: It does not speak it, or a URL says nothing.
        """
        if self.file is None:
            raise SubjectError(f"{self.url} is a URL: give the model and what it does")
        if protocol not in self.file.serves:
            known = ", ".join(self.file.serves)
            raise SubjectError(f"{self.file.name} does not speak {protocol}; it speaks {known}")
        return self.file.serves[protocol]


def is_url(text: str) -> bool:
    """Say whether a text is an address on the web."""
    return text.startswith(("http://", "https://"))


def find_server(text: str, *kinds: str) -> ServerFile | str:
    """Return the ``server.json`` that a text names, or the URL that it is.

    Args:
        text: A URL, the path of a ``server.json``, or ``reference:<name>``.
        kinds: Entry points of the reference; by default ``apis.server``.

    Raises:
        SubjectError: It names none.
    """
    if is_url(text):
        return text.rstrip("/")
    reference = resolve_reference(text, *(kinds or ("apis.server",)))
    return read_server_file(reference.path if reference else Path(text).expanduser())


def read_server_file(path: Path) -> ServerFile:
    """Return what a ``server.json`` says.

    Raises:
        SubjectError: It cannot be read, or says something else.
    """
    try:
        return ServerFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SubjectError(
            f"server {path}: {error.strerror}; give a URL, a server.json or reference:<name>"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise SubjectError(f"{path}: {where + ': ' if where else ''}{first['msg']}") from error


@contextmanager
def start_server(
    found: ServerFile | str, *, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[RunningServer]:
    """Start a server on a free port of this machine, and end it afterwards; a URL is left alone.

    Raises:
        SubjectError: It cannot be started, or is not healthy in time.
    """
    if isinstance(found, str):
        yield RunningServer(url=found, file=None)
        return
    with Server(launch_of(found, log, environment or {})) as server:
        server.start()
        yield RunningServer(url=server.url, file=found, server=server)


def launch_of(file: ServerFile, log: Path, environment: Mapping[str, str]) -> Launch:
    """Return how a server is started."""
    return Launch(
        command=file.command, log=log, timeout_health=file.start_seconds,
        health=Health(path=file.health), environment={**file.environment, **environment},
        folder_prefix="proofbook-apis-",
    )  # fmt: skip
