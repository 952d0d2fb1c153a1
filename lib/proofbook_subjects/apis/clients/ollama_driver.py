"""Ollama's Python client, called as its documentation shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ollama

__all__ = ["run"]

_clients: dict[tuple[Any, ...], ollama.Client] = {}


def run(request: dict[str, Any]) -> Any:
    """Answer one request; ``options`` go to the client, which hands them to httpx."""
    client = _client(request)
    action = request["action"]
    if action == "chat":
        return _stream(client, request) if request.get("stream") else _chat(client, request)
    if action == "embeddings":
        found = client.embed(model=request["model"], input=request["input"])
        return {"text": "", "embeddings": [list(each) for each in found.embeddings]}
    if action == "models":
        return {"text": "", "models": [str(model.model) for model in client.list().models]}
    raise NotImplementedError(action)


def _client(request: dict[str, Any]) -> ollama.Client:
    options = request.get("options") or {}
    key = (request["base_url"], request["api_key"], request["timeout"], str(options))
    if key not in _clients:
        headers = {"Authorization": f"Bearer {request['api_key']}"}
        _clients[key] = ollama.Client(
            host=request["base_url"], headers=headers, timeout=request["timeout"], **options
        )
    return _clients[key]


def _asked(request: dict[str, Any]) -> dict[str, Any]:
    limit = {"num_predict": request["max_tokens"]} if request.get("max_tokens") else {}
    return {"model": request["model"], "messages": request["messages"], "options": limit}


def _chat(client: ollama.Client, request: dict[str, Any]) -> dict[str, Any]:
    answer = client.chat(**_asked(request))
    usage = {"input_tokens": answer.prompt_eval_count, "output_tokens": answer.eval_count}
    return {"text": answer.message.content, "usage": usage, "finish_reason": answer.done_reason}


def _stream(client: ollama.Client, request: dict[str, Any]) -> Iterator[Any]:
    finish = None
    for part in client.chat(**_asked(request), stream=True):
        finish = part.done_reason or finish
        if part.message.content:
            yield part.message.content
    yield {"finish_reason": finish}
