"""Ollama's API: docs/api.md and server/routes.go of ollama. Streams are lines of JSON.

A stream is the default; its last line has the counts and the times, in nanoseconds. A server of
one's own asks for no key; the double asks for one, as ollama.com does.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from proofbook_subjects.apis.doubles.echo import (
    MODEL,
    SIZE,
    Reply,
    embed,
    flatten,
    reply_to,
    token_ids,
)
from proofbook_subjects.apis.doubles.protocol import (
    Body,
    Protocol,
    RefusedError,
    bearer,
    ndjson,
    read_object,
    route,
    stream,
)

__all__ = ["PROTOCOL"]

_CREATED = "2025-01-01T00:00:00.000000Z"
_MILLISECOND = 1_000_000
_TAG = "latest"
_DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "1M",
    "quantization_level": "F32",
}
_MODEL = {
    "name": f"{MODEL}:{_TAG}",
    "model": f"{MODEL}:{_TAG}",
    "modified_at": _CREATED,
    "size": 1_000_000,
    "digest": "0" * 64,
    "details": _DETAILS,
}


def _error(status: int, message: str) -> RefusedError:
    return RefusedError(status, {"error": message})


def _bad_json(reason: str) -> RefusedError:
    return _error(400, reason)


async def _read(request: Request) -> Body:
    if not await request.body():
        raise _error(400, "missing request body")
    body = await read_object(request, _bad_json)
    name = body.get("model", body.get("name"))
    if not name:
        raise _error(400, "model is required")
    if name not in (MODEL, f"{MODEL}:{_TAG}"):
        raise _error(404, f"model '{name}' not found")
    return body


def _limit(body: Body) -> int | None:
    options = body.get("options") or {}
    limit = options.get("num_predict")
    return limit if isinstance(limit, int) and limit >= 0 else None


def _times(reply: Reply) -> Body:
    asked, said = reply.input_tokens * _MILLISECOND, reply.output_tokens * 10 * _MILLISECOND
    return {
        "total_duration": asked + said + _MILLISECOND,
        "load_duration": _MILLISECOND,
        "prompt_eval_count": reply.input_tokens,
        "prompt_eval_duration": asked,
        "eval_count": reply.output_tokens,
        "eval_duration": said,
    }


def _answer(request: Request, body: Body, reply: Reply, name: str, more: Body) -> Response:
    """Return an answer whose text is in ``name``: a message's, or ``response``."""

    def put(text: str) -> Body:
        value: object = text if name == "response" else {"role": "assistant", "content": text}
        return {"model": body["model"], "created_at": _CREATED, name: value}

    last = {"done": True, "done_reason": "length" if reply.cut else "stop", **more}
    if body.get("stream", True) is False:
        return JSONResponse({**put(reply.text), **last, **_times(reply)})
    pieces = [{**put(piece), "done": False} for piece in reply.pieces]
    lines = [ndjson(piece) for piece in [*pieces, {**put(""), **last, **_times(reply)}]]
    return stream(request, lines, "application/x-ndjson")


async def _chat(request: Request) -> Response:
    body = await _read(request)
    messages = body.get("messages") or []
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        raise _error(
            400,
            "json: cannot unmarshal into Go struct field ChatRequest.messages of type "
            "[]api.Message",
        )
    if not messages:  # which only loads the model
        told = {"role": "assistant", "content": ""}
        head = {"model": body["model"], "created_at": _CREATED, "message": told}
        return JSONResponse({**head, "done": True, "done_reason": "load"})
    reply = reply_to([flatten(each.get("content")) for each in messages], _limit(body))
    return _answer(request, body, reply, "message", {})


async def _generate(request: Request) -> Response:
    body = await _read(request)
    prompt = body.get("prompt") or ""
    if not isinstance(prompt, str):
        raise _error(
            400,
            "json: cannot unmarshal into Go struct field GenerateRequest.prompt of type string",
        )
    reply = reply_to([prompt], _limit(body))
    return _answer(request, body, reply, "response", {"context": token_ids(prompt)})


async def _embed(request: Request) -> Response:
    body = await _read(request)
    given = body.get("input")
    wanted = given if isinstance(given, list) else [given]
    texts = [text for text in wanted if isinstance(text, str)]
    if len(texts) < len(wanted):
        raise _error(400, "invalid input type")
    size = body.get("dimensions") or SIZE
    return JSONResponse(
        {
            "model": body["model"],
            "embeddings": [embed(text, size) for text in texts],
            "total_duration": 2 * _MILLISECOND,
            "load_duration": _MILLISECOND,
            "prompt_eval_count": sum(len(text.split()) for text in texts),
        }
    )


async def _embeddings(request: Request) -> Response:
    body = await _read(request)
    return JSONResponse({"embedding": embed(str(body.get("prompt") or ""))})


async def _show(request: Request) -> Response:
    await _read(request)
    info = {"general.architecture": "llama", "llama.context_length": 2048}
    capabilities = ["completion", "embedding"]
    return JSONResponse(
        {
            "modelfile": "", "parameters": "", "template": "{{ .Prompt }}", "details": _DETAILS,
            "model_info": info, "capabilities": capabilities, "modified_at": _CREATED,
        }
    )  # fmt: skip


async def _tags(_request: Request) -> Response:
    return JSONResponse({"models": [_MODEL]})


async def _ps(_request: Request) -> Response:
    loaded = {**_MODEL, "expires_at": _CREATED, "size_vram": 0, "context_length": 2048}
    loaded.pop("modified_at")
    return JSONResponse({"models": [loaded]})


async def _version(_request: Request) -> Response:
    return JSONResponse({"version": "0.12.0"})


async def _root(_request: Request) -> Response:
    return PlainTextResponse("Ollama is running")


def _wrong_route(_request: Request, status: int) -> RefusedError:
    return RefusedError(status, "404 page not found" if status == 404 else "405 method not allowed")


PROTOCOL = Protocol(
    routes=[
        route("/", _root, "GET"),
        route("/api/version", _version, "GET"),
        route("/api/tags", _tags, "GET"),
        route("/api/ps", _ps, "GET"),
        route("/api/show", _show),
        route("/api/chat", _chat),
        route("/api/generate", _generate),
        route("/api/embed", _embed),
        route("/api/embeddings", _embeddings),
    ],
    find_key=bearer,
    wrong_key=lambda _key: _error(401, "unauthorized"),
    wrong_route=_wrong_route,
    is_public={"/", "/api/version"}.__contains__,
)
