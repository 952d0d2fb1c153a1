"""Anthropic's Python client, called as its documentation shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic

__all__ = ["run"]

_clients: dict[tuple[Any, ...], anthropic.Anthropic] = {}


def run(request: dict[str, Any]) -> Any:
    """Answer one request; ``options`` go to the client: ``max_retries``."""
    client = _client(request)
    if request["action"] == "chat":
        return _stream(client, request) if request.get("stream") else _chat(client, request)
    if request["action"] == "models":
        return {"text": "", "models": [model.id for model in client.models.list()]}
    raise NotImplementedError(request["action"])


def _client(request: dict[str, Any]) -> anthropic.Anthropic:
    options = request.get("options") or {}
    key = (request["base_url"], request["api_key"], request["timeout"], str(options))
    if key not in _clients:
        _clients[key] = anthropic.Anthropic(
            base_url=request["base_url"], api_key=request["api_key"], timeout=request["timeout"],
            **options,
        )  # fmt: skip
    return _clients[key]


def _asked(request: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": request["model"], "messages": request["messages"],
        "max_tokens": request.get("max_tokens") or 1024,
    }  # fmt: skip


def _chat(client: anthropic.Anthropic, request: dict[str, Any]) -> dict[str, Any]:
    return _told(client.messages.create(**_asked(request)))


def _stream(client: anthropic.Anthropic, request: dict[str, Any]) -> Iterator[Any]:
    with client.messages.stream(**_asked(request)) as stream:
        yield from stream.text_stream
        told = _told(stream.get_final_message())
    yield {"finish_reason": told["finish_reason"], "usage": told["usage"]}


def _told(message: Any) -> dict[str, Any]:
    usage = message.usage
    return {
        "text": "".join(block.text for block in message.content if block.type == "text"),
        "usage": {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens},
        "finish_reason": message.stop_reason,
    }
