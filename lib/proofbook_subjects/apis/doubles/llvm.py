"""llama.cpp's server, which ``llvm`` is taken for: OpenAI's form, and routes of its own.

Seen of llama.cpp's own server: it serves one model under every name, and ``/completion`` ends its
stream with ``"stop": true`` and no ``[DONE]``.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from proofbook_subjects.apis.doubles.chat_completions import Fault, Style, usage_of, write_routes
from proofbook_subjects.apis.doubles.echo import MODEL, Reply, embed, reply_to, token_ids
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

_OPEN = {"/health", "/v1/health", "/models"}


def _error(status: int, message: str, kind: str = "invalid_request_error") -> RefusedError:
    return RefusedError(status, {"error": {"code": status, "message": message, "type": kind}})


def _refuse(fault: Fault) -> RefusedError:
    texts = {
        "missing": f"'{fault.param}' is required",
        "type": f"Expected '{fault.param}' to be an array",
        "empty": f"'{fault.param}' must not be empty",
        "role": f"Unknown role: {fault.found}",
        "small": f"{fault.param} must be at least 1",
    }
    return _error(400, texts[fault.kind])


def _bad_json(reason: str) -> RefusedError:
    return _error(400, f"[json.exception.parse_error.101] parse error: {reason}")


def _timings(reply: Reply) -> Body:
    asked, said = reply.input_tokens, reply.output_tokens
    return {
        "cache_n": 0,
        "prompt_n": asked,
        "prompt_ms": asked * 1.0,
        "prompt_per_token_ms": 1.0,
        "prompt_per_second": 1000.0,
        "predicted_n": said,
        "predicted_ms": said * 10.0,
        "predicted_per_token_ms": 10.0,
        "predicted_per_second": 100.0,
    }


_STYLE = Style(
    bad_json=_bad_json,
    refuse=_refuse,
    check_model=lambda _body: MODEL,
    owner="llamacpp",
    chat_fields=lambda reply, _head: {
        "system_fingerprint": "b0-double",
        "timings": _timings(reply),
    },
    message_fields={},
    first_delta={"role": "assistant", "content": None},
    usage=lambda reply: {**usage_of(reply), "prompt_tokens_details": {"cached_tokens": 0}},
    model_fields={"meta": {"vocab_type": 2, "n_vocab": 65536, "n_ctx_train": 2048, "n_embd": 16}},
)


async def _completion(request: Request) -> Response:
    body = await read_object(request, _bad_json)
    prompt = body.get("prompt")
    if not isinstance(prompt, str):
        raise _error(400, '"prompt" must be a string')
    limit = body.get("n_predict", -1)
    reply = reply_to([prompt], limit if isinstance(limit, int) and limit >= 0 else None)
    counts = {"id_slot": 0, "tokens_evaluated": reply.input_tokens}
    ended: Body = {
        **counts,
        "index": 0,
        "content": reply.text,
        "tokens": [],
        "stop": True,
        "model": MODEL,
        "tokens_predicted": reply.output_tokens,
        "prompt": prompt,
        "has_new_line": False,
        "truncated": False,
        "stop_type": "limit" if reply.cut else "eos",
        "stopping_word": "",
        "tokens_cached": reply.total_tokens,
        "timings": _timings(reply),
    }
    if not body.get("stream"):
        return JSONResponse(ended)
    lines = [
        sse(
            {
                **counts, "index": 0, "content": piece, "tokens": token_ids(piece),
                "stop": False, "tokens_predicted": index + 1,
            }
        )
        for index, piece in enumerate(reply.pieces)
    ]  # fmt: skip
    return stream(request, [*lines, sse({**ended, "content": ""})], "text/event-stream")


async def _embedding(request: Request) -> Response:
    body = await read_object(request, _bad_json)
    given = body.get("content", body.get("input"))
    texts = given if isinstance(given, list) else [given]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise _error(400, '"input" or "content" must be provided')
    return JSONResponse([{"index": i, "embedding": [embed(t)]} for i, t in enumerate(texts)])


async def _tokenize(request: Request) -> Response:
    body = await read_object(request, _bad_json)
    return JSONResponse({"tokens": token_ids(str(body.get("content", "")))})


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _props(_request: Request) -> Response:
    settings = {"id": 0, "n_ctx": 2048, "is_processing": False}
    return JSONResponse(
        {"default_generation_settings": settings, "total_slots": 1, "model_path": MODEL}
    )


def _find_key(request: Request) -> str | None:
    return bearer(request) or request.headers.get("x-api-key")


PROTOCOL = Protocol(
    routes=[
        *write_routes(_STYLE, "chat", "completion", "embeddings", "models"),
        route("/completion", _completion),
        route("/embedding", _embedding),
        route("/tokenize", _tokenize),
        route("/props", _props, "GET"),
        route("/health", _health, "GET"),
        route("/v1/health", _health, "GET"),
    ],
    find_key=_find_key,
    wrong_key=lambda _key: _error(401, "Invalid API Key", "authentication_error"),
    wrong_route=lambda _request, _status: _error(404, "File Not Found", "not_found_error"),
    is_public=_OPEN.__contains__,
    headers={"Server": "llama.cpp"},
)
