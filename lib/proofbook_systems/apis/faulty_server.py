"""The server that misbehaves, as the one who plans its faults and reads its log sees it.

    with start_faulty_server(find_server("reference:faulty", "apis.faulty_server"),
                             protocol="openai_api", log=log) as server:
        with server.open_lane() as lane:
            lane.plan([{"kind": "status", "status": 429}])

Each lane is a port with a plan and a log of its own, so that cases run at the same time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, RootModel

from proofbook.errors import SubjectError
from proofbook_systems.apis.servers import ServerFile, launch_of
from proofbook_systems.serving.client import JsonClient
from proofbook_systems.serving.ports import HOST, choose_port
from proofbook_systems.serving.server import Server

__all__ = ["Call", "FaultyServer", "Lane", "Summary", "start_faulty_server"]

_USUAL = "openai_api"


class Call(BaseModel):
    """One call as the server has noted it; times are of ``time.monotonic()``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: int
    started: float
    ended: float | None
    in_flight: int
    method: str
    path: str
    model: str
    streamed: bool
    key: str
    token: str = ""
    """Hash of the key that came, where the server tells one."""
    body: str
    fault: str
    status: int | None
    wait_told: float | None
    parts: int
    how: str


class Summary(BaseModel):
    """How many calls there were, the most at once, and how many are open."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    calls: int
    peak: int
    open: int


class _Calls(RootModel[list[Call]]):
    pass


class _Port(BaseModel):
    port: int


@dataclass(frozen=True, kw_only=True)
class Lane:
    """A port where clients call."""

    port: int
    base_path: str
    control: JsonClient

    @property
    def root(self) -> str:
        """Its address without a path."""
        return f"http://{HOST}:{self.port}"

    @property
    def base_url(self) -> str:
        """The address that a user of the protocol would write."""
        return f"{self.root}{self.base_path}"

    def plan(self, faults: Sequence[Mapping[str, Any]], **more: Any) -> None:
        """Have the calls from now on take these faults; ``more`` are the plan's further fields."""
        document = {"faults": [dict(fault) for fault in faults], **more}
        self.control.send("POST", f"/plan?port={self.port}", json=document)

    def calls(self) -> list[Call]:
        """Return the calls since the last reset."""
        return self.control.get(f"/calls?port={self.port}", _Calls).root

    def summary(self) -> Summary:
        """Return the numbers of the calls since the last reset."""
        return self.control.get(f"/summary?port={self.port}", Summary)

    def reset(self) -> None:
        """Forget calls and plan."""
        self.control.send("POST", f"/reset?port={self.port}")

    def wait_idle(self, timeout: float) -> bool:
        """Wait until no call is open; return whether that is so."""
        deadline = time.monotonic() + timeout
        while self.summary().open:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


@dataclass(frozen=True, kw_only=True)
class FaultyServer:
    """The server that misbehaves, running."""

    lane: Lane
    """The port that it was started with."""
    model: str
    control: JsonClient

    @contextmanager
    def open_lane(self) -> Iterator[Lane]:
        """Yield another port of the server, with a plan and a log of its own."""
        answer = self.control.parse(self.control.send("POST", "/open"), _Port)
        lane = Lane(port=answer.port, base_path=self.lane.base_path, control=self.control)
        try:
            yield lane
        finally:
            self.control.send("POST", f"/close?port={lane.port}")


@contextmanager
def start_faulty_server(
    file: ServerFile | str, *, protocol: str, log: Path, upstream: str = ""
) -> Iterator[FaultyServer]:
    """Start the server that misbehaves on free ports, and end it afterwards.

    Args:
        file: Its ``server.json``.
        protocol: What it answers in; before a real server, any: its own errors are OpenAI's where
            it does not speak the protocol.
        log: What it prints.
        upstream: URL of a real server that it stands before; empty has it answer itself.

    Raises:
        SubjectError: It is a URL, does not speak the protocol, or does not start.
    """
    if isinstance(file, str):
        raise SubjectError(f"{file} is a URL: a server that misbehaves is started by a server.json")
    if upstream and protocol not in file.serves:
        protocol = _USUAL
    if protocol not in file.serves:
        known = ", ".join(file.serves)
        raise SubjectError(f"{file.name} does not speak {protocol}; it speaks {known}")
    port = choose_port()
    # It is asked for its health at the control port, which is the port of the launch.
    filled = {"{port}": str(port), "{control_port}": "{port}", "{protocol}": protocol,
              "{upstream}": upstream}  # fmt: skip
    command = tuple(filled.get(word, word) for word in file.command)
    launch = launch_of(file.model_copy(update={"command": command}), log, {})
    served = file.serves[protocol]
    with Server(launch) as server:
        server.start()
        with JsonClient(server.url) as control:
            lane = Lane(port=port, base_path=served.base_path, control=control)
            yield FaultyServer(lane=lane, model=served.model, control=control)
