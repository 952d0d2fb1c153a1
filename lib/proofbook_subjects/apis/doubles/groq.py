"""Groq's API: https://console.groq.com/docs/api-reference. OpenAI's form below ``/openai/v1``.

It tells times beside the counts, and in a stream it puts them into ``x_groq`` of the last chunk.
"""

from __future__ import annotations

from starlette.requests import Request

from proofbook_subjects.apis.doubles.chat_completions import Fault, Style, usage_of, write_routes
from proofbook_subjects.apis.doubles.echo import MODEL, Reply
from proofbook_subjects.apis.doubles.protocol import Body, Protocol, RefusedError, bearer

__all__ = ["PROTOCOL"]

_BASE = "/openai/v1"


def _error(status: int, message: str, code: str | None = None) -> RefusedError:
    told = {"message": message, "type": "invalid_request_error"}
    return RefusedError(status, {"error": {**told, "code": code} if code else told})


def _refuse(fault: Fault) -> RefusedError:
    texts = {
        "missing": f"'{fault.param}' : property '{fault.param}' is missing",
        "type": f"'{fault.param}' : value is of the wrong type",
        "empty": f"'{fault.param}' : minimum number of items is 1",
        "role": f"'{fault.param}' : value '{fault.found}' is not allowed",
        "small": f"'{fault.param}' : must be at least 1",
    }
    return _error(400, texts[fault.kind])


def _check_model(body: Body) -> str:
    model = body.get("model")
    if not model:
        raise _refuse(Fault("model", "missing"))
    if model != MODEL:
        raise _error(
            404, f"The model `{model}` does not exist or you do not have access to it.",
            "model_not_found",
        )  # fmt: skip
    return MODEL


def _usage(reply: Reply) -> Body:
    prompt, completion = reply.input_tokens / 1000, reply.output_tokens / 100
    times = {"queue_time": 0.001, "prompt_time": prompt, "completion_time": completion}
    return {**usage_of(reply), **times, "total_time": prompt + completion}


def _write_chunk(chunk: Body, index: int, of: int, reply: Reply) -> Body:
    own: Body = {"id": "req_double"}
    if index == of - 1:
        return {**chunk, "x_groq": {**own, "usage": _usage(reply)}}
    return {**chunk, "x_groq": own} if index == 0 else chunk


def _wrong_route(request: Request, status: int) -> RefusedError:
    what = f"{request.method} {request.url.path}"
    return _error(
        status,
        f"Unknown request URL: {what}. Please check the URL for typos, or see the docs at "
        "https://console.groq.com/docs/",
        "unknown_url",
    )


_STYLE = Style(
    bad_json=lambda reason: _error(400, f"Failed to parse the request body as JSON: {reason}"),
    refuse=_refuse,
    check_model=_check_model,
    owner="Groq",
    chat_fields=lambda _reply, _head: {
        "system_fingerprint": "fp_double",
        "x_groq": {"id": "req_double"},
        "service_tier": "on_demand",
    },
    message_fields={},
    first_delta={"role": "assistant", "content": ""},
    write_chunk=_write_chunk,
    usage=_usage,
    model_fields={
        "active": True,
        "context_window": 8192,
        "public_apps": None,
        "max_completion_tokens": 8192,
    },
)

PROTOCOL = Protocol(
    routes=write_routes(_STYLE, "chat", "models", base=_BASE),
    find_key=bearer,
    wrong_key=lambda _key: _error(401, "Invalid API Key", "invalid_api_key"),
    wrong_route=_wrong_route,
    headers={
        "x-request-id": "req_double",
        "x-ratelimit-limit-requests": "14400",
        "x-ratelimit-limit-tokens": "18000",
        "x-ratelimit-remaining-requests": "14399",
        "x-ratelimit-remaining-tokens": "17990",
        "x-ratelimit-reset-requests": "6s",
        "x-ratelimit-reset-tokens": "33ms",
    },
)
