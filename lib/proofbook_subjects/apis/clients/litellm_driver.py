"""litellm's ``completion``, called as its documentation shows."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

# Its table of prices is fetched from the web when it is imported, unless it is told not to.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import litellm

__all__ = ["run"]

_PREFIXES = {"openai_api": "openai", "claude": "anthropic", "ollama": "ollama_chat"}


def run(request: dict[str, Any]) -> Any:
    """Answer one request; ``options`` go to each call: ``num_retries``."""
    if request["action"] != "chat" or request["protocol"] not in _PREFIXES:
        raise NotImplementedError(f"{request['action']} in {request['protocol']}")
    return _stream(request) if request.get("stream") else _chat(request)


def _asked(request: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": f"{_PREFIXES[request['protocol']]}/{request['model']}",
        "api_base": request["base_url"], "api_key": request["api_key"],
        "messages": request["messages"], "max_tokens": request.get("max_tokens"),
        "timeout": request["timeout"], **(request.get("options") or {}),
    }  # fmt: skip


def _chat(request: dict[str, Any]) -> dict[str, Any]:
    answer = litellm.completion(**_asked(request))
    choice, usage = answer.choices[0], answer.usage
    counted = {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens}
    return {"text": choice.message.content, "usage": counted, "finish_reason": choice.finish_reason}


def _stream(request: dict[str, Any]) -> Iterator[Any]:
    finish = None
    with contextlib.closing(litellm.completion(**_asked(request), stream=True)) as stream:
        for chunk in stream:
            if chunk.choices:
                finish = chunk.choices[0].finish_reason or finish
                if text := chunk.choices[0].delta.content:
                    yield text
    yield {"finish_reason": finish}
