"""Text Embeddings Inference (1.x): ``/embed`` and its relatives, and OpenAI's embeddings.

It serves one model under every name. The refusal of a key has no body.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from proofbook_subjects.apis.doubles.echo import MODEL, SIZE, embed, token_ids
from proofbook_subjects.apis.doubles.protocol import (
    Body,
    Protocol,
    RefusedError,
    bearer,
    read_object,
    route,
)

__all__ = ["PROTOCOL"]

_LONGEST = 512
_BATCH = 32
_INFO = {
    "model_id": MODEL,
    "model_sha": None,
    "model_dtype": "float32",
    "served_model_name": MODEL,
    "model_type": {"embedding": {"pooling": "mean"}},
    "max_concurrent_requests": 512,
    "max_input_length": _LONGEST,
    "max_batch_tokens": 16384,
    "max_batch_requests": None,
    "max_client_batch_size": _BATCH,
    "auto_truncate": False,
    "tokenization_workers": 1,
    "version": "1.8.2",
    "sha": None,
    "docker_label": None,
}


def _error(status: int, message: str, kind: str) -> RefusedError:
    return RefusedError(status, {"error": message, "error_type": kind})


def _bad_json(reason: str) -> RefusedError:
    return RefusedError(400, f"Failed to parse the request body as JSON: {reason}")


def _missing(name: str) -> RefusedError:
    told = f"missing field `{name}`"
    return RefusedError(422, f"Failed to deserialize the JSON body into the target type: {told}")


def _check(texts: Sequence[object], *, truncates: bool) -> list[str]:
    if not texts:
        raise _error(400, "`inputs` cannot be empty", "Empty")
    if len(texts) > _BATCH:
        told = f"batch size {len(texts)} > maximum allowed batch size {_BATCH}"
        raise _error(422, told, "Validation")
    checked = []
    for text in texts:
        if not isinstance(text, str):
            raise _missing("inputs")
        if not text:
            raise _error(400, "`inputs` cannot be empty", "Empty")
        words = text.split()
        if len(words) > _LONGEST and not truncates:
            told = f"`inputs` must have less than {_LONGEST} tokens. Given: {len(words)}"
            raise _error(422, f"Input validation error: {told}", "Validation")
        checked.append(" ".join(words[:_LONGEST]) if len(words) > _LONGEST else text)
    return checked


async def _read(request: Request, name: str = "inputs") -> tuple[Body, list[str]]:
    body = await read_object(request, _bad_json)
    given = body.get(name)
    if given is None:
        raise _missing(name)
    texts = given if isinstance(given, list) else [given]
    return body, _check(texts, truncates=bool(body.get("truncate")))


async def _embed(request: Request) -> Response:
    body, texts = await _read(request)
    size = body.get("dimensions") or SIZE
    return JSONResponse([embed(text, size) for text in texts])


async def _openai(request: Request) -> Response:
    try:
        body, texts = await _read(request, "input")
    except RefusedError as refusal:
        raise _as_openai(refusal) from refusal
    size = body.get("dimensions") or SIZE
    data = [
        {"object": "embedding", "embedding": embed(text, size), "index": index}
        for index, text in enumerate(texts)
    ]
    counted = sum(len(text.split()) for text in texts)
    usage = {"prompt_tokens": counted, "total_tokens": counted}
    return JSONResponse({"object": "list", "data": data, "model": MODEL, "usage": usage})


def _as_openai(refusal: RefusedError) -> RefusedError:
    """Return a refusal in the form of the route that is like OpenAI's."""
    body = refusal.body
    if not isinstance(body, dict):
        return refusal
    told = {"message": body["error"], "code": refusal.status, "type": body["error_type"]}
    return RefusedError(refusal.status, told)


async def _rerank(request: Request) -> Response:
    body = await read_object(request, _bad_json)
    for name in ("query", "texts"):
        if name not in body:
            raise _missing(name)
    texts = _check(body["texts"], truncates=bool(body.get("truncate")))
    wanted = set(str(body["query"]).lower().split())
    ranks = [
        {
            "index": index,
            "score": len(wanted & set(text.lower().split())) / max(1, len(wanted)),
            **({"text": text} if body.get("return_text") else {}),
        }
        for index, text in enumerate(texts)
    ]
    return JSONResponse(sorted(ranks, key=lambda rank: (-float(rank["score"]), rank["index"])))


async def _similarity(request: Request) -> Response:
    body = await read_object(request, _bad_json)
    given = body.get("inputs")
    if not isinstance(given, dict) or "source_sentence" not in given or "sentences" not in given:
        raise _missing("inputs")
    source = embed(str(given["source_sentence"]))
    texts = _check(given["sentences"], truncates=False)
    return JSONResponse(
        [sum(a * b for a, b in zip(source, embed(text), strict=True)) for text in texts]
    )


async def _tokenize(request: Request) -> Response:
    _, texts = await _read(request)
    return JSONResponse(
        [
            [
                {"id": token_ids(word)[0], "text": word, "special": False, "start": None,
                 "stop": None}
                for word in text.split()
            ]
            for text in texts
        ]
    )  # fmt: skip


async def _info(_request: Request) -> Response:
    return JSONResponse(_INFO)


PROTOCOL = Protocol(
    routes=[
        route("/", _embed),
        route("/embed", _embed),
        route("/embeddings", _openai),
        route("/v1/embeddings", _openai),
        route("/rerank", _rerank),
        route("/similarity", _similarity),
        route("/tokenize", _tokenize),
        route("/info", _info, "GET"),
    ],
    find_key=bearer,
    wrong_key=lambda _key: RefusedError(401, ""),
    wrong_route=lambda _request, status: RefusedError(status, ""),
)
