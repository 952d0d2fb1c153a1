"""Google's Gemini API: https://ai.google.dev/api. Methods follow a colon; errors are google.rpc's.

The key is in ``x-goog-api-key`` or ``?key=``. A wrong key is status 400 (``API_KEY_INVALID``), and
none is 403. A stream is a JSON array, or events with ``alt=sse``; neither has a ``[DONE]``.
"""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

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
    Protocol,
    RefusedError,
    read_object,
    route,
    sse,
    stream,
)

__all__ = ["PROTOCOL"]

_BASE = "/{version}"
_CARD = {
    "name": f"models/{MODEL}",
    "version": "001",
    "displayName": "Double Small",
    "description": "An echo.",
    "inputTokenLimit": 8192,
    "outputTokenLimit": 8192,
    "supportedGenerationMethods": ["generateContent", "countTokens", "embedContent"],
}
_STATUSES = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
}


def _error(status: int, message: str, *details: Body) -> RefusedError:
    told: Body = {"code": status, "message": message, "status": _STATUSES[status]}
    return RefusedError(status, {"error": {**told, "details": list(details)} if details else told})


def _missing(name: str) -> RefusedError:
    return _error(400, f"* {name}: {name.rpartition('.')[2]} is not specified\n")


async def _read(request: Request) -> Body:
    return await read_object(
        request, lambda reason: _error(400, f"Invalid JSON payload received. {reason}")
    )


def _turns(body: Body, method: str) -> list[str]:
    contents = body.get("contents")
    if not contents:
        raise _missing(f"{method}.contents")
    turns = contents if isinstance(contents, list) else [contents]
    texts = []
    for turn in turns:
        parts = turn.get("parts") if isinstance(turn, dict) else None
        if not parts:
            raise _error(400, f"* {method}.contents.parts: contents.parts must not be empty.\n")
        if turn.get("role", "user") not in ("user", "model", "function"):
            raise _error(400, "Please use a valid role: user, model.")
        texts.append(flatten(parts if isinstance(parts, list) else [parts]))
    system = body.get("systemInstruction") or body.get("system_instruction") or {}
    told = flatten(system.get("parts")) if isinstance(system, dict) else ""
    return [told, *texts] if told else texts


def _usage(reply: Reply, said: int) -> Body:
    details = [{"modality": "TEXT", "tokenCount": reply.input_tokens}]
    return {
        "promptTokenCount": reply.input_tokens,
        "candidatesTokenCount": said,
        "totalTokenCount": reply.input_tokens + said,
        "promptTokensDetails": details,
    }


def _chunk(reply: Reply, text: str, said: int, identifier: str, *, last: bool) -> Body:
    candidate: Body = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    if last:
        candidate["finishReason"] = "MAX_TOKENS" if reply.cut else "STOP"
    return {
        "candidates": [candidate],
        "usageMetadata": _usage(reply, said),
        "modelVersion": MODEL,
        "responseId": identifier,
    }


def _stream(request: Request, chunks: list[Body]) -> Response:
    if request.query_params.get("alt") == "sse":
        lines = [sse(chunk, end="\r\n\r\n") for chunk in chunks]
        return stream(request, lines, "text/event-stream")
    texts = [json.dumps(chunk, indent=2) for chunk in chunks]
    pieces = [f"{'[' if index == 0 else ',' + chr(10)}{text}" for index, text in enumerate(texts)]
    return stream(request, [*pieces, "\n]\n"], "application/json")


def _generate(request: Request, body: Body, *, streamed: bool) -> Response:
    texts = _turns(body, "GenerateContentRequest")
    settings = body.get("generationConfig") or body.get("generation_config") or {}
    limit = settings.get("maxOutputTokens", settings.get("max_output_tokens"))
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise _error(400, "* GenerateContentRequest.generation_config.max_output_tokens: "
                     "max_output_tokens must be positive.\n")  # fmt: skip
    reply, identifier = reply_to(texts, limit), identify("", texts)
    if not streamed:
        said = reply.output_tokens
        return JSONResponse(_chunk(reply, reply.text, said, identifier, last=True))
    pieces = reply.pieces or ("",)
    return _stream(
        request,
        [
            _chunk(reply, piece, index + 1, identifier, last=index == len(pieces) - 1)
            for index, piece in enumerate(pieces)
        ],
    )


def _vector(body: Body) -> list[float]:
    content = body.get("content")
    if not isinstance(content, dict) or not content.get("parts"):
        raise _missing("EmbedContentRequest.content")
    size = body.get("outputDimensionality") or SIZE
    return embed(flatten(content["parts"]), size)


async def _call(request: Request) -> Response:
    name, _, method = request.path_params["call"].partition(":")
    if name != MODEL:
        raise _error(
            404,
            f"models/{name} is not found for API version {request.path_params['version']}, or is "
            f"not supported for {method}. Call ListModels to see the list of available models and "
            "their supported methods.",
        )
    body = await _read(request)
    match method:
        case "generateContent" | "streamGenerateContent":
            return _generate(request, body, streamed=method.startswith("stream"))
        case "countTokens":
            texts = _turns(body.get("generateContentRequest") or body, "CountTokensRequest")
            return JSONResponse({"totalTokens": sum(len(text.split()) for text in texts)})
        case "embedContent":
            return JSONResponse({"embedding": {"values": _vector(body)}})
        case "batchEmbedContents":
            wanted = body.get("requests")
            if not isinstance(wanted, list) or not wanted:
                raise _missing("BatchEmbedContentsRequest.requests")
            return JSONResponse({"embeddings": [{"values": _vector(each)} for each in wanted]})
        case _:
            raise _wrong_route(request, 404)


async def _models(_request: Request) -> Response:
    return JSONResponse({"models": [_CARD]})


async def _model(request: Request) -> Response:
    name = request.path_params["call"]
    if name != MODEL:
        raise _error(404, f"Model is not found: models/{name} for api version v1beta")
    return JSONResponse(_CARD)


def _find_key(request: Request) -> str | None:
    return request.headers.get("x-goog-api-key") or request.query_params.get("key") or None


def _wrong_key(key: str | None) -> RefusedError:
    if key is None:
        return _error(
            403,
            "Method doesn't allow unregistered callers (callers without established identity). "
            "Please use API Key or other form of API consumer identity to call this API.",
        )
    message = "API key not valid. Please pass a valid API key."
    reason = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    }
    localized = {
        "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
        "locale": "en-US",
        "message": message,
    }
    return _error(400, message, reason, localized)


def _wrong_route(_request: Request, _status: int) -> RefusedError:
    # The front end answers an unknown path by itself, without a body in JSON.
    return RefusedError(404, "")


PROTOCOL = Protocol(
    routes=[
        route(f"{_BASE}/models", _models, "GET"),
        route(f"{_BASE}/models/{{call}}", _model, "GET"),
        route(f"{_BASE}/models/{{call}}", _call),
    ],
    find_key=_find_key,
    wrong_key=_wrong_key,
    wrong_route=_wrong_route,
    headers={"server-timing": "gfet4t7; dur=1"},
)
