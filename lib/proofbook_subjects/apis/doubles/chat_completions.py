"""OpenAI's chat completions, completions, embeddings and models, which many services speak.

What differs between them (errors, extra fields) is a :class:`Style`. The form is that of OpenAI's
API reference, chunk by chunk.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from proofbook_subjects.apis.doubles.echo import (
    MODEL,
    SIZE,
    Reply,
    embed,
    flatten,
    identify,
    reply_to,
)
from proofbook_subjects.apis.doubles.protocol import (
    Body,
    RefusedError,
    read_object,
    route,
    sse,
    stream,
)

__all__ = ["CREATED", "Fault", "Style", "read_messages", "usage_of", "write_routes"]

CREATED = 1_735_689_600
"""The time of every answer: what a double says is the same each time."""
_ROLES = ("system", "assistant", "user", "function", "tool", "developer")


class Fault(NamedTuple):
    """What is wrong with a parameter."""

    param: str
    kind: Literal["missing", "type", "empty", "role", "small"]
    found: object = None


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a service differs from another."""

    bad_json: Callable[[str], RefusedError]
    refuse: Callable[[Fault], RefusedError]
    check_model: Callable[[Body], str]
    """Returns the name that answers carry; raises the service's own refusal."""
    owner: str
    chat_fields: Callable[[Reply, Body], Body] = lambda _reply, _body: {}
    """More fields of a chat's answer."""
    message_fields: Body
    """More fields of an answer's message."""
    first_delta: Body
    """The delta of a stream's first chunk."""
    write_chunk: Callable[[Body, int, int, Reply], Body] = lambda chunk, _index, _of, _reply: chunk
    """Changes a chunk, given its number and how many there are."""
    usage: Callable[[Reply], Body]
    usage_before: bool = False
    """Whether chunks before the last say that there is no usage yet."""
    model_fields: Body
    """More fields in the list of models."""
    embedding_usage: bool = True


def usage_of(reply: Reply) -> Body:
    """Return the three counts."""
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": reply.total_tokens,
    }


def write_routes(style: Style, *names: str, base: str = "/v1") -> list[Route]:
    """Return the routes below ``base``: of ``chat``, ``completion``, ``embeddings``, ``models``."""

    async def chat(request: Request) -> Response:
        body = await read_object(request, style.bad_json)
        return _answer_chat(style, request, body)

    async def completion(request: Request) -> Response:
        body = await read_object(request, style.bad_json)
        return _answer_completion(style, request, body)

    async def embeddings(request: Request) -> Response:
        return _answer_embeddings(style, await read_object(request, style.bad_json))

    async def models(_request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [_model(style)]})

    async def model(request: Request) -> Response:
        style.check_model({"model": request.path_params["model"]})
        return JSONResponse(_model(style))

    made = {
        "chat": [route(f"{base}/chat/completions", chat)],
        "completion": [route(f"{base}/completions", completion)],
        "embeddings": [route(f"{base}/embeddings", embeddings)],
        "models": [
            route(f"{base}/models", models, "GET"),
            route(f"{base}/models/{{model:path}}", model, "GET"),
        ],
    }
    return [each for name in names for each in made[name]]


def read_messages(style: Style, body: Body) -> list[str]:
    """Return the texts of a chat's messages, or raise the service's refusal."""
    messages = body.get("messages")
    if messages is None:
        raise style.refuse(Fault("messages", "missing"))
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        raise style.refuse(Fault("messages", "type", messages))
    if not messages:
        raise style.refuse(Fault("messages", "empty", messages))
    for index, message in enumerate(messages):
        if message.get("role") not in _ROLES:
            raise style.refuse(Fault(f"messages[{index}].role", "role", message.get("role")))
    return [flatten(message.get("content")) for message in messages]


def _read_limit(style: Style, body: Body) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        limit = body.get(name)
        if limit is not None and not (isinstance(limit, int) and not isinstance(limit, bool)):
            raise style.refuse(Fault(name, "type", limit))
        if limit is not None and limit < 1:
            raise style.refuse(Fault(name, "small", limit))
        if limit is not None:
            return int(limit)
    return None


