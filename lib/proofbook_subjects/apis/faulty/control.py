"""The control port: plans come in, the log goes out.

    POST /plan       a list of faults, or {"faults": […], "share": 0.2, "seed": 7, "pace": 0.01}
    GET  /calls      every call since the last reset
    GET  /summary    {"calls", "peak", "open"}
    POST /reset      forget calls and plan
    POST /open       another port, with a plan and a log of its own: {"port": N}
    POST /close      close such a port

``?port=N`` says which port is meant; without it, it is the one that the server was started with.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from proofbook_subjects.apis.faulty.answers import Asked
from proofbook_subjects.apis.faulty.faults import Plan, read_plan
from proofbook_subjects.apis.faulty.lane import Lane
from proofbook_subjects.apis.faulty.protocols import PROTOCOLS
from proofbook_subjects.apis.faulty.wire import Wire, head_bytes

__all__ = ["Control", "serve"]

_HOST = "127.0.0.1"


class Control:
    """All ports of one server."""

    def __init__(self, protocol: str, upstream: str = "") -> None:
        self._protocol, self._upstream = protocol, upstream
        self._lanes: dict[int, Lane] = {}
        self._first = 0

    async def open(self, port: int = 0) -> int:
        """Open a port where clients call, and return it."""
        lane = Lane(PROTOCOLS[self._protocol], self._protocol, self._upstream)
        await lane.open(port)
        self._lanes[lane.port] = lane
        self._first = self._first or lane.port
        return lane.port

    async def answer(self, method: str, path: str, port: int | None, document: Any) -> Any:
        """Do what a request to the control port asks for.

        Raises:
            ValueError: It asks for nothing that there is.
        """
        if (method, path) == ("POST", "/open"):
            return {"port": await self.open()}
        number = self._first if port is None else port
        if number not in self._lanes:
            raise ValueError(f"port {number} is none of {', '.join(map(str, self._lanes))}")
        actions: dict[tuple[str, str], Callable[[Lane, Any], Awaitable[Any]]] = {
            ("POST", "/plan"): _plan, ("POST", "/reset"): _reset, ("GET", "/calls"): _calls,
            ("GET", "/summary"): _summary, ("POST", "/close"): self._close,
            ("GET", "/health"): _summary,
        }  # fmt: skip
        if (method, path) not in actions:
            known = ", ".join(f"{m} {p}" for m, p in actions)
            raise ValueError(f"there is no {method} {path}; there are {known}, POST /open")
        return await actions[method, path](self._lanes[number], document)

    async def _close(self, lane: Lane, _: Any) -> Any:
        await lane.close()
        del self._lanes[lane.port]
        return {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection to the control port."""
        wire = Wire(reader, writer)
        while (asked := await wire.read()) is not None:
            status, document = await self._try(asked)
            body = json.dumps(document).encode()
            headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
            try:
                await wire.write(head_bytes(status, headers) + body)
            except OSError:
                break
        wire.abandon()

    async def _try(self, asked: Asked) -> tuple[int, Any]:
        target = urlsplit(asked.raw.split(b" ", 2)[1].decode("latin-1"))
        try:
            port = parse_qs(target.query).get("port")
            document = json.loads(asked.body) if asked.body else None
            wanted = int(port[0]) if port else None
            return 200, await self.answer(asked.method, target.path, wanted, document)
        except (ValueError, TypeError, OSError) as error:
            return 400, {"error": str(error)}


async def _plan(lane: Lane, document: Any) -> Any:
    await lane.follow(read_plan(document))
    return {}


async def _reset(lane: Lane, _: Any) -> Any:
    await lane.follow(Plan())
    lane.log.reset()
    return {}


async def _calls(lane: Lane, _: Any) -> Any:
    return lane.log.listed()


async def _summary(lane: Lane, _: Any) -> Any:
    return lane.log.summary()


async def serve(port: int, control_port: int, protocol: str, upstream: str) -> None:
    """Serve until the process is ended.

    Raises:
        OSError: A port is taken.
    """
    control = Control(protocol, upstream)
    await control.open(port)
    listening = await asyncio.start_server(control.serve, _HOST, control_port)
    async with listening:
        await listening.serve_forever()
