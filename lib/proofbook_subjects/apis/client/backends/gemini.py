"""Google's Gemini API: generateContent, embeddings and models of ``v1beta``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from proofbook_subjects.apis.client.answers import Usage
from proofbook_subjects.apis.client.backends.base import Backend, EventReader, as_dict, count
from proofbook_subjects.apis.client.events import EventDecoder
from proofbook_subjects.apis.client.exchange import (
    Call,
    Message,
    Part,
    Reply,
    TextRequest,
    Vectors,
)

__all__ = ["Gemini"]

_ROLES = {"assistant": "model"}


class Gemini(Backend):
    """``gemini``."""

    name = "gemini"
    title = "Gemini"
    default_url = "https://generativelanguage.googleapis.com"
    url_form = "https://generativelanguage.googleapis.com, without a version path"
    key_names = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    key_header = "x-goog-api-key"
    key_prefix = ""

    def write_chat(self, request: TextRequest, *, stream: bool) -> Call:
        """``POST v1beta/models/…:generateContent`` or ``:streamGenerateContent``."""
        system = [m for m in request.messages if m.get("role") == "system"]
        turns = [m for m in request.messages if m.get("role") != "system"]
        body: dict[str, Any] = {"contents": [_turn(message) for message in turns]}
        if system:
            parts = [part for message in system for part in _parts(message)]
            body["systemInstruction"] = {"parts": parts}
        wanted = {"maxOutputTokens": request.max_tokens, "temperature": request.temperature}
        settings = {name: value for name, value in wanted.items() if value is not None}
        extra = dict(request.extra)
        settings |= extra.pop("generationConfig", {})
        if settings:
            body["generationConfig"] = settings
        method = "streamGenerateContent" if stream else "generateContent"
        return Call(
            path=f"/v1beta/{_path(request.model)}:{method}",
            query={"alt": "sse"} if stream else {},
            body={**body, **extra},
            model=request.model,
        )

    def read_chat(self, value: Any) -> Reply:
        """Read the first candidate's parts; a prompt that was blocked has no candidate."""
        found = as_dict(value)
        usage = _usage(found.get("usageMetadata"))
        model = found.get("modelVersion")
        blocked = as_dict(found.get("promptFeedback")).get("blockReason")
        candidates = found.get("candidates")
        if blocked and not candidates:
            return Reply("", usage, blocked, model)
        if not isinstance(candidates, list) or not candidates:
            self.foreign(value, "candidates")
        candidate = as_dict(candidates[0])
        parts = as_dict(candidate.get("content")).get("parts") or []
        text = "".join(part.get("text", "") for part in parts if not part.get("thought"))
        return Reply(text, usage, candidate.get("finishReason"), model)

    def chat_reader(self) -> EventReader:
        """Read answers like those of a chat, until one has a reason to end."""
        return EventReader(EventDecoder(), lambda _, value: self._piece(value))

    def write_embeddings(self, texts: Sequence[str], model: str) -> Call:
        """``POST v1beta/models/…:batchEmbedContents``."""
        name = _path(model)
        rows = [{"model": name, "content": {"parts": [{"text": text}]}} for text in texts]
        path = f"/v1beta/{name}:batchEmbedContents"
        return Call(path=path, body={"requests": rows}, model=model)

    def read_embeddings(self, value: Any) -> Vectors:
        """Read ``embeddings[].values``."""
        rows = as_dict(value).get("embeddings")
        if not isinstance(rows, list) or not all("values" in as_dict(row) for row in rows):
            self.foreign(value, "embeddings[].values")
        return Vectors(tuple(tuple(row["values"]) for row in rows))

    def write_models(self) -> Call:
        """``GET v1beta/models``."""
        return Call(method="GET", path="/v1beta/models", query={"pageSize": "1000"})

    def read_models(self, value: Any) -> list[str]:
        """Read ``models[].name``, without ``models/``."""
        models = as_dict(value).get("models")
        if not isinstance(models, list) or not all("name" in as_dict(row) for row in models):
            self.foreign(value, "models[].name")
        return [row["name"].removeprefix("models/") for row in models]

    def _piece(self, value: Any) -> Part:
        found = as_dict(value)
        if "usageMetadata" in found and "candidates" not in found and len(found) < 5:
            return Part(usage=_usage(found["usageMetadata"]))  # of the last event, at times
        reply = self.read_chat(value)
        return Part(reply.text, reply.usage, reply.finish_reason, model=reply.model)


def _path(model: str) -> str:
    name = model if "/" in model else f"models/{model}"
    return quote(name, safe="/-_.~")


def _turn(message: Message) -> dict[str, Any]:
    role = message.get("role", "user")
    return {"role": _ROLES.get(role, role), "parts": _parts(message)}


def _parts(message: Message) -> list[dict[str, Any]]:
    content = message.get("content", "")
    return [{"text": content}] if isinstance(content, str) else list(content)


def _usage(value: Any) -> Usage | None:
    if not isinstance(value, dict) or "promptTokenCount" not in value:
        return None
    made = count(value, "candidatesTokenCount") + count(value, "thoughtsTokenCount")
    cached = count(value, "cachedContentTokenCount")
    return Usage(count(value, "promptTokenCount"), made, cached)
