"""OpenAI's Python client, called as its documentation shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai

__all__ = ["run"]

_clients: dict[tuple[Any, ...], openai.OpenAI] = {}


def run(request: dict[str, Any]) -> Any:
    """Answer one request; ``options`` go to the client: ``max_retries``."""
    client = _client(request)
    action = request["action"]
    if action == "chat":
        return _stream(client, request) if request.get("stream") else _chat(client, request)
    if action == "embeddings":
        found = client.embeddings.create(model=request["model"], input=request["input"])
        return {"text": "", "embeddings": [each.embedding for each in found.data]}
    if action == "models":
        return {"text": "", "models": [model.id for model in client.models.list()]}
    raise NotImplementedError(action)


def _client(request: dict[str, Any]) -> openai.OpenAI:
    options = request.get("options") or {}
    key = (request["base_url"], request["api_key"], request["timeout"], str(options))
    if key not in _clients:
        _clients[key] = openai.OpenAI(
            base_url=request["base_url"], api_key=request["api_key"], timeout=request["timeout"],
            **options,
        )  # fmt: skip
    return _clients[key]


def _chat(client: openai.OpenAI, request: dict[str, Any]) -> dict[str, Any]:
    answer = client.chat.completions.create(
        model=request["model"], messages=request["messages"], max_tokens=request.get("max_tokens")
    )
    choice = answer.choices[0]
    usage = answer.usage
    counted = {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens}
    return {"text": choice.message.content, "usage": counted, "finish_reason": choice.finish_reason}


def _stream(client: openai.OpenAI, request: dict[str, Any]) -> Iterator[Any]:
    finish = None
    with client.chat.completions.create(
        model=request["model"], messages=request["messages"],
        max_tokens=request.get("max_tokens"), stream=True,
    ) as stream:  # fmt: skip
        for chunk in stream:
            if chunk.choices:
                finish = chunk.choices[0].finish_reason or finish
                if text := chunk.choices[0].delta.content:
                    yield text
    yield {"finish_reason": finish}
