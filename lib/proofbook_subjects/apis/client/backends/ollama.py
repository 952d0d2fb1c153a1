"""Ollama's API: chat, generate, embed, tags; streams are newline-delimited JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proofbook_subjects.apis.client.answers import Usage
from proofbook_subjects.apis.client.backends.base import Backend, EventReader, as_dict, count
from proofbook_subjects.apis.client.events import JsonLinesDecoder
from proofbook_subjects.apis.client.exchange import Call, Part, Reply, TextRequest, Vectors

__all__ = ["Ollama"]


class Ollama(Backend):
    """``ollama``."""

    name = "ollama"
    title = "Ollama"
    default_url = "http://127.0.0.1:11434"
    url_form = "http://127.0.0.1:11434, without a version path"
    key_names = ("OLLAMA_API_KEY",)
    key_required = False  # a local server has none

    def write_chat(self, request: TextRequest, *, stream: bool) -> Call:
        """``POST api/chat``."""
        body = {"messages": [dict(message) for message in request.messages]}
        return _call("/api/chat", request, body, stream)

    def read_chat(self, value: Any) -> Reply:
        """Read ``message.content``."""
        message = as_dict(value).get("message")
        if not isinstance(message, dict) or "done" not in value:
            self.foreign(value, "message")
        return _reply(value, message.get("content"))

    def chat_reader(self) -> EventReader:
        """Read lines until one that is ``done``."""
        return EventReader(JsonLinesDecoder(), lambda _, value: _part(self.read_chat(value), value))

    def write_completion(self, request: TextRequest, *, stream: bool) -> Call:
        """``POST api/generate``."""
        return _call("/api/generate", request, {"prompt": request.prompt}, stream)

    def read_completion(self, value: Any) -> Reply:
        """Read ``response``."""
        if "response" not in as_dict(value):
            self.foreign(value, "response")
        return _reply(value, value["response"])

    def completion_reader(self) -> EventReader:
        """Read lines until one that is ``done``."""
        return EventReader(
            JsonLinesDecoder(), lambda _, value: _part(self.read_completion(value), value)
        )

    def write_embeddings(self, texts: Sequence[str], model: str) -> Call:
        """``POST api/embed``."""
        return Call(path="/api/embed", body={"model": model, "input": list(texts)}, model=model)

    def read_embeddings(self, value: Any) -> Vectors:
        """Read ``embeddings``."""
        rows = as_dict(value).get("embeddings")
        if not isinstance(rows, list):
            self.foreign(value, "embeddings")
        read = Usage(count(value, "prompt_eval_count"), 0) if "prompt_eval_count" in value else None
        return Vectors(tuple(tuple(row) for row in rows), read, value.get("model"))

    def write_models(self) -> Call:
        """``GET api/tags``."""
        return Call(method="GET", path="/api/tags")

    def read_models(self, value: Any) -> list[str]:
        """Read ``models[].name``."""
        models = as_dict(value).get("models")
        if not isinstance(models, list) or not all("name" in as_dict(row) for row in models):
            self.foreign(value, "models[].name")
        return [row["name"] for row in models]


def _call(path: str, request: TextRequest, body: dict[str, Any], stream: bool) -> Call:
    extra = dict(request.extra)
    options = {"num_predict": request.max_tokens, "temperature": request.temperature}
    options = {name: value for name, value in options.items() if value is not None}
    options |= extra.pop("options", {})
    body = {"model": request.model, **body, "stream": stream}
    if options:
        body["options"] = options
    return Call(path=path, body=body | extra, model=request.model)


def _reply(value: dict[str, Any], text: Any) -> Reply:
    counted = "eval_count" in value
    usage = (
        Usage(count(value, "prompt_eval_count"), count(value, "eval_count")) if counted else None
    )
    return Reply(text or "", usage, value.get("done_reason"), value.get("model"))


def _part(reply: Reply, value: dict[str, Any]) -> Part:
    done = bool(value.get("done"))
    return Part(reply.text, reply.usage, reply.finish_reason, done, reply.model)
