"""Anthropic's Messages API: https://docs.anthropic.com/en/api. Events have types, and a ping.

The key is in ``x-api-key``, or a bearer's, as its SDK 2.14 sends it; ``anthropic-version`` must be
there, and so must ``max_tokens``.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from proofbook_subjects.apis.doubles.echo import MODEL, Reply, flatten, identify, reply_to
from proofbook_subjects.apis.doubles.protocol import (
    Body,
    Protocol,
    RefusedError,
    bearer,
    read_object,
    route,
    sse,
    stream,
)

__all__ = ["PROTOCOL"]

_ID = "req_double"
_CARD = {
    "type": "model",
    "id": MODEL,
    "display_name": "Double Small",
    "created_at": "2025-01-01T00:00:00Z",
}


def _error(status: int, kind: str, message: str) -> RefusedError:
    told = {"type": kind, "message": message}
    return RefusedError(status, {"type": "error", "error": told, "request_id": _ID})


def _invalid(message: str) -> RefusedError:
    return _error(400, "invalid_request_error", message)


async def _read(request: Request, *required: str) -> Body:
    if "anthropic-version" not in request.headers:
        raise _invalid("anthropic-version: header is required")
    body = await read_object(
        request, lambda reason: _invalid(f"The request body is not valid JSON: {reason}")
    )
    for name in ("model", *required, "messages"):
        if name not in body:
            raise _invalid(f"{name}: Field required")
    if body["model"] != MODEL:
        raise _error(404, "not_found_error", f"model: {body['model']}")
    return body


def _read_texts(body: Body) -> list[str]:
    messages = body["messages"]
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        raise _invalid("messages: Input should be a valid list")
    if not messages:
        raise _invalid("messages: at least one message is required")
    texts = [flatten(body.get("system"))] if body.get("system") else []
    for index, message in enumerate(messages):
        role = message.get("role")
        if role not in ("user", "assistant"):
            raise _invalid(
                f'messages: Unexpected role "{role}". The Messages API accepts a top-level '
                '`system` parameter, not "system" as an input message role.'
                if role == "system"
                else f"messages.{index}.role: Input should be 'user' or 'assistant'"
            )
        text = flatten(message.get("content"))
        if not text.strip():
            raise _invalid(f"messages.{index}: text content blocks must be non-empty")
        texts.append(text)
    return texts


def _usage(reply: Reply, said: int) -> Body:
    return {
        "input_tokens": reply.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": said,
        "service_tier": "standard",
    }


async def _messages(request: Request) -> Response:
    body = await _read(request, "max_tokens")
    limit = body["max_tokens"]
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise _invalid("max_tokens: Input should be a valid integer")
    if limit < 1:
        raise _invalid("max_tokens: Input should be greater than or equal to 1")
    texts = _read_texts(body)
    reply = reply_to(texts, limit)
    head = {"id": identify("msg_", texts), "type": "message", "role": "assistant", "model": MODEL}
    if body.get("stream"):
        return stream(request, _events(head, reply), "text/event-stream")
    content = [{"type": "text", "text": reply.text}]
    return JSONResponse(
        {
            **head,
            "content": content,
            **_stop(reply),
            "usage": _usage(reply, reply.output_tokens),
        }
    )


def _stop(reply: Reply) -> Body:
    return {"stop_reason": "max_tokens" if reply.cut else "end_turn", "stop_sequence": None}


def _events(head: Body, reply: Reply) -> list[str]:
    empty: Body = {"content": [], "stop_reason": None, "stop_sequence": None}
    events: list[Body] = [
        {"type": "message_start", "message": {**head, **empty, "usage": _usage(reply, 1)}},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
        {"type": "ping"},
    ]
    for piece in reply.pieces:
        delta = {"type": "text_delta", "text": piece}
        events.append({"type": "content_block_delta", "index": 0, "delta": delta})
    usage = {"output_tokens": reply.output_tokens}
    events += [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": _stop(reply), "usage": usage},
        {"type": "message_stop"},
    ]
    return [sse(event, event["type"]) for event in events]


async def _count(request: Request) -> Response:
    texts = _read_texts(await _read(request))
    return JSONResponse({"input_tokens": sum(len(text.split()) for text in texts)})


async def _models(_request: Request) -> Response:
    return JSONResponse({"data": [_CARD], "has_more": False, "first_id": MODEL, "last_id": MODEL})


async def _model(request: Request) -> Response:
    wanted = request.path_params["model"]
    if wanted != MODEL:
        raise _error(404, "not_found_error", f"model: {wanted}")
    return JSONResponse(_CARD)


def _wrong_key(key: str | None) -> RefusedError:
    told = "x-api-key header is required" if key is None else "invalid x-api-key"
    return _error(401, "authentication_error", told)


def _wrong_route(_request: Request, status: int) -> RefusedError:
    if status == 405:
        return _error(405, "invalid_request_error", "Method Not Allowed")
    return _error(404, "not_found_error", "Not Found")


PROTOCOL = Protocol(
    routes=[
        route("/v1/messages", _messages),
        route("/v1/messages/count_tokens", _count),
        route("/v1/models", _models, "GET"),
        route("/v1/models/{model}", _model, "GET"),
    ],
    find_key=lambda request: request.headers.get("x-api-key") or bearer(request),
    wrong_key=_wrong_key,
    wrong_route=_wrong_route,
    headers={"request-id": _ID},
)
