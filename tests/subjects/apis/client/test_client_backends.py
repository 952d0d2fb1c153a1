"""Each backend: what is sent where, and what is read, by the forms of the services' own pages."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from asking import Asked, client
from scripted_server import DONE, chat_answer, chat_event, event

from proofbook_subjects.apis.client import BACKENDS, StreamBrokenError
from proofbook_subjects.apis.client.errors import (
    ApiError,
    MalformedAnswerError,
    MissingKeyError,
    SetupError,
    UnsupportedError,
    WrongProtocolError,
)

KEY = "sk-test-0123456789"
MESSAGES = [
    {"role": "system", "content": "brief"},
    {"role": "user", "content": "hello"},
    {"role": "assistant", "content": "hi"},
    {"role": "user", "content": "more"},
]
URLS = {
    "openai_api": "http://s/v1",
    "groq": "http://s/openai/v1",
    "vllm": "http://s/v1",
    "llvm": "http://s/v1",
    "s3_kit": "http://s",
}
OPENAI_CHAT = {"model": "m", "messages": MESSAGES, "max_tokens": 9, "temperature": 0.5}
CLAUDE_ANSWER = {
    "type": "message",
    "role": "assistant",
    "model": "m-1",
    "content": [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "hello "},
        {"type": "text", "text": "you"},
    ],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "cache_read_input_tokens": 2, "output_tokens": 4},
}
GEMINI_ANSWER = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [{"text": "thinking", "thought": True}, {"text": "hello you"}],
            },
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 5,
        "candidatesTokenCount": 2,
        "thoughtsTokenCount": 1,
        "cachedContentTokenCount": 4,
    },
    "modelVersion": "m-002",
}
OLLAMA_ANSWER = {
    "model": "m",
    "created_at": "x",
    "message": {"role": "assistant", "content": "hello you"},
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 3,
    "eval_count": 2,
}
CHATS: list[tuple[str, str, str, dict[str, Any], Any, tuple[Any, ...]]] = [
    (name, path, "authorization", OPENAI_CHAT, chat_answer(), ("hello you", (3, 2, 0), "stop"))
    for name, path in [
        ("openai_api", "/v1/chat/completions"),
        ("groq", "/openai/v1/chat/completions"),
        ("vllm", "/v1/chat/completions"),
        ("llvm", "/v1/chat/completions"),
        ("hf_tgi", "/v1/chat/completions"),
        ("ovms", "/v3/chat/completions"),
        ("opea", "/v1/chatqna"),
    ]
] + [
    (
        "claude",
        "/v1/messages",
        "x-api-key",
        {"model": "m", "system": "brief", "messages": MESSAGES[1:], "max_tokens": 9},
        CLAUDE_ANSWER,
        ("hello you", (5, 4, 2), "end_turn"),
    ),
    (
        "gemini",
        "/v1beta/models/m:generateContent",
        "x-goog-api-key",
        {
            "contents": [
                {"role": role, "parts": [{"text": text}]}
                for role, text in [("user", "hello"), ("model", "hi"), ("user", "more")]
            ],
            "systemInstruction": {"parts": [{"text": "brief"}]},
            "generationConfig": {"maxOutputTokens": 9, "temperature": 0.5},
        },
        GEMINI_ANSWER,
        ("hello you", (5, 3, 4), "STOP"),
    ),
    (
        "ollama",
        "/api/chat",
        "authorization",
        {"messages": MESSAGES, "stream": False, "options": {"num_predict": 9, "temperature": 0.5}},
        OLLAMA_ANSWER,
        ("hello you", (3, 2, 0), "stop"),
    ),
]


def made(asked: Asked, backend: str, **settings: Any) -> Any:
    settings.setdefault("base_url", URLS.get(backend, "http://s"))
    return client(asked, backend, api_key=KEY, **settings)


def answering(value: Any, **headers: str) -> Asked:
    return Asked(httpx.Response(200, json=value, headers=headers))


@pytest.mark.parametrize(
    ("backend", "path", "header", "body", "answer", "read"), CHATS, ids=[c[0] for c in CHATS]
)
def test_a_chat_is_written_and_read(
    backend: str, path: str, header: str, body: dict[str, Any], answer: Any, read: tuple[Any, ...]
) -> None:
    asked = answering(answer)

    async def main() -> Any:
        async with made(asked, backend) as api:
            return await api.chat(
                MESSAGES, model="m", max_tokens=9, temperature=0.5, extra={"top_p": 1}
            )

    found = asyncio.run(main())
    (request,) = asked.requests
    sent = json.loads(request.content)
    assert request.url.path == path
    assert request.headers[header].endswith(KEY)
    assert {name: sent[name] for name in body} == body
    assert sent["top_p"] == 1
    assert (found.text, found.usage, found.finish_reason) == read


def lines(*values: Any) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def named(*values: dict[str, Any]) -> bytes:
    return b"".join(f"event: {value['type']}\n".encode() + event(value) for value in values)


CLAUDE_STREAM = named(
    {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 3,
     "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " you"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
)  # fmt: skip
OPENAI_STREAM = (
    chat_event("hello")
    + chat_event(" you")
    + chat_event("", "stop")
    + event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
    + DONE
)
GROQ_STREAM = (
    chat_event("hello you")
    + event(
        {
            "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
            "x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 2}},
        }
    )
    + DONE
)
GEMINI_STREAM = event(
    {"candidates": [{"content": {"parts": [{"text": "hello"}]}}]}
) + event(
    {
        "candidates": [{"content": {"parts": [{"text": " you"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2},
    }
)  # fmt: skip
OLLAMA_STREAM = lines(
    {"model": "m", "message": {"content": "hello"}, "done": False},
    {"model": "m", "message": {"content": " you"}, "done": False},
    {**OLLAMA_ANSWER, "message": {"content": ""}},
)
STREAMS = [
    ("openai_api", OPENAI_STREAM, (3, 2, 0)),
    ("vllm", OPENAI_STREAM, (3, 2, 0)),
    ("groq", GROQ_STREAM, (3, 2, 0)),
    ("claude", CLAUDE_STREAM, (3, 2, 0)),
    ("gemini", GEMINI_STREAM, (3, 2, 0)),
    ("ollama", OLLAMA_STREAM, (3, 2, 0)),
    ("opea", b"data: b'hello'\n\ndata: b' you'\n\n" + DONE, None),
]


def streamed(body: bytes, backend: str) -> Asked:
    kind = "application/x-ndjson" if backend == "ollama" else "text/event-stream"
    return Asked(lambda _: httpx.Response(200, headers={"content-type": kind}, content=body))


@pytest.mark.parametrize(("backend", "body", "usage"), STREAMS, ids=[s[0] for s in STREAMS])
def test_a_chat_is_streamed(backend: str, body: bytes, usage: Any) -> None:
    asked = streamed(body, backend)

    async def main() -> Any:
        async with made(asked, backend) as api:
            return await api.stream_chat(MESSAGES, model="m").finish()

    found = asyncio.run(main())
    assert (found.text, found.usage) == ("hello you", usage)
    if backend == "gemini":
        assert asked.requests[0].url.query == b"alt=sse"


@pytest.mark.parametrize(("backend", "body", "usage"), STREAMS, ids=[s[0] for s in STREAMS])
def test_a_stream_without_its_last_events_is_broken(backend: str, body: bytes, usage: Any) -> None:
    end = body.index(b" you")
    cut = body[: end + body[end:].index(b"\n") + 1] + b"\n"
    if backend == "gemini":
        cut = cut.replace(b', "finishReason": "STOP"', b"")

    async def main() -> None:
        async with made(streamed(cut, backend), backend) as api:
            with pytest.raises(StreamBrokenError, match="ended before its last event") as error:
                await api.stream_chat(MESSAGES, model="m").finish()
            assert error.value.delivered == "hello you"

    asyncio.run(main())


COMPLETIONS: list[tuple[str, str, dict[str, Any], Any, bytes]] = [
    (
        "openai_api",
        "/v1/completions",
        {"prompt": "go", "max_tokens": 9},
        {
            "choices": [{"index": 0, "text": "hello you", "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2},
        },
        event({"choices": [{"index": 0, "text": "hello you", "finish_reason": "stop"}]}) + DONE,
    ),
    (
        "ollama",
        "/api/generate",
        {"prompt": "go", "options": {"num_predict": 9}},
        {**OLLAMA_ANSWER, "response": "hello you"},
        lines({"response": "hello you", "done": False}, {"response": "", "done": True}),
    ),
    (
        "llvm",
        "/completion",
        {"prompt": "go", "n_predict": 9},
        {
            "content": "hello you",
            "stop": True,
            "stop_type": "eos",
            "tokens_evaluated": 3,
            "tokens_predicted": 2,
        },
        event({"content": "hello you", "stop": False})
        + event({"content": "", "stop": True, "tokens_evaluated": 3, "tokens_predicted": 2}),
    ),
    (
        "hf_tgi",
        "/generate",
        {
            "inputs": "go",
            "parameters": {"max_new_tokens": 9, "details": True, "decoder_input_details": True},
        },
        {
            "generated_text": "hello you",
            "details": {
                "finish_reason": "eos_token",
                "generated_tokens": 2,
                "prefill": [{"id": 1}, {"id": 2}, {"id": 3}],
            },
        },
        event({"index": 1, "token": {"text": "hello"}, "generated_text": None})
        + event(
            {
                "index": 2,
                "token": {"text": " you"},
                "generated_text": "hello you",
                "details": {"finish_reason": "length", "generated_tokens": 2, "input_length": 3},
            }
        ),
    ),
]


@pytest.mark.parametrize(
    ("backend", "path", "body", "answer", "stream"), COMPLETIONS, ids=[c[0] for c in COMPLETIONS]
)
def test_a_completion_is_written_read_and_streamed(
    backend: str, path: str, body: dict[str, Any], answer: Any, stream: bytes
) -> None:
    async def main() -> None:
        asked = answering(answer)
        async with made(asked, backend) as api:
            found = await api.complete("go", model="m", max_tokens=9)
        assert asked.requests[0].url.path == path
        sent = json.loads(asked.requests[0].content)
        assert {name: sent[name] for name in body} == body
        assert (found.text, found.usage) == ("hello you", (3, 2, 0))
        async with made(streamed(stream, backend), backend) as api:
            assert (await api.stream_complete("go", model="m").finish()).text == "hello you"

    asyncio.run(main())


EMBEDDINGS: list[tuple[str, str, Any, Any]] = [
    (
        "openai_api",
        "/v1/embeddings",
        {"model": "m", "input": ["a", "b"], "encoding_format": "float"},
        {"data": [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 2]}]},
    ),
    ("ollama", "/api/embed", {"model": "m", "input": ["a", "b"]}, {"embeddings": [[1, 2], [3, 4]]}),
    ("hf_tei", "/embed", {"inputs": ["a", "b"]}, [[1, 2], [3, 4]]),
    (
        "gemini",
        "/v1beta/models/m:batchEmbedContents",
        {
            "requests": [
                {"model": "models/m", "content": {"parts": [{"text": text}]}} for text in "ab"
            ]
        },
        {"embeddings": [{"values": [1, 2]}, {"values": [3, 4]}]},
    ),
]


@pytest.mark.parametrize(
    ("backend", "path", "body", "answer"), EMBEDDINGS, ids=[e[0] for e in EMBEDDINGS]
)
def test_embeddings_come_in_the_order_of_the_texts(
    backend: str, path: str, body: Any, answer: Any
) -> None:
    async def main() -> None:
        asked = answering(answer)
        async with made(asked, backend) as api:
            assert (await api.embed(["a", "b"], model="m")).vectors == ((1, 2), (3, 4))
            with pytest.raises(MalformedAnswerError, match="3 texts were sent, and 2 vectors"):
                await api.embed(["a", "b", "c"], model="m")
        assert asked.requests[0].url.path == path
        assert json.loads(asked.requests[0].content) == body

    asyncio.run(main())


@pytest.mark.parametrize(
    ("backend", "path", "answer", "names"),
    [
        ("openai_api", "/v1/models", {"data": [{"id": "a"}, {"id": "b"}]}, ["a", "b"]),
        ("claude", "/v1/models", {"data": [{"id": "a"}]}, ["a"]),
        ("gemini", "/v1beta/models", {"models": [{"name": "models/a"}]}, ["a"]),
        ("ollama", "/api/tags", {"models": [{"name": "a:latest"}]}, ["a:latest"]),
        ("hf_tei", "/info", {"model_id": "a"}, ["a"]),
        ("hf_tgi", "/v1/models", {"data": [{"id": "a"}]}, ["a"]),
        ("ovms", "/v1/config", {"a": {"model_version_status": []}}, ["a"]),
    ],
)
def test_models_are_listed(backend: str, path: str, answer: Any, names: list[str]) -> None:
    async def main() -> None:
        asked = answering(answer)
        async with made(asked, backend) as api:
            assert await api.models() == names
        assert asked.requests[0].url.path == path
        async with made(answering({"x": 1}), backend) as api:
            with pytest.raises(WrongProtocolError, match="its keys are x"):
                await api.models()

    asyncio.run(main())


TENSOR = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [[1, 2]]}
OUTPUT = {"name": "y", "shape": [1, 2], "datatype": "FP32", "data": [2, 4]}


@pytest.mark.parametrize(
    ("inputs", "path", "body", "answer", "outputs"),
    [
        ([TENSOR], "/v2/models/m/infer", {"inputs": [TENSOR]}, {"model_name": "m",
         "outputs": [OUTPUT]}, {"y": OUTPUT}),
        ({"inputs": [TENSOR], "id": "7"}, "/v2/models/m/infer", {"inputs": [TENSOR], "id": "7"},
         {"outputs": [OUTPUT]}, {"y": OUTPUT}),
        ({"x": [[1, 2]]}, "/v2/models/m/infer", {"inputs": [TENSOR]}, {"outputs": [OUTPUT]},
         {"y": OUTPUT}),
        ({"instances": [[1, 2]]}, "/v1/models/m:predict", {"instances": [[1, 2]]},
         {"predictions": [[2, 4]]}, [[2, 4]]),
        ({"inputs": {"x": [[1, 2]]}}, "/v1/models/m:predict", {"inputs": {"x": [[1, 2]]}},
         {"outputs": [[2, 4]]}, [[2, 4]]),
    ],
)  # fmt: skip
def test_tensors_go_by_the_protocol_of_their_form(
    inputs: Any, path: str, body: Any, answer: Any, outputs: Any
) -> None:
    async def main() -> None:
        asked = answering(answer)
        async with made(asked, "ovms") as api:
            assert (await api.infer(inputs, model="m")).outputs == outputs
            with pytest.raises(SetupError, match="not int"):
                await api.infer(7, model="m")
        assert asked.requests[0].url.path == path
        assert json.loads(asked.requests[0].content) == body

    asyncio.run(main())


def test_a_microservice_of_opea_speaks_openai() -> None:
    async def main() -> None:
        asked = streamed(OPENAI_STREAM, "opea")
        async with made(asked, "opea", base_url="http://s:9000/v1/") as api:
            assert (await api.stream_chat(MESSAGES, model="m").finish()).usage == (3, 2, 0)
        assert asked.requests[0].url.path == "/v1/chat/completions"

    asyncio.run(main())


def test_a_blocked_prompt_of_gemini_is_an_empty_answer_with_its_reason() -> None:
    async def main() -> None:
        value = {"promptFeedback": {"blockReason": "SAFETY"}}
        async with made(answering(value), "gemini") as api:
            found = await api.chat(MESSAGES, model="m")
            assert (found.text, found.finish_reason) == ("", "SAFETY")

    asyncio.run(main())


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_the_key_is_the_one_of_the_environment(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from proofbook_subjects.apis.client.backends import find_backend

    found = find_backend(backend)
    assert found.name == backend
    for name in found.key_names:
        monkeypatch.delenv(name, raising=False)
    if found.key_required:
        with pytest.raises(MissingKeyError, match=found.key_names[0]):
            found.find_keys(None)
    else:
        assert found.find_keys(None) == []
    for name in found.key_names:
        monkeypatch.setenv(name, f"value-of-{name}")
    assert found.find_keys(None)[0].reveal() == f"value-of-{found.key_names[0]}"


CALLS = {
    "chat": lambda api: api.chat(MESSAGES, model="m"),
    "complete": lambda api: api.complete("go", model="m"),
    "embed": lambda api: api.embed(["a"], model="m"),
    "models": lambda api: api.models(),
    "infer": lambda api: api.infer([TENSOR], model="m"),
    "objects": lambda api: api.get_object("b", "k"),
}
HAS_NOT = {
    "openai_api": "infer objects",
    "claude": "complete embed infer objects",
    "groq": "complete infer objects",
    "ollama": "infer objects",
    "hf_tgi": "embed infer objects",
    "hf_tei": "chat complete infer objects",
    "gemini": "complete infer objects",
    "vllm": "infer objects",
    "llvm": "infer objects",
    "ovms": "objects",
    "opea": "complete models infer objects",
    "s3_kit": "chat complete embed models infer",
}


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_what_a_backend_has_not_is_said_and_not_sent(backend: str) -> None:
    async def main() -> None:
        asked = answering({"x": 1})
        async with made(asked, backend) as api:
            refused = set()
            for name, call in CALLS.items():
                try:
                    await call(api)
                except UnsupportedError:
                    refused.add(name)
                except ApiError:
                    continue  # it was sent, and answered with nonsense
        assert refused == set(HAS_NOT[backend].split())
        assert len(asked.requests) == len(CALLS) - len(refused)

    asyncio.run(main())
