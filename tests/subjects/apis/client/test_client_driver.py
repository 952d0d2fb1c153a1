"""The client as a subject: requests and answers as the runbooks send and read them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_server import ASK, DONE, HANG, Seen, Server, Wire, chat_answer, chat_event, serving

from proofbook.subjects import resolve_reference
from proofbook_subjects.apis.client import driver
from proofbook_subjects.apis.client.errors import SetupError


async def answer(wire: Wire, seen: Seen, _: int) -> None:
    if seen.path.endswith("/models"):
        await wire.answer({"data": [{"id": "m"}]})
    elif seen.path.endswith("/embeddings"):
        await wire.answer({"data": [{"index": 0, "embedding": [1.0]}]})
    elif seen.json.get("stream"):
        await wire.start_stream()
        for piece in (chat_event("hello"), chat_event(" you"), DONE):
            await wire.chunk(piece)
        await wire.end_stream()
    else:
        await wire.answer(chat_answer())


def request(server: Server, action: str, **more: Any) -> dict[str, Any]:
    return {
        "id": 7, "action": action, "protocol": "openai_api", "base_url": server.url,
        "api_key": "sk-test-key", "model": "m", "messages": ASK, "stream": False,
        "max_tokens": 16, "timeout": 30.0, "options": {"trust_env": False}, **more,
    }  # fmt: skip


def served(work: Callable[[Server], Any], handler: Any = answer) -> Any:
    async def main() -> Any:
        async with serving(handler) as server:
            try:
                return await work(server)
            finally:
                for api in driver._clients.values():
                    await api.aclose()
                driver._clients.clear()

    return asyncio.run(main())


def test_each_action_returns_what_the_host_writes_on() -> None:
    async def work(server: Server) -> list[Any]:
        found = [await driver.run(request(server, "chat"))]
        pieces = await driver.run(request(server, "chat", stream=True))
        assert not isinstance(pieces, dict)
        found.append([piece async for piece in pieces])
        found.append(await driver.run(request(server, "models")))
        found.append(await driver.run(request(server, "embeddings", input=["a"])))
        return found

    chat, pieces, models, embeddings = served(work)
    assert chat["text"] == "hello you"
    assert chat["usage"] == {"input_tokens": 3, "output_tokens": 2, "cached_tokens": 0}
    assert pieces[:2] == ["hello", " you"]
    assert pieces[2]["attempts"] == 1
    assert models["models"] == ["m"]
    assert embeddings["embeddings"] == [[1.0]]


def test_one_client_serves_all_requests_of_the_same_settings() -> None:
    async def work(server: Server) -> int:
        same = {"max_concurrency": 1, "trust_env": False}
        await asyncio.gather(
            *(
                driver.run(request(server, "chat", options={**same, "priority": number}))
                for number in range(5)
            )
        )
        assert (server.peak, len(server.seen)) == (1, 5)
        await driver.run(request(server, "chat", options={"max_retries": 0, "trust_env": False}))
        return len(driver._clients)

    assert served(work) == 2


def test_an_option_or_an_action_that_is_unknown_is_an_error() -> None:
    async def work(server: Server) -> None:
        with pytest.raises(SetupError, match="no option retrys"):
            await driver.run(request(server, "chat", options={"retrys": 3}))
        with pytest.raises(SetupError, match="no action 'sing'"):
            await driver.run(request(server, "sing"))
        with pytest.raises(NotImplementedError):
            await driver.run(request(server, "put_object", bucket="b", key="k", body=""))

    served(work)


def test_a_cancelled_request_frees_its_slot() -> None:
    async def hang(_: Wire, seen: Seen, number: int) -> None:
        await asyncio.sleep(HANG)

    async def work(server: Server) -> None:
        task = asyncio.create_task(driver.run(request(server, "chat")))
        while not server.seen:
            await asyncio.sleep(0.005)
        (api,) = driver._clients.values()
        assert api.in_flight == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert api.in_flight == 0

    served(work, hang)


def test_the_reference_is_the_driver(tmp_path: Path) -> None:
    found = resolve_reference("reference:client", "apis.client", root=tmp_path)
    assert found is not None
    told = json.loads(found.path.read_text())
    assert told["callable"] == f"{driver.__file__}:run"
    assert told["options"]["max_retries"] == 3
