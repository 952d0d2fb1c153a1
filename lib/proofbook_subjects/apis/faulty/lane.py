"""A port where clients call, with a plan and a log of its own."""

from __future__ import annotations

import asyncio
import hashlib
import socket

from proofbook_subjects.apis.faulty.answers import KEY, Answer, Asked, Dialect, json_answer
from proofbook_subjects.apis.faulty.calls import Call, CallLog
from proofbook_subjects.apis.faulty.faults import Fault, Plan
from proofbook_subjects.apis.faulty.sending import NEEDS_ANSWER, Sending, misbehave, send_right
from proofbook_subjects.apis.faulty.tokens import fingerprint_token
from proofbook_subjects.apis.faulty.upstream import Upstream
from proofbook_subjects.apis.faulty.wire import Wire

__all__ = ["Lane"]

_HOST = "127.0.0.1"


class Lane:
    """What listens on one port."""

    def __init__(self, dialect: Dialect, protocol: str, upstream: str) -> None:
        self._dialect, self._protocol, self._upstream = dialect, protocol, upstream
        self.log = CallLog()
        self.port = 0
        self._plan = Plan()
        self._server: asyncio.Server | None = None
        self._wires: set[Wire] = set()
        self._refusing: asyncio.Task[None] | None = None
        self._held: socket.socket | None = None
        """Keeps the port while nothing listens on it, so that nobody else is given it."""

    async def open(self, port: int) -> int:
        """Listen on a port, 0 for any, and return it."""
        self._server = await asyncio.start_server(self._serve, _HOST, port, backlog=1024)
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._let_go()
        return self.port

    async def close(self) -> None:
        """Listen no more, and close what is connected."""
        if self._refusing is not None:
            self._refusing.cancel()
            self._refusing = None
        self._stop_listening()
        self._let_go()

    async def follow(self, plan: Plan) -> None:
        """Have the calls from now on take the faults of this plan."""
        self._plan = plan
        if self._refusing is not None:
            self._refusing.cancel()
            self._refusing = None
        if self._server is None:
            await self.open(self.port)
        self._refuse_if_due()

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for wire in list(self._wires):
            wire.abandon()

    def _refuse_if_due(self) -> None:
        head = self._plan.head()
        if head is not None and head.kind == "refuse":
            self._plan.take()
            self._stop_listening()
            self._hold()
            self._refusing = asyncio.create_task(self._listen_after(head.seconds))

    def _hold(self) -> None:
        """Bind the port without listening: a connection is refused (connect(2), ECONNREFUSED)."""
        self._held = socket.socket()
        # As the server has it: two such may have the same port while only one listens (socket(7)).
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind((_HOST, self.port))

    def _let_go(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    async def _listen_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.open(self.port)
        self._refusing = None
        self._refuse_if_due()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer)
        self._wires.add(wire)
        upstream = Upstream(self._upstream) if self._upstream else None
        try:
            head = self._plan.head()
            if head is not None and head.when == "connect" and head.kind != "refuse":
                await self._refuse_connection(wire)
            while not (wire.closed or wire.is_stale) and (asked := await wire.read()) is not None:
                await self._take_call(wire, asked, upstream)
            if wire.is_stale and await wire.wait_bytes():
                call = self.log.begin()
                call.fault = "stale"
                self.log.end(call, "fault")
        finally:
            self._wires.discard(wire)
            wire.abandon()
            if upstream is not None:
                upstream.close()

    async def _refuse_connection(self, wire: Wire) -> None:
        """Take a fault that comes before the request."""
        fault = self._plan.take()
        call = self.log.begin()
        call.fault = fault.kind if fault else ""
        await (wire.reset() if fault and fault.kind == "reset" else wire.close())
        self.log.end(call, "fault")
        self._refuse_if_due()

    async def _take_call(self, wire: Wire, asked: Asked, upstream: Upstream | None) -> None:
        call = self.log.begin()
        self._describe(call, asked)
        may_fail = self._costs(asked) or self._plan.all_calls
        fault = self._plan.take(asked.path) if may_fail else None
        call.fault = fault.kind if fault else ""
        answering = asyncio.create_task(self._answer(wire, call, asked, fault, upstream))
        watching = asyncio.create_task(wire.wait_gone())
        await asyncio.wait({answering, watching}, return_when=asyncio.FIRST_COMPLETED)
        is_answered = answering.done()
        for task in (answering, watching):
            task.cancel()
        results = await asyncio.gather(answering, watching, return_exceptions=True)
        failure = results[0] if is_answered else None
        is_gone = not is_answered or isinstance(failure, OSError)
        self.log.end(call, "client gone" if is_gone else "fault" if fault else "answered")
        if is_gone:
            wire.abandon()
        elif isinstance(failure, BaseException):
            raise failure
        self._refuse_if_due()

    def _costs(self, asked: Asked) -> bool:
        """Say whether a request is inference, and no question such as for the models."""
        if self._upstream:
            return asked.method in ("POST", "PUT")
        return any(asked.path.endswith(end) for end in self._dialect.inference)

    def _describe(self, call: Call, asked: Asked) -> None:
        document = asked.document()
        call.method, call.path = asked.method, asked.path
        call.model = str(document.get("model", ""))
        is_ollama = self._protocol == "ollama" and asked.path in self._dialect.inference
        call.streamed = bool(document.get("stream", is_ollama))
        call.body = hashlib.sha256(asked.body).hexdigest()[:12]
        given = asked.headers.get("x-api-key") or asked.headers.get("authorization", "")
        call.token = fingerprint_token(asked)
        if given:
            right = "unknown" if self._upstream else "wrong"
            call.key = "right" if given.removeprefix("Bearer ") == KEY else right

    async def _answer(
        self, wire: Wire, call: Call, asked: Asked, fault: Fault | None, upstream: Upstream | None
    ) -> None:
        if fault is None and upstream is not None:
            await upstream.forward(asked, wire, call)
            return
        needs = fault is None or fault.kind in NEEDS_ANSWER or fault.when == "in_body"
        brings = fault is not None and fault.body is not None and needs
        answer = None
        if brings and fault is not None:
            answer = json_answer(fault.body)
        elif needs:
            answer = await self._right_answer(asked, upstream)
        if fault is None:
            assert answer is not None
            await send_right(wire, call, answer, self._plan.pace)
            return
        await misbehave(Sending(wire, call, self._dialect, fault, answer))

    async def _right_answer(self, asked: Asked, upstream: Upstream | None) -> Answer:
        if upstream is not None:
            return await upstream.answer(asked)
        right = self._dialect.answer(asked)
        headers = [*right.headers, ("X-Proofbook-Double", self._protocol)]
        return Answer(
            status=right.status, headers=headers, parts=right.parts, streamed=right.streamed
        )
