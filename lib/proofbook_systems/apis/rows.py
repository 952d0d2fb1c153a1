"""Which backends are to be tried, and where each of them is."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proofbook.errors import SubjectError
from proofbook_systems.apis.protocols import Protocol, protocol_of

__all__ = ["Backend", "choose_backends"]

_KEYS = {"api", "server", "model", "key", "inputs", "name"}


@dataclass(frozen=True, kw_only=True)
class Backend:
    """One row: a protocol, and a server that speaks it."""

    api: str
    server: str
    """A URL, a ``server.json``, or ``reference:<name>``."""
    model: str = ""
    """Empty is the server's own, where it says which."""
    key: str = ""
    """Environment variable that holds its key; empty is the usual one of the API."""
    inputs: str = ""
    """What a model that is no language model is asked, as JSON."""
    name: str = ""
    """What results call it, where one API has two servers; empty is the API's name."""

    @property
    def title(self) -> str:
        """What results call it."""
        return self.name or self.api

    @property
    def protocol(self) -> Protocol:
        """What its API promises."""
        return protocol_of(self.api)

    @property
    def key_variable(self) -> str:
        """Environment variable that holds its key."""
        return self.key or self.protocol.key

    def read_key(self, own: str = "") -> str:
        """Return the key: of the environment, or ``own``, the one that a local server has told.

        The two halves of an S3 key are joined by a colon.
        """
        first = os.environ.get(self.key_variable, "")
        if own or not first or not self.protocol.secret:
            return own or first
        return f"{first}:{os.environ.get(self.protocol.secret, '')}"


def choose_backends(rows: Sequence[Mapping[str, str]], apis: Sequence[str]) -> list[Backend]:
    """Return the rows of the chosen APIs; without a choice, all.

    Raises:
        SubjectError: A row has an unknown API or key, no server, the name of another one, or an
            API was chosen that has no row.
    """
    backends = [_backend(number, row) for number, row in enumerate(rows, 1)]
    titles = [backend.title for backend in backends]
    if twice := sorted({title for title in titles if titles.count(title) > 1}):
        raise SubjectError(f"two backends are called {twice[0]}; give one of them a name")
    for api in apis:
        protocol_of(api)
    if lacking := [api for api in apis if api not in {backend.api for backend in backends}]:
        raise SubjectError(
            f"no backend is given for {', '.join(lacking)}; add a row such as "
            f"{{api: {lacking[0]}, server: 'http://…'}} to backends"
        )
    return [backend for backend in backends if not apis or backend.api in apis]


def _backend(number: int, row: Mapping[str, str]) -> Backend:
    where = f"row {number} of backends"
    if unknown := sorted(set(row) - _KEYS):
        raise SubjectError(f"{where} has {unknown[0]!r}; it takes {', '.join(sorted(_KEYS))}")
    if not row.get("api") or not row.get("server"):
        raise SubjectError(f"{where} needs api and server")
    protocol_of(row["api"])
    if row.get("inputs"):
        try:
            json.loads(row["inputs"])
        except ValueError as error:
            raise SubjectError(f"inputs of {where} are not JSON: {error}") from error
    return Backend(**row)
