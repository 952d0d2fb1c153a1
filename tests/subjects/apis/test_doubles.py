"""Each double answers, streams and refuses in its protocol's own form."""

from __future__ import annotations

import ast
import asyncio
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from proofbook_subjects.apis.doubles.application import HEADER, build_double
from proofbook_subjects.apis.doubles.echo import KEY, MODEL, embed, reply_to
from proofbook_subjects.apis.doubles.references import SERVES

TEXT = "one two three"
SAID: Any = [{"role": "user", "content": TEXT}]
BEARER = {"Authorization": f"Bearer {KEY}"}
CLAUDE = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
GEMINI = {"x-goog-api-key": KEY}
HEADERS = {"claude": CLAUDE, "gemini": GEMINI}
V1BETA = f"/v1beta/models/{MODEL}"
CHATS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai_api": ("/v1/chat/completions", {"model": MODEL, "messages": SAID}),
    "groq": ("/openai/v1/chat/completions", {"model": MODEL, "messages": SAID}),
    "vllm": ("/v1/chat/completions", {"model": MODEL, "messages": SAID}),
    "llvm": ("/v1/chat/completions", {"messages": SAID}),
    "opea": ("/v1/chat/completions", {"messages": SAID}),
    "hf_tgi": ("/v1/chat/completions", {"messages": SAID}),
    "claude": ("/v1/messages", {"model": MODEL, "messages": SAID, "max_tokens": 9}),
    "ollama": ("/api/chat", {"model": MODEL, "messages": SAID, "stream": False}),
    "gemini": (f"{V1BETA}:generateContent", {"contents": [{"parts": [{"text": TEXT}]}]}),
}
OPENAI_LIKE = ("openai_api", "groq", "vllm", "llvm", "opea", "hf_tgi")


