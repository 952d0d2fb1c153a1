"""The client without an event loop."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from asking import Asked, Time
from scripted_server import ASK, DONE, chat_answer, chat_event

from proofbook_subjects.apis.client import Limits, Price, SyncApiClient
from proofbook_subjects.apis.client.errors import MissingKeyError, WrongUrlError

STREAM = chat_event("hello") + chat_event(" you") + DONE


def blocking(asked: Asked, **settings: object) -> SyncApiClient:
    return SyncApiClient(
        "openai_api",
        base_url="http://server.test/v1",
        api_key="sk-test-key",
        transport=httpx.MockTransport(asked),
        outside=Time().outside,
        prices={"m": Price(input=1e6, output=2e6)},
        **settings,
    )


def test_calls_wait_and_errors_are_raised() -> None:
    answers = [httpx.Response(200, json=chat_answer())] * 2 + [httpx.Response(404, text="no")]
    with blocking(Asked(*answers)) as api:
        assert api.chat(ASK, model="m").text == "hello you"
        assert api.chat(ASK, model="m").cost == 3 + 2 * 2
        assert (api.accounts.calls, api.accounts.cost) == (2, 14)
        with pytest.raises(WrongUrlError, match="404: no"):
            api.models()
        assert repr(api) == "<SyncApiClient openai_api at http://server.test/v1>"
    api.close()
    assert "api-client" not in [thread.name for thread in threading.enumerate()]


def test_a_stream_is_an_iterator_and_may_be_left() -> None:
    kind = {"content-type": "text/event-stream"}
    asked = Asked(lambda _: httpx.Response(200, headers=kind, content=STREAM))
    with blocking(asked, limits=Limits(max_concurrency=1)) as api:
        assert [delta.text for delta in api.stream_chat(ASK, model="m")] == ["hello", " you"]
        for _ in api.stream_chat(ASK, model="m"):
            break
        assert [delta.text for delta in api.stream_chat(ASK, model="m")] == ["hello", " you"]


def test_many_threads_share_one_queue() -> None:
    asked = Asked(httpx.Response(200, json=chat_answer()))
    with blocking(asked, limits=Limits(max_concurrency=2)) as api, ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda _: api.chat(ASK, model="m").text, range(40)))
    assert texts == ["hello you"] * 40


def test_a_missing_key_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(MissingKeyError):
        SyncApiClient("openai_api")
    assert "api-client" not in [thread.name for thread in threading.enumerate()]
