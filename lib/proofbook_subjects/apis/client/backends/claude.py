"""Anthropic's API: messages and models. It has no embeddings and no plain completion."""

from __future__ import annotations

from typing import Any

from proofbook_subjects.apis.client.answers import Usage
from proofbook_subjects.apis.client.backends.base import Backend, EventReader, as_dict, count
from proofbook_subjects.apis.client.events import EventDecoder
from proofbook_subjects.apis.client.exchange import Call, Part, Reply, TextRequest

__all__ = ["Claude"]

_MAX_TOKENS = 1024
"""The API wants a limit; this is sent where the caller gave none."""


class Claude(Backend):
    """``claude``."""

    name = "claude"
    title = "Anthropic"
    default_url = "https://api.anthropic.com"
    url_form = "https://api.anthropic.com, without a version path"
    key_names = ("ANTHROPIC_API_KEY",)
    key_header = "x-api-key"
    key_prefix = ""
    headers = {"anthropic-version": "2023-06-01"}  # noqa: RUF012 - a ClassVar of the base

    def write_chat(self, request: TextRequest, *, stream: bool) -> Call:
        """``POST v1/messages``; system messages go into ``system``."""
        system = [m["content"] for m in request.messages if m.get("role") == "system"]
        body: dict[str, Any] = {
            "model": request.model,
            "messages": [dict(m) for m in request.messages if m.get("role") != "system"],
            "max_tokens": _MAX_TOKENS if request.max_tokens is None else request.max_tokens,
        }
        if system:
            body["system"] = "\n\n".join(system)
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if stream:
            body["stream"] = True
        return Call(path="/v1/messages", body={**body, **request.extra}, model=request.model)

    def read_chat(self, value: Any) -> Reply:
        """Read the text blocks of ``content``."""
        content = as_dict(value).get("content")
        if not isinstance(content, list) or value.get("type") != "message":
            self.foreign(value, "type: message")
        text = "".join(block.get("text", "") for block in content if block.get("type") == "text")
        return Reply(text, _usage(value.get("usage")), value.get("stop_reason"), value.get("model"))

    def chat_reader(self) -> EventReader:
        """Read ``content_block_delta`` events, until ``message_stop``."""
        return EventReader(EventDecoder(), _Events(self).read)

    def write_models(self) -> Call:
        """``GET v1/models``."""
        return Call(method="GET", path="/v1/models", query={"limit": "1000"})

    def read_models(self, value: Any) -> list[str]:
        """Read ``data[].id``."""
        data = as_dict(value).get("data")
        if not isinstance(data, list) or not all("id" in as_dict(row) for row in data):
            self.foreign(value, "data[].id")
        return [row["id"] for row in data]


class _Events:
    """The input's tokens come with the first event, the output's with the last but one."""

    def __init__(self, backend: Claude) -> None:
        self._backend = backend
        self._usage: dict[str, Any] = {}

    def read(self, _name: str, value: Any) -> Part:
        kind = as_dict(value).get("type")
        if kind == "message_start":
            message = as_dict(value.get("message"))
            self._usage = dict(as_dict(message.get("usage")))
            return Part(model=message.get("model"))
        if kind == "content_block_delta":
            return Part(as_dict(value.get("delta")).get("text") or "")
        if kind == "message_delta":
            self._usage |= as_dict(value.get("usage"))
            reason = as_dict(value.get("delta")).get("stop_reason")
            return Part(usage=_usage(self._usage), finish_reason=reason)
        if not isinstance(kind, str):
            self._backend.foreign(value, "type")
        return Part(last=kind == "message_stop")  # others (ping, content_block_start) say nothing


def _usage(value: Any) -> Usage | None:
    if not isinstance(value, dict) or "output_tokens" not in value:
        return None
    cached = count(value, "cache_read_input_tokens")
    made = count(value, "cache_creation_input_tokens")
    return Usage(
        count(value, "input_tokens") + cached + made, count(value, "output_tokens"), cached
    )