def ask(
    protocol: str,
    path: str,
    body: object = None,
    *,
    headers: dict[str, str] | None = None,
    method: str = "",
) -> httpx.Response:
    """Send one request to a double in this process; a body of bytes goes as it is."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(build_double(protocol))
        url = f"http://double{path}"
        content = body if isinstance(body, bytes) else None
        data = body if content is None else None
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.request(
                method or ("GET" if body is None else "POST"),
                url,
                json=data,
                content=content,
                headers=HEADERS.get(protocol, BEARER) if headers is None else headers,
            )

    return asyncio.run(send())


def events(response: httpx.Response) -> Iterator[tuple[str, str]]:
    """Yield name and data of each event of a stream."""
    for block in response.text.replace("\r\n", "\n").strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        yield fields.get("event", ""), fields["data"]


def error_of(response: httpx.Response) -> Any:
    return response.status_code, response.json()["error"]


@pytest.mark.parametrize("protocol", SERVES)
def test_every_answer_says_that_it_is_a_double(protocol: str) -> None:
    answers = [
        ask(protocol, "/health"),
        ask(protocol, "/health", headers={}),
        ask(protocol, "/nowhere/at/all"),
        ask(protocol, "/v1/models", headers={}),
    ]
    assert [answer.headers[HEADER] for answer in answers] == [protocol] * 4
    assert [answer.status_code for answer in answers[:2]] == [200, 200]


@pytest.mark.parametrize("protocol", OPENAI_LIKE)
def test_chat_in_openais_form(protocol: str) -> None:
    path, body = CHATS[protocol]
    answer = ask(protocol, path, body).json()
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["content"] == TEXT
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["model"] == MODEL
    usage = answer["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (3, 3, 6)
    assert ask(protocol, path, body).json() == answer


@pytest.mark.parametrize("protocol", OPENAI_LIKE)
def test_stream_in_openais_form_ends_with_done(protocol: str) -> None:
    path, body = CHATS[protocol]
    body = {**body, "stream": True, "stream_options": {"include_usage": True}}
    response = ask(protocol, path, body)
    assert response.headers["content-type"].startswith("text/event-stream")
    data = [text for _, text in events(response)]
    assert data[-1] == "[DONE]"
    chunks = [json.loads(text) for text in data[:-1]]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    assert deltas[0]["role"] == "assistant"
    assert [delta.get("content") for delta in deltas[1:-1]] == ["one", " two", " three"]
    ends = [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]]
    assert ends == [None] * 4 + ["stop"]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == 6


@pytest.mark.parametrize("protocol", ["openai_api", "vllm", "llvm", "hf_tgi"])
def test_completion_in_openais_form(protocol: str) -> None:
    body = {"model": MODEL, "prompt": TEXT, "max_tokens": 2}
    answer = ask(protocol, "/v1/completions", body).json()
    assert answer["object"] == "text_completion"
    assert answer["choices"][0]["text"] == "one two"
    assert answer["choices"][0]["finish_reason"] == "length"
    data = [text for _, text in events(ask(protocol, "/v1/completions", {**body, "stream": True}))]
    assert "".join(json.loads(text)["choices"][0]["text"] for text in data[:-1]) == "one two"


@pytest.mark.parametrize("protocol", ["openai_api", "vllm", "llvm", "opea", "hf_tei"])
def test_embeddings_in_openais_form(protocol: str) -> None:
    body = {"model": MODEL, "input": ["a b", "c"]}
    answer = ask(protocol, "/v1/embeddings", body).json()
    first, second = (each["embedding"] for each in answer["data"])
    assert first != second
    assert [math.hypot(*vector) for vector in (first, second)] == pytest.approx([1, 1])
    if protocol != "opea":  # whose service tells none
        assert answer["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


@pytest.mark.parametrize(
    ("protocol", "key", "status", "error"),
    [
        ("openai_api", "no", 401, {"type": "invalid_request_error", "code": "invalid_api_key"}),
        ("openai_api", "", 401, {"type": "invalid_request_error", "code": None}),
        ("groq", "no", 401, {"message": "Invalid API Key", "code": "invalid_api_key"}),
        ("vllm", "no", 401, "Unauthorized"),
        ("llvm", "no", 401, {"code": 401, "type": "authentication_error"}),
        ("ollama", "no", 401, "unauthorized"),
        ("claude", "no", 401, {"type": "authentication_error", "message": "invalid x-api-key"}),
        ("claude", "", 401, {"message": "x-api-key header is required"}),
        ("gemini", "no", 400, {"code": 400, "status": "INVALID_ARGUMENT"}),
        ("gemini", "", 403, {"code": 403, "status": "PERMISSION_DENIED"}),
        ("ovms", "no", 401, "Unauthorized request due to invalid or missing api-key"),
    ],
)
def test_wrong_key_is_refused_in_the_protocols_form(
    protocol: str, key: str, status: int, error: Any
) -> None:
    name = {"claude": "x-api-key", "gemini": "x-goog-api-key"}.get(protocol, "Authorization")
    value = key if protocol in HEADERS else f"Bearer {key}"
    path, body = CHATS.get(protocol, ("/v2/models/m/infer", {}))
    found, told = error_of(ask(protocol, path, body, headers={name: value} if key else {}))
    assert found == status
    if isinstance(error, dict):
        assert told == told | error
    else:
        assert told == error


@pytest.mark.parametrize("protocol", ["hf_tgi", "hf_tei"])
def test_servers_of_hugging_face_refuse_a_key_without_a_body(protocol: str) -> None:
    path = "/generate" if protocol == "hf_tgi" else "/embed"
    answer = ask(protocol, path, {"inputs": "a"}, headers={})
    assert (answer.status_code, answer.text) == (401, "")


def test_a_key_is_never_told_back_whole() -> None:
    key = "sk-abcdefghijklmnop"
    answer = ask("openai_api", "/v1/models", headers={"Authorization": f"Bearer {key}"})
    assert key not in answer.text
    assert "sk-a***********mnop" in answer.text


@pytest.mark.parametrize(
    ("protocol", "status", "error"),
    [
        ("openai_api", 404, {"code": "model_not_found", "type": "invalid_request_error"}),
        ("groq", 404, {"code": "model_not_found"}),
        ("vllm", 404, {"type": "NotFoundError", "param": "model", "code": 404}),
        ("claude", 404, {"type": "not_found_error", "message": "model: other"}),
        ("ollama", 404, "model 'other' not found"),
    ],
)
def test_model_that_is_not_there_is_told(protocol: str, status: int, error: Any) -> None:
    path, body = CHATS[protocol]
    found, told = error_of(ask(protocol, path, {**body, "model": "other"}))
    assert found == status
    assert told == (told | error if isinstance(error, dict) else error)


def test_gemini_names_the_model_in_the_path() -> None:
    path = "/v1beta/models/other:generateContent"
    status, told = error_of(ask("gemini", path, {"contents": []}))
    assert (status, told["status"]) == (404, "NOT_FOUND")
    assert told["message"].startswith("models/other is not found for API version v1beta")


@pytest.mark.parametrize("protocol", ["llvm", "hf_tgi"])
def test_servers_of_one_model_take_every_name(protocol: str) -> None:
    path, body = CHATS[protocol]
    assert ask(protocol, path, {**body, "model": "other"}).status_code == 200


@pytest.mark.parametrize(
    ("protocol", "status", "told"),
    [
        ("openai_api", 400, "Missing required parameter: 'messages'."),
        ("groq", 400, "'messages' : property 'messages' is missing"),
        ("vllm", 400, "Field required"),
        ("llvm", 400, "'messages' is required"),
        ("claude", 400, "messages: Field required"),
        ("gemini", 400, "contents is not specified"),
        ("opea", 422, "Field required"),
        ("hf_tgi", 422, "missing field `messages`"),
    ],
)
def test_missing_messages_are_told(protocol: str, status: int, told: str) -> None:
    path, body = CHATS[protocol]
    given = {name: value for name, value in body.items() if name not in ("messages", "contents")}
    answer = ask(protocol, path, given)
    assert answer.status_code == status
    assert told in answer.text


@pytest.mark.parametrize(
    ("protocol", "status"),
    [
        *((name, 400) for name in ("openai_api", "groq", "vllm", "llvm", "claude", "gemini")),
        *((name, 400) for name in ("ollama", "hf_tgi")),
        ("opea", 422),
    ],
)
def test_what_is_no_json_is_refused(protocol: str, status: int) -> None:
    path, _ = CHATS[protocol]
    for body in (b'{"model": ', b"[1]", b""):
        answer = ask(protocol, path, body)
        assert answer.status_code == status, body
        assert HEADER in answer.headers


@pytest.mark.parametrize("protocol", SERVES)
@pytest.mark.parametrize("path", ["/nowhere", "/v1/nowhere/at/all"])
def test_unknown_path_is_404(protocol: str, path: str) -> None:
    signed = protocol == "s3_kit"  # which refuses what is not signed before it looks
    assert ask(protocol, path).status_code == (403 if signed else 404)


def test_messages_of_claude_stream_as_typed_events() -> None:
    path, body = CHATS["claude"]
    found = list(events(ask("claude", path, {**body, "max_tokens": 2, "stream": True})))
    assert [name for name, _ in found] == [
        "message_start",
        "content_block_start",
        "ping",
        *["content_block_delta"] * 2,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    data = [json.loads(text) for _, text in found]
    assert [each["type"] for each in data] == [name for name, _ in found]
    assert data[0]["message"]["usage"]["input_tokens"] == 3
    assert "".join(each["delta"]["text"] for each in data[3:5]) == "one two"
    assert data[-2]["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}
    assert data[-2]["usage"] == {"output_tokens": 2}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"max_tokens": None}, "max_tokens: Input should be a valid integer"),
        ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": [{"role": "system", "content": "x"}]}, 'Unexpected role "system"'),
        ({"messages": [{"role": "user", "content": ""}]}, "must be non-empty"),
    ],
)
def test_messages_of_claude_are_validated(change: dict[str, Any], told: str) -> None:
    path, body = CHATS["claude"]
    status, error = error_of(ask("claude", path, {**body, **change}))
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert told in error["message"]


def test_claude_wants_its_version() -> None:
    path, body = CHATS["claude"]
    status, error = error_of(ask("claude", path, body, headers={"x-api-key": KEY}))
    assert (status, error["message"]) == (400, "anthropic-version: header is required")
    bearer = {**BEARER, "anthropic-version": "2023-06-01"}
    assert ask("claude", path, body, headers=bearer).status_code == 200


def test_ollama_streams_lines_unless_told_otherwise() -> None:
    path, body = CHATS["ollama"]
    response = ask("ollama", path, {"model": MODEL, "messages": SAID})
    assert response.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert [line["done"] for line in lines] == [False] * 3 + [True]
    assert "".join(line["message"]["content"] for line in lines) == TEXT
    last = lines[-1]
    assert (last["done_reason"], last["prompt_eval_count"], last["eval_count"]) == ("stop", 3, 3)
    assert last["total_duration"] >= last["prompt_eval_duration"] + last["eval_duration"]
    whole = ask("ollama", path, body).json()
    assert whole["message"] == {"role": "assistant", "content": TEXT}


def test_ollama_generates_and_embeds() -> None:
    body = {"model": MODEL, "prompt": TEXT, "stream": False, "options": {"num_predict": 1}}
    answer = ask("ollama", "/api/generate", body).json()
    assert (answer["response"], answer["done_reason"]) == ("one", "length")
    answer = ask("ollama", "/api/embed", {"model": MODEL, "input": "a"}).json()
    assert answer["embeddings"] == [embed("a")]
    status, error = error_of(ask("ollama", "/api/embed", {"model": MODEL, "input": 3}))
    assert (status, error) == (400, "invalid input type")
    tags = ask("ollama", "/api/tags").json()["models"]
    assert [model["name"] for model in tags] == [f"{MODEL}:latest"]


def test_gemini_streams_events_or_an_array() -> None:
    body = CHATS["gemini"][1]
    response = ask("gemini", f"{V1BETA}:streamGenerateContent?alt=sse", body)
    assert "\r\n\r\n" in response.text
    found = [json.loads(text) for _, text in events(response)]
    array = ask("gemini", f"{V1BETA}:streamGenerateContent", body)
    assert array.json() == found
    parts = [each["candidates"][0]["content"]["parts"][0]["text"] for each in found]
    assert "".join(parts) == TEXT
    assert [each["candidates"][0].get("finishReason") for each in found] == [None, None, "STOP"]
    assert found[-1]["usageMetadata"]["totalTokenCount"] == 6


def test_gemini_takes_its_key_in_the_query_and_names_a_wrong_one() -> None:
    path, body = CHATS["gemini"]
    assert ask("gemini", f"{path}?key={KEY}", body, headers={}).status_code == 200
    _, error = error_of(ask("gemini", f"{path}?key=no", body, headers={}))
    assert error["details"][0]["reason"] == "API_KEY_INVALID"


def test_gemini_embeds_one_and_many() -> None:
    content = {"parts": [{"text": "a"}]}
    one = ask("gemini", f"{V1BETA}:embedContent", {"content": content}).json()
    many = ask("gemini", f"{V1BETA}:batchEmbedContents", {"requests": [{"content": content}]})
    assert one["embedding"] == many.json()["embeddings"][0] == {"values": embed("a")}


def test_tgi_generates_with_details_and_streams_tokens() -> None:
    parameters = {"max_new_tokens": 2, "details": True}
    body = {"inputs": TEXT, "parameters": parameters}
    answer = ask("hf_tgi", "/generate", body).json()
    assert answer["generated_text"] == "one two"
    assert answer["details"]["finish_reason"] == "length"
    found = [json.loads(text) for _, text in events(ask("hf_tgi", "/generate_stream", body))]
    assert [each["token"]["text"] for each in found] == ["one", " two"]
    assert [each["generated_text"] for each in found] == [None, "one two"]
    assert found[-1]["details"]["input_length"] == 3
    assert isinstance(ask("hf_tgi", "/", body).json(), list)


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"inputs": ""}, 422, "`inputs` cannot be empty"),
        ({"inputs": "a", "parameters": {"max_new_tokens": 0}}, 422, "must be strictly positive"),
        ({"inputs": "a " * 2000}, 422, "must have less than 1024 tokens. Given: 2000"),
        ({}, 422, "missing field `inputs`"),
        (b"{", 400, "Failed to parse the request body as JSON"),
    ],
)
def test_tgi_validates_its_inputs(body: object, status: int, told: str) -> None:
    answer = ask("hf_tgi", "/generate", body)
    assert answer.status_code == status
    assert told in answer.text


def test_tei_embeds_reranks_and_validates() -> None:
    assert ask("hf_tei", "/embed", {"inputs": ["a", "b"]}).json() == [embed("a"), embed("b")]
    body = {"query": "red fox", "texts": ["blue", "red fox"], "return_text": True}
    ranks = ask("hf_tei", "/rerank", body).json()
    assert [(rank["index"], rank["text"]) for rank in ranks] == [(1, "red fox"), (0, "blue")]
    refused = ask("hf_tei", "/embed", {"inputs": "a " * 600})
    assert (refused.status_code, refused.json()["error_type"]) == (422, "Validation")
    assert ask("hf_tei", "/embed", {"inputs": "a " * 600, "truncate": True}).status_code == 200
    empty = ask("hf_tei", "/v1/embeddings", {"input": ""})
    assert (empty.status_code, empty.json()["type"]) == (400, "Empty")


def test_llama_cpp_streams_completions_without_done() -> None:
    body = {"prompt": TEXT, "n_predict": 2, "stream": True}
    found = [json.loads(text) for _, text in events(ask("llvm", "/completion", body))]
    assert [each["content"] for each in found] == ["one", " two", ""]
    assert [each["stop"] for each in found] == [False, False, True]
    assert found[-1]["stop_type"] == "limit"
    assert found[-1]["timings"]["predicted_n"] == 2


def test_groq_tells_times_in_the_last_chunk() -> None:
    path, body = CHATS["groq"]
    data = [text for _, text in events(ask("groq", path, {**body, "stream": True}))][:-1]
    last = json.loads(data[-1])["x_groq"]["usage"]
    assert last["total_tokens"] == 6
    assert {"queue_time", "prompt_time", "completion_time", "total_time"} <= set(last)


def test_vllm_has_open_routes_beside_openais() -> None:
    body = {"model": MODEL, "prompt": TEXT, "return_token_strs": True}
    answer = ask("vllm", "/tokenize", body, headers={}).json()
    assert (answer["count"], answer["token_strs"]) == (3, TEXT.split())
    assert set(ask("vllm", "/version", headers={}).json()) == {"version"}
    assert ask("vllm", "/health", headers={}).content == b""


def test_opea_streams_texts_as_python_writes_bytes() -> None:
    body = {"messages": "où est-ce", "max_tokens": 9}
    found = [text for _, text in events(ask("opea", "/v1/chatqna", body))]
    assert found[-1] == "[DONE]"
    words = [ast.literal_eval(text).decode() for text in found[:-1]]
    assert "".join(words) == "où est-ce"
    whole = ask("opea", "/v1/chatqna", {**body, "stream": False}).json()
    assert whole["choices"][0]["message"]["content"] == "où est-ce"


KSERVE = {"name": "input", "shape": [1, 2], "datatype": "FP32", "data": [1.5, 2]}


def test_ovms_infers_in_both_of_its_protocols() -> None:
    body = {"id": "7", "inputs": [KSERVE]}
    answer = ask("ovms", f"/v2/models/{MODEL}/infer", body).json()
    assert answer["outputs"] == [{**KSERVE, "name": "output", "data": [3.0, 4.0]}]
    assert (answer["id"], answer["model_version"]) == ("7", "1")
    rows = {"instances": [{"input": [1, 2]}, {"input": [3, 4]}]}
    for path in (f"/v1/models/{MODEL}:predict", f"/v1/models/{MODEL}/versions/1:predict"):
        assert ask("ovms", path, rows).json() == {"predictions": [[2, 4], [6, 8]]}
    columns = {"inputs": {"input": [[1, 2]]}}
    answer = ask("ovms", f"/v1/models/{MODEL}:predict", columns).json()
    assert answer == {"outputs": [[2, 4]]}
    assert ask("ovms", f"/v2/models/{MODEL}").json()["inputs"][0]["name"] == "input"
    assert ask("ovms", f"/v2/models/{MODEL}/ready").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/v2/models/other/infer", {}, 404, "Model with requested name is not found"),
        (f"/v2/models/{MODEL}/versions/2/infer", {}, 404, "requested version is not found"),
        (f"/v2/models/{MODEL}/infer", {}, 400, "missing inputs"),
        (f"/v2/models/{MODEL}/infer", {"inputs": []}, 400, "Invalid number of inputs"),
        (
            f"/v2/models/{MODEL}/infer",
            {"inputs": [{**KSERVE, "datatype": "INT8"}]},
            400,
            "Invalid input precision",
        ),
        (
            f"/v2/models/{MODEL}/infer",
            {"inputs": [{**KSERVE, "data": [1]}]},
            400,
            "Invalid value count",
        ),
        (f"/v1/models/{MODEL}:predict", {"rows": []}, 400, "Could not detect row or column"),
        (f"/v1/models/{MODEL}:predict", {"instances": [1]}, 400, "number of shape dimensions"),
        ("/v1/models/other:predict", {"instances": [[1]]}, 404, "name is not found"),
        (f"/v2/models/{MODEL}/infer", b"{", 412, "not valid json"),
    ],
)
def test_ovms_refuses_in_one_field(path: str, body: object, status: int, told: str) -> None:
    found, error = error_of(ask("ovms", path, body))
    assert found == status
    assert told in error


def test_vectors_differ_by_text_and_are_of_length_1() -> None:
    texts = [f"text {index}" for index in range(50)]
    vectors = [tuple(embed(text)) for text in texts]
    assert len(set(vectors)) == 50
    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1.0] * 50)


def test_reply_is_cut_only_where_words_are_left() -> None:
    assert not reply_to([TEXT], 3).cut
    assert reply_to([TEXT], 2).cut
    assert reply_to([], 2).text == ""


def test_program_names_the_protocols_that_there_are() -> None:
    words = ["-m", "proofbook_subjects.apis.doubles", "--protocol", "none", "--port", "1"]
    told = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert told.returncode == 2
    assert all(protocol in told.stderr for protocol in SERVES)
