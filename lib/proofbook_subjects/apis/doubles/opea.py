"""OPEA's services (GenAIComps 1.x): the ChatQnA megaservice, and the microservices behind it.

The megaservice streams texts as Python writes bytes, ``data: b' word'``, and not JSON; the
microservices speak OpenAI's form. Errors are FastAPI's. OPEA has no keys of its own: the double's
is what a gateway in front would ask for.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from proofbook_subjects.apis.doubles.chat_completions import (
    CREATED,
    Fault,
    Style,
    read_messages,
    usage_of,
    write_routes,
)
from proofbook_subjects.apis.doubles.echo import MODEL, flatten, identify, reply_to
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

_REASONS = {
    "missing": ("missing", "Field required"),
    "type": ("list_type", "Input should be a valid list"),
    "empty": ("too_short", "List should have at least 1 item after validation, not 0"),
    "role": ("literal_error", "Input should be a known role"),
    "small": ("greater_than", "Input should be greater than 0"),
}
_OPEN = {"/health", "/v1/health_check"}


def _refuse(fault: Fault) -> RefusedError:
    kind, reason = _REASONS[fault.kind]
    told = {"type": kind, "loc": ["body", fault.param], "msg": reason, "input": fault.found}
    return RefusedError(422, {"detail": [told]})


def _bad_json(reason: str) -> RefusedError:
    told: Body = {"type": "json_invalid", "loc": ["body", 0], "msg": "JSON decode error"}
    return RefusedError(422, {"detail": [{**told, "input": {}, "ctx": {"error": reason}}]})


def _check_model(body: Body) -> str:
    # The service behind refuses it, and the exception of its client becomes this (FastAPI).
    if body.get("model") not in (None, "", MODEL):
        raise RefusedError(500, "Internal Server Error")
    return MODEL


_STYLE = Style(
    bad_json=_bad_json,
    refuse=_refuse,
    check_model=_check_model,
    owner="opea",
    chat_fields=lambda _reply, _head: {"service_tier": None, "system_fingerprint": None},
    message_fields={"refusal": None},
    first_delta={"role": "assistant", "content": ""},
    usage=usage_of,
    model_fields={},
    embedding_usage=False,
)


async def _chat_qna(request: Request) -> Response:
    """Answer a question with a stream unless told otherwise, as the megaservice does."""
    body = await read_object(request, _bad_json)
    messages = body.get("messages")
    texts = [messages] if isinstance(messages, str) else read_messages(_STYLE, body)
    limit = body.get("max_tokens")
    reply = reply_to([flatten(texts[-1])], limit if isinstance(limit, int) else None)
    if body.get("stream", True):
        lines = [sse(repr(piece.encode())) for piece in reply.pieces]
        return stream(request, [*lines, sse("[DONE]")], "text/event-stream")
    message = {"role": "assistant", "content": reply.text}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "metadata": None}
    head = {"id": identify("chatcmpl-", texts), "object": "chat.completion", "created": CREATED}
    usage = {"prompt_tokens": 0, "total_tokens": 0, "completion_tokens": 0}
    return JSONResponse({**head, "model": "chatqna", "choices": [choice], "usage": usage})


async def _health_check(_request: Request) -> Response:
    return JSONResponse(
        {
            "Service Title": "opea_service@llm/MicroService",
            "Version": "1.3",
            "Service Description": "OPEA Microservice Infrastructure",
        }
    )


async def _statistics(_request: Request) -> Response:
    return JSONResponse({"opea_service@llm": {"p50_latency": 0.0, "p99_latency": 0.0}})


PROTOCOL = Protocol(
    routes=[
        route("/v1/chatqna", _chat_qna),
        *write_routes(_STYLE, "chat", "embeddings"),
        route("/v1/health_check", _health_check, "GET"),
        route("/v1/statistics", _statistics, "GET"),
    ],
    find_key=bearer,
    wrong_key=lambda _key: RefusedError(401, {"detail": "Not authenticated"}),
    wrong_route=lambda _request, status: RefusedError(
        status, {"detail": "Not Found" if status == 404 else "Method Not Allowed"}
    ),
    is_public=_OPEN.__contains__,
)
