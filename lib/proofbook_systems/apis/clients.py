"""What a profile's ``client`` names, and the command that it is run by."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from proofbook.errors import SubjectError
from proofbook.fingerprints import revision_of
from proofbook.subjects import resolve_reference

__all__ = ["HOST", "ClientCommand", "ClientFile", "find_client"]

HOST = Path(__file__).with_name("client_host.py")
"""The program that hosts a function."""


class ClientFile(BaseModel):
    """A ``client.json``: a function with the Python that it needs, or a command."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    callable: str = ""
    """``/path/driver.py:run`` or ``module:run``."""
    python: str = ""
    """The interpreter that has what the function imports; empty is this one."""
    command: tuple[str, ...] = ()
    options: dict[str, Any] = {}
    """What it is handed where the profile has no client_options."""
    load_options: dict[str, Any] = {"max_retries": 0}
    """With which it sends each request once, at once, and whatever became of others."""
    honours: tuple[str, ...] = ()
    """Forms of waiting that it promises to keep."""

    @model_validator(mode="after")
    def _is_one_of_both(self) -> ClientFile:
        if bool(self.callable) == bool(self.command):
            raise ValueError("give `callable`, or `command`")
        return self


@dataclass(frozen=True, kw_only=True)
class ClientCommand:
    """How a client under test is started."""

    name: str
    """What messages call it."""
    words: tuple[str, ...]
    is_hosted: bool
    """Whether it is a function in our host, which says when it is ready."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Its own, where the profile has none."""
    load_options: Mapping[str, Any] = field(default_factory=lambda: {"max_retries": 0})
    """The same under load, where the client must not hide what the server does."""
    honours: Sequence[str] = ()
    """Forms of waiting that it promises to keep."""

    @property
    def revision(self) -> str:
        """What it is: its name, and the contents of the files that its command names."""
        words = self.words[2:] if self.is_hosted else self.words
        places = [Path(word.rpartition(":")[0] or word) for word in words]
        contents = [revision_of(place)[:16] for place in places if place.is_file()]
        return " ".join([self.name, *contents])


def find_client(client: str, command: Sequence[str] = ()) -> ClientCommand:
    """Return how the client is started.

    Args:
        client: ``module:function``, ``path/file.py:function``, ``reference:<name>``, or the path
            of a ``client.json``.
        command: A program that speaks the lines itself; it is taken instead, where there is one.

    Raises:
        SubjectError: There is no such client.
    """
    if command:
        return ClientCommand(name=command[0], words=tuple(command), is_hosted=False)
    if reference := resolve_reference(client, "apis.client", "apis.peer_client"):
        return _of_path(reference.path, client)
    if client.endswith(".json"):
        return _of_path(Path(client).expanduser(), client)
    return _hosted(client, sys.executable, client)


def _of_path(path: Path, name: str) -> ClientCommand:
    if path.suffix == ".py":
        return _hosted(f"{path}:run", sys.executable, name)
    try:
        file = ClientFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SubjectError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise SubjectError(f"{path}: {where + ': ' if where else ''}{first['msg']}") from error
    if file.command:
        client = ClientCommand(name=name, words=file.command, is_hosted=False)
    else:
        client = _hosted(file.callable, file.python or sys.executable, name)
    return replace(
        client, options=file.options, load_options=file.load_options, honours=file.honours
    )


def _hosted(target: str, python: str, name: str) -> ClientCommand:
    place, _, function = target.rpartition(":")
    if not place or not function:
        raise SubjectError(
            f"client {target!r} is not module:function, path/file.py:function, reference:<name> "
            "or the path of a client.json"
        )
    if place.endswith(".py"):
        path = Path(place).expanduser().resolve()
        if not path.is_file():
            raise SubjectError(
                f"client {target!r}: there is no file {path}; give its absolute path"
            )
        target = f"{path}:{function}"
    return ClientCommand(name=name, words=(python, str(HOST), target), is_hosted=True)
