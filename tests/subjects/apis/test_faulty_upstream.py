"""Before a server on another machine: TLS, and the name that services are told apart by."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import httpx
import pytest
from waiting import HANG

from proofbook_subjects.apis.faulty.control import Control
from proofbook_subjects.apis.faulty.upstream import _to_host

sys.path.insert(0, str(Path(__file__).parent / "client"))

from certificates import server_context

RAW = b"POST /v1/chat HTTP/1.1\r\nAccept: */*\r\nhost: 127.0.0.1:99\r\n\r\nHost: stays"


def test_another_machine_is_called_by_its_name() -> None:
    assert _to_host(RAW, "api.example.org") == RAW.replace(b"host: 127.0.0.1:99",
                                                           b"Host: api.example.org")  # fmt: skip


def test_a_request_on_this_machine_is_not_touched() -> None:
    assert _to_host(RAW, "") == RAW


def test_an_encrypted_server_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = server_context(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecure")
        await writer.drain()
        writer.close()

    async def through() -> str:
        listening = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
        port = listening.sockets[0].getsockname()[1]
        control = Control("openai_api", f"https://127.0.0.1:{port}")
        lane = await control.open()
        async with listening, httpx.AsyncClient(trust_env=False, timeout=HANG) as http:
            got = await http.get(f"http://127.0.0.1:{lane}/v1/models")
        await control.answer("POST", "/close", lane, None)
        return got.text

    assert asyncio.run(through()) == "secure"
