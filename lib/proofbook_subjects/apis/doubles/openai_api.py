"""OpenAI's API: https://platform.openai.com/docs/api-reference.

Its error is ``{"error": {"message", "type", "param", "code"}}``.
"""

from __future__ import annotations

from starlette.requests import Request

from proofbook_subjects.apis.doubles.chat_completions import Fault, Style, usage_of, write_routes
from proofbook_subjects.apis.doubles.echo import MODEL, Reply
from proofbook_subjects.apis.doubles.protocol import Body, Protocol, RefusedError, bearer

__all__ = ["PROTOCOL"]

_CODES = {
    "missing": "missing_required_parameter",
    "type": "invalid_type",
    "empty": "empty_array",
    "role": "invalid_value",
    "small": "integer_below_min_value",
}
_ROLES = "'system', 'assistant', 'user', 'function', 'tool', and 'developer'"
_KINDS = {
    str: "a string",
    int: "an integer",
    float: "a decimal",
    bool: "a boolean",
    list: "an array",
}


def _error(
    status: int, message: str, *, param: str | None = None, code: str | None = None
) -> RefusedError:
    told = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return RefusedError(status, {"error": told})


def _bad_json(_reason: str) -> RefusedError:
    return _error(
        400,
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't "
        "using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was "
        "sent was not valid JSON.)",
    )


def _refuse(fault: Fault) -> RefusedError:
    kind = _KINDS.get(type(fault.found), "an object")
    wanted = "an array of objects" if fault.param == "messages" else "an integer"
    texts = {
        "missing": f"Missing required parameter: '{fault.param}'.",
        "type": f"Invalid type for '{fault.param}': expected {wanted}, but got {kind} instead.",
        "empty": f"Invalid '{fault.param}': empty array. Expected an array with minimum length 1, "
        "but got an empty array instead.",
        "role": f"Invalid value: '{fault.found}'. Supported values are: {_ROLES}.",
        "small": f"Invalid '{fault.param}': integer below minimum value. Expected a value >= 1, "
        f"but got {fault.found} instead.",
    }
    return _error(400, texts[fault.kind], param=fault.param, code=_CODES[fault.kind])


def _check_model(body: Body) -> str:
    model = body.get("model")
    if not model:
        raise _error(400, "you must provide a model parameter")
    if model != MODEL:
        raise _error(
            404, f"The model `{model}` does not exist or you do not have access to it.",
            code="model_not_found",
        )  # fmt: skip
    return MODEL


def _usage(reply: Reply) -> Body:
    details = {"reasoning_tokens": 0, "audio_tokens": 0}
    predicted = {"accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}
    return {
        **usage_of(reply),
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {**details, **predicted},
    }


def _wrong_key(key: str | None) -> RefusedError:
    if key is None:
        return _error(
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization "
            "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY). You can obtain an API "
            "key from https://platform.openai.com/account/api-keys.",
        )
    shown = f"{key[:4]}{'*' * max(0, len(key) - 8)}{key[-4:]}" if len(key) > 8 else "*" * len(key)
    return _error(
        401,
        f"Incorrect API key provided: {shown}. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
        code="invalid_api_key",
    )


def _wrong_route(request: Request, status: int) -> RefusedError:
    what = f"{request.method} {request.url.path}"
    if status == 405:
        return _error(
            405,
            f"Not allowed to {request.method} on {request.url.path}. (HINT: Perhaps you meant to "
            "use a different HTTP method?)",
            code="method_not_supported",
        )
    return _error(404, f"Invalid URL ({what})", code=None)


_STYLE = Style(
    bad_json=_bad_json,
    refuse=_refuse,
    check_model=_check_model,
    owner="system",
    chat_fields=lambda _reply, _head: {"service_tier": "default", "system_fingerprint": None},
    message_fields={"refusal": None, "annotations": []},
    first_delta={"role": "assistant", "content": "", "refusal": None},
    usage=_usage,
    usage_before=True,
    model_fields={},
)

PROTOCOL = Protocol(
    routes=write_routes(_STYLE, "chat", "completion", "embeddings", "models"),
    find_key=bearer,
    wrong_key=_wrong_key,
    wrong_route=_wrong_route,
    headers={"x-request-id": "req_double", "openai-version": "2020-10-01"},
)
