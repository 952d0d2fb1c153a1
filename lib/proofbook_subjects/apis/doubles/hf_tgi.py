"""Text Generation Inference (3.x): ``/generate``, ``/generate_stream``, and OpenAI's form.

It serves one model under every name, so no model is ever missing. The refusal of a key has no body
(its authentication layer answers with a bare status), and faults of a body's form are text.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from proofbook_subjects.apis.doubles.chat_completions import Fault, Style, usage_of, write_routes
from proofbook_subjects.apis.doubles.echo import MODEL, Reply, reply_to, token_ids
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

_LONGEST = 1024
_OPEN = {"/health", "/info", "/metrics", "/ping", "/v1/models", "/chat_tokenize"}
_INFO = {
    "model_id": MODEL,
    "model_sha": None,
    "model_pipeline_tag": "text-generation",
    "max_concurrent_requests": 128,
    "max_best_of": 2,
    "max_stop_sequences": 4,
    "max_input_tokens": _LONGEST - 1,
    "max_total_tokens": 2 * _LONGEST,
    "validation_workers": 2,
    "max_client_batch_size": 4,
    "router": "text-generation-router",
    "version": "3.3.6",
    "sha": None,
    "docker_label": None,
}


def _invalid(message: str) -> RefusedError:
    told = f"Input validation error: {message}"
    return RefusedError(422, {"error": told, "error_type": "validation"})


def _unreadable(reason: str) -> RefusedError:
    return RefusedError(422, f"Failed to deserialize the JSON body into the target type: {reason}")


def _bad_json(reason: str) -> RefusedError:
    return RefusedError(400, f"Failed to parse the request body as JSON: {reason}")


def _refuse(fault: Fault) -> RefusedError:
    texts = {
        "missing": f"missing field `{fault.param}`",
        "type": f"{fault.param}: invalid type: expected a sequence",
        "role": f"{fault.param}: unknown role",
    }
    if fault.kind in texts:
        return _unreadable(texts[fault.kind])
    if fault.kind == "small":
        return _invalid("`max_new_tokens` must be strictly positive")
    return _invalid("`inputs` cannot be empty")


_STYLE = Style(
    bad_json=_bad_json,
    refuse=_refuse,
    # The name that was asked for comes back, whatever it is; "tgi" stands for the model's own.
    check_model=lambda body: MODEL if body.get("model") in (None, "", "tgi") else body["model"],
    owner=MODEL,
    chat_fields=lambda _reply, _head: {"id": "", "system_fingerprint": "3.3.6-native"},
    message_fields={},
    first_delta={"role": "assistant", "content": ""},
    usage=usage_of,
    model_fields={},
)


async def _read(request: Request) -> tuple[Body, Body]:
    """Return the body and its parameters, both sound."""
    body = await read_object(request, _bad_json)
    if "inputs" not in body:
        raise _unreadable("missing field `inputs`")
    if not isinstance(body["inputs"], str):
        raise _unreadable("inputs: invalid type: expected a string")
    if not body["inputs"]:
        raise _invalid("`inputs` cannot be empty")
    parameters = body.get("parameters") or {}
    limit = parameters.get("max_new_tokens")
    if limit is not None and limit <= 0:
        raise _invalid("`max_new_tokens` must be strictly positive")
    temperature = parameters.get("temperature")
    if temperature is not None and temperature <= 0:
        raise _invalid("`temperature` must be strictly positive")
    given = len(body["inputs"].split())
    if given >= _LONGEST:
        raise _invalid(f"`inputs` must have less than {_LONGEST} tokens. Given: {given}")
    return body, parameters


def _tokens(reply: Reply) -> list[Body]:
    return [
        {"id": token_ids(piece)[0], "text": piece, "logprob": -0.5, "special": False}
        for piece in reply.pieces
    ]


def _details(reply: Reply) -> Body:
    finish = "length" if reply.cut else "eos_token"
    return {"finish_reason": finish, "generated_tokens": reply.output_tokens, "seed": None}


def _headers(body: Body, reply: Reply) -> dict[str, str]:
    return {
        "x-compute-type": "cpu-double",
        "x-compute-characters": str(len(body["inputs"])),
        "x-prompt-tokens": str(reply.input_tokens),
        "x-generated-tokens": str(reply.output_tokens),
    }


def _say(body: Body, parameters: Body) -> tuple[Reply, str]:
    reply = reply_to([body["inputs"]], parameters.get("max_new_tokens"))
    before = body["inputs"] if parameters.get("return_full_text") else ""
    return reply, before + reply.text


def _generated(body: Body, parameters: Body) -> tuple[Body, dict[str, str]]:
    reply, text = _say(body, parameters)
    answer: Body = {"generated_text": text}
    if parameters.get("details"):
        answer["details"] = {**_details(reply), "prefill": [], "tokens": _tokens(reply)}
    return answer, _headers(body, reply)


def _streamed(request: Request, body: Body, parameters: Body) -> Response:
    reply, text = _say(body, parameters)
    tokens = _tokens(reply)
    lines = []
    for index, token in enumerate(tokens):
        is_last = index == len(tokens) - 1
        wants = is_last and parameters.get("details")
        details = {**_details(reply), "input_length": reply.input_tokens} if wants else None
        generated = text if is_last else None
        lines.append(
            sse(
                {
                    "index": index + 1, "token": token, "generated_text": generated,
                    "details": details,
                }
            )
        )  # fmt: skip
    return stream(request, lines, "text/event-stream", {"x-accel-buffering": "no"})


async def _generate(request: Request) -> Response:
    answer, headers = _generated(*await _read(request))
    return JSONResponse(answer, headers=headers)


async def _generate_stream(request: Request) -> Response:
    return _streamed(request, *await _read(request))


async def _compat(request: Request) -> Response:
    body, parameters = await _read(request)
    if body.get("stream"):
        return _streamed(request, body, parameters)
    answer, headers = _generated(body, parameters)
    return JSONResponse([answer], headers=headers)


async def _tokenize(request: Request) -> Response:
    body, _ = await _read(request)
    found, start = [], 0
    for word in body["inputs"].split():
        start = body["inputs"].index(word, start)
        stop = start + len(word)
        found.append({"id": token_ids(word)[0], "text": word, "start": start, "stop": stop})
        start = stop
    return JSONResponse(found)


async def _info(_request: Request) -> Response:
    return JSONResponse(_INFO)


PROTOCOL = Protocol(
    routes=[
        route("/", _compat),
        route("/generate", _generate),
        route("/generate_stream", _generate_stream),
        route("/tokenize", _tokenize),
        route("/info", _info, "GET"),
        *write_routes(_STYLE, "chat", "completion", "models"),
    ],
    find_key=bearer,
    wrong_key=lambda _key: RefusedError(401, ""),
    wrong_route=lambda _request, status: RefusedError(status, ""),
    is_public=_OPEN.__contains__,
)
