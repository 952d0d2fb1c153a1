"""Where a run listens: machines bring what attempts have left, and fetch what others have.

Each line has a name and a key of its own, which reach a machine with what it has to do. A machine
that cannot reach the run, as through a firewall, takes the way of Ray's objects instead.
"""

from __future__ import annotations

import os
import secrets
import socket
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from proofbook.runner.executors.arrival import Arrival
from proofbook.runner.executors.cluster.streaming import PIECE
from proofbook.runner.executors.cluster.wire import KEY_BYTES, NAME_BYTES, Wire
from proofbook.runner.executors.pieces import Piece, pieces_of
from proofbook.runner.executors.protocol import InfrastructureFault

__all__ = ["DIRECT", "Exchange", "Line", "bring", "fetched", "listen"]

DIRECT = "PROOFBOOK_DIRECT"
"""The environment variable that says ``off`` where no machine is to connect to the run."""
_REACH_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class Line:
    """For one purpose, how a machine reaches the run. It can be pickled."""

    host: str
    port: int
    name: bytes
    key: bytes = field(repr=False)


@dataclass(kw_only=True)
class _Use:
    """What a line is for, and who uses it now."""

    key: bytes
    serve: Callable[[Wire], None]
    wires: set[Wire] = field(default_factory=set)
    error: Exception | None = None
    """Of this end."""


class Exchange:
    """Listens until it is closed.

    Args:
        host: An address of this machine that others of the cluster reach.

    Raises:
        OSError: It is none of this machine's.
    """

    def __init__(self, host: str) -> None:
        self._uses: dict[bytes, _Use] = {}
        self._offered: dict[Path, Line] = {}
        self._change = threading.Condition()
        self._server = _Server(host, self._serve)
        threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="exchange", daemon=True
        ).start()

    def offer(self, path: Path) -> Line:
        """Return a line on which any number of machines may fetch what is at a path."""
        with self._change:
            if path not in self._offered:
                self._offered[path] = self._line(
                    lambda wire: wire.send(pieces_of(path, largest=PIECE))
                )
            return self._offered[path]

    @contextmanager
    def taking(self, folder: Path) -> Iterator[Line]:
        """Yield a line on which pieces may be brought into a folder, while the block runs.

        Raises:
            ProofbookError: One does not belong into the folder.
            OSError: It cannot be written.
        """
        with self._change:
            line = self._line(lambda wire: _take(wire, folder))
        try:
            yield line
        finally:
            self._end(line)

    def close(self) -> None:
        """End all connections, and listen no longer."""
        self._server.shutdown()
        self._server.server_close()
        while self._offered:
            _, line = self._offered.popitem()
            with suppress(OSError):  # of reading a file, which who fetches has been told
                self._end(line)

    def _line(self, serve: Callable[[Wire], None]) -> Line:
        name, key = secrets.token_bytes(NAME_BYTES), secrets.token_bytes(KEY_BYTES)
        self._uses[name] = _Use(key=key, serve=serve)
        host, port = self._server.server_address[:2]
        return Line(host=str(host), port=int(port), name=name, key=key)

    def _end(self, line: Line) -> None:
        """Have nobody use a line any more, and raise what went wrong at this end of it."""
        with self._change:
            use = self._uses.pop(line.name)
            for wire in use.wires:
                wire.cut()
            self._change.wait_for(lambda: not use.wires)
        if use.error is not None:
            raise use.error

    def _serve(self, connection: socket.socket) -> None:
        with Wire(connection) as wire:
            with self._change:
                keys = {name: use.key for name, use in self._uses.items()}
            try:
                name = wire.answer(keys)
            except OSError:
                return  # a stranger
            with self._change:
                use = self._uses.get(name)
                if use is None:
                    return
                use.wires.add(wire)
            try:
                use.serve(wire)
            except InfrastructureFault:
                return  # the other end knows it, or is gone, which Ray tells
            except Exception as error:  # noqa: BLE001 - raised where the line ends
                use.error = error
            finally:
                with self._change:
                    use.wires.discard(wire)
                    self._change.notify_all()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str, serve: Callable[[socket.socket], None]) -> None:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                serve(self.request)

        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, 0), Handler)


def listen(host: str, environ: Mapping[str, str] = os.environ) -> Exchange | None:
    """Return an exchange; None where this machine has no such address, or a person wants none."""
    if environ.get(DIRECT) == "off":
        return None
    try:
        return Exchange(host)
    except OSError:
        return None


def bring(line: Line | None, bundles: Iterable[list[Piece]]) -> bool:
    """Bring pieces to the run; return whether it was reached, before the first one is made.

    Raises:
        InfrastructureFault: The connection was lost meanwhile.
        OSError: A file cannot be read.
    """
    wire = _reached(line)
    if wire is None:
        return False
    with wire:
        wire.send(bundles)
    return True


def fetched(line: Line | None) -> Iterator[list[Piece]] | None:
    """Return the pieces of what is offered on a line, as they come; None where it is not reached.

    Raises:
        InfrastructureFault: The connection is lost meanwhile.
    """
    wire = _reached(line)
    return None if wire is None else _all_of(wire)


def _all_of(wire: Wire) -> Iterator[list[Piece]]:
    with wire:
        yield from wire.receive()
        wire.confirm()


def _reached(line: Line | None) -> Wire | None:
    if line is None:
        return None
    try:
        connection = socket.create_connection((line.host, line.port), timeout=_REACH_SECONDS)
    except OSError:
        return None
    with ExitStack() as stack:
        wire = stack.enter_context(Wire(connection))
        try:
            wire.ask(line.name, line.key)
        except OSError:
            return None
        stack.pop_all()
    return wire


def _take(wire: Wire, folder: Path) -> None:
    with Arrival(folder) as arrival:
        for bundle in wire.receive():
            arrival.take(bundle)
    arrival.note()
    wire.confirm()