def _answer_chat(style: Style, request: Request, body: Body) -> Response:
    model = style.check_model(body)
    texts = read_messages(style, body)
    reply = reply_to(texts, _read_limit(style, body))
    head = {"id": identify("chatcmpl-", texts), "created": CREATED, "model": model}
    if body.get("stream"):
        deltas = [style.first_delta, *({"content": piece} for piece in reply.pieces), {}]
        choices = [{"index": 0, "delta": delta, "logprobs": None} for delta in deltas]
        head = {**head, "object": "chat.completion.chunk"}
        return _stream(style, request, body, head, choices, reply)
    message = {"role": "assistant", "content": reply.text, **style.message_fields}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(reply)}
    return JSONResponse(
        {
            **head,
            "object": "chat.completion",
            "choices": [choice],
            "usage": style.usage(reply),
            **style.chat_fields(reply, head),
        }
    )


def _answer_completion(style: Style, request: Request, body: Body) -> Response:
    model = style.check_model(body)
    prompt = body.get("prompt")
    if prompt is None:
        raise style.refuse(Fault("prompt", "missing"))
    texts = prompt if isinstance(prompt, list) else [prompt]
    if not all(isinstance(text, str) for text in texts):
        raise style.refuse(Fault("prompt", "type", prompt))
    reply = reply_to(texts, _read_limit(style, body))
    head = {"id": identify("cmpl-", texts), "created": CREATED, "model": model}
    head["object"] = "text_completion"
    if body.get("stream"):
        pieces = [*reply.pieces, ""]
        choices: list[Body] = [{"index": 0, "text": text, "logprobs": None} for text in pieces]
        return _stream(style, request, body, head, choices, reply)
    choice = {"index": 0, "text": reply.text, "logprobs": None, "finish_reason": _finish(reply)}
    return JSONResponse({**head, "choices": [choice], "usage": style.usage(reply)})


def _stream(
    style: Style, request: Request, body: Body, head: Body, choices: Sequence[Body], reply: Reply
) -> Response:
    options = body.get("stream_options")
    counts = isinstance(options, dict) and bool(options.get("include_usage"))
    chunks: list[Body] = []
    for index, choice in enumerate(choices):
        is_last = index == len(choices) - 1
        finish = _finish(reply) if is_last else None
        chunk = {**head, "choices": [{**choice, "finish_reason": finish}]}
        if counts and style.usage_before:
            chunk["usage"] = None
        chunks.append(style.write_chunk(chunk, index, len(choices), reply))
    if counts:
        chunks.append({**head, "choices": [], "usage": style.usage(reply)})
    lines = [*(sse(chunk) for chunk in chunks), sse("[DONE]")]
    return stream(request, lines, "text/event-stream")


def _finish(reply: Reply) -> str:
    return "length" if reply.cut else "stop"


def _answer_embeddings(style: Style, body: Body) -> Response:
    model = style.check_model(body)
    given = body.get("input")
    if given is None:
        raise style.refuse(Fault("input", "missing"))
    texts = given if isinstance(given, list) else [given]
    if not all(isinstance(text, str) for text in texts):
        raise style.refuse(Fault("input", "type", given))
    if not texts:
        raise style.refuse(Fault("input", "empty", given))
    size = body.get("dimensions") or SIZE
    pack = _pack if body.get("encoding_format") == "base64" else list
    data = [
        {"object": "embedding", "index": index, "embedding": pack(embed(text, size))}
        for index, text in enumerate(texts)
    ]
    counted = sum(len(text.split()) for text in texts)
    usage = {"prompt_tokens": counted, "total_tokens": counted} if style.embedding_usage else None
    return JSONResponse({"object": "list", "data": data, "model": model, "usage": usage})


def _pack(vector: Sequence[float]) -> str:
    """Return 32-bit little-endian numbers as base64, which OpenAI's own client asks for."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _model(style: Style) -> Body:
    own = {"id": MODEL, "object": "model", "created": CREATED, "owned_by": style.owner}
    return {**own, **style.model_fields}
