"""OpenAI's API: chat completions, completions, embeddings, models. Others speak it too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from proofbook_subjects.apis.client.answers import Usage
from proofbook_subjects.apis.client.backends.base import Backend, EventReader, as_dict, count
from proofbook_subjects.apis.client.events import EventDecoder
from proofbook_subjects.apis.client.exchange import Call, Part, Reply, TextRequest, Vectors

__all__ = ["OpenAI"]


class OpenAI(Backend):
    """``openai_api``."""

    name = "openai_api"
    title = "OpenAI"
    default_url: ClassVar[str | None] = "https://api.openai.com/v1"
    url_form = "https://api.openai.com/v1, with its version path"
    key_names = ("OPENAI_API_KEY",)
    prefix: ClassVar[str] = ""
    """Before every path."""

    def write_chat(self, request: TextRequest, *, stream: bool) -> Call:
        """``POST chat/completions``."""
        body = {"messages": [dict(message) for message in request.messages]}
        return self._call("/chat/completions", request, body, stream)

    def read_chat(self, value: Any) -> Reply:
        """Read the first choice's message."""
        choice = self._choice(value)
        message = choice.get("message")
        if not isinstance(message, dict):
            self.foreign(value, "choices[0].message")
        return self._reply(value, choice, message.get("content"))

    def chat_reader(self) -> EventReader:
        """Read ``choices[0].delta.content``, until ``[DONE]``."""
        return EventReader(EventDecoder(), lambda _, value: self._part(value, chat=True))

    def write_completion(self, request: TextRequest, *, stream: bool) -> Call:
        """``POST completions``."""
        return self._call("/completions", request, {"prompt": request.prompt}, stream)

    def read_completion(self, value: Any) -> Reply:
        """Read the first choice's text."""
        choice = self._choice(value)
        if "text" not in choice:
            self.foreign(value, "choices[0].text")
        return self._reply(value, choice, choice["text"])

    def completion_reader(self) -> EventReader:
        """Read ``choices[0].text``, until ``[DONE]``."""
        return EventReader(EventDecoder(), lambda _, value: self._part(value, chat=False))

    def write_embeddings(self, texts: Sequence[str], model: str) -> Call:
        """``POST embeddings``."""
        body = {"model": model, "input": list(texts), "encoding_format": "float"}
        return Call(path=f"{self.prefix}/embeddings", body=body, model=model)

    def read_embeddings(self, value: Any) -> Vectors:
        """Read ``data``, put in the order of the texts by its ``index``."""
        data = as_dict(value).get("data")
        if not isinstance(data, list) or not all("embedding" in as_dict(row) for row in data):
            self.foreign(value, "data[].embedding")
        rows = sorted(data, key=lambda row: row.get("index", 0))
        vectors = tuple(tuple(row["embedding"]) for row in rows)
        return Vectors(vectors, _usage(value.get("usage")), value.get("model"))

    def write_models(self) -> Call:
        """``GET models``."""
        return Call(method="GET", path=f"{self.prefix}/models")

    def read_models(self, value: Any) -> list[str]:
        """Read ``data[].id``."""
        data = as_dict(value).get("data")
        if not isinstance(data, list) or not all("id" in as_dict(row) for row in data):
            self.foreign(value, "data[].id")
        return [row["id"] for row in data]

    def _call(self, path: str, request: TextRequest, body: dict[str, Any], stream: bool) -> Call:
        body = {"model": request.model, **body}
        if request.max_tokens is not None:
            body["max_tokens"] = request.max_tokens
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        body |= request.extra
        return Call(path=self.prefix + path, body=body, model=request.model)

    def _choice(self, value: Any) -> dict[str, Any]:
        choices = as_dict(value).get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            self.foreign(value, "choices")
        choice: dict[str, Any] = choices[0]
        return choice

    def _reply(self, value: dict[str, Any], choice: dict[str, Any], text: Any) -> Reply:
        usage = _usage(value.get("usage"))
        return Reply(text or "", usage, choice.get("finish_reason"), value.get("model"))

    def _part(self, value: Any, *, chat: bool) -> Part:
        if not isinstance(value, dict) or not isinstance(value.get("choices"), list):
            self.foreign(value, "choices")
        found = value.get("usage") or as_dict(value.get("x_groq")).get("usage")
        choices = [c for c in map(as_dict, value["choices"]) if c.get("index", 0) == 0]
        choice = choices[0] if choices else {}
        text = as_dict(choice.get("delta")).get("content") if chat else choice.get("text")
        why = choice.get("finish_reason")
        return Part(text or "", _usage(found), why, model=value.get("model"))


def _usage(value: Any) -> Usage | None:
    if not isinstance(value, dict) or "prompt_tokens" not in value:
        return None
    cached = count(value.get("prompt_tokens_details"), "cached_tokens")
    return Usage(count(value, "prompt_tokens"), count(value, "completion_tokens"), cached)
