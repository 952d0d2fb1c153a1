"""Ollama's protocol: chat, generation and embeddings, plain and as a JSON document a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from proofbook_subjects.apis.faulty.answers import (
    KEY,
    MODEL,
    Answer,
    Asked,
    embed,
    json_answer,
    stream_answer,
    words_of,
)

__all__ = ["Ollama"]

_TIME = "2026-01-01T00:00:00Z"


class Ollama:
    """Right answers and errors as Ollama gives them: no key is asked for, a wrong one refused."""

    inference: Sequence[str] = ("/api/chat", "/api/generate", "/api/embed", "/api/embeddings")

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error's body."""
        return {"error": message}

    def error_event(self, message: str) -> bytes:
        """Return an error in the middle of a stream."""
        return _line({"error": message})

    def answer(self, asked: Asked) -> Answer:
        """Return the right answer."""
        if asked.headers.get("authorization", f"Bearer {KEY}") != f"Bearer {KEY}":
            return json_answer(self.error(401, "unauthorized"), 401)
        if asked.path == "/api/version":
            return json_answer({"version": "0.0.0"})
        if asked.path == "/api/tags":
            return json_answer({"models": [{"name": MODEL, "model": MODEL, "size": 1}]})
        document = asked.document()
        if asked.path not in (*self.inference, "/api/show"):
            return json_answer(self.error(404, "404 page not found"), 404)
        name = str(document.get("model") or document.get("name"))
        if name.removesuffix(":latest") != MODEL:
            return json_answer(self.error(404, f"model '{name}' not found"), 404)
        if asked.path == "/api/show":
            return json_answer({"details": {"family": "double"}, "capabilities": ["completion"]})
        if asked.path.startswith("/api/embed"):
            return _embeddings(document, is_old=asked.path == "/api/embeddings")
        return _speak(document, is_chat=asked.path == "/api/chat")


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"


def _speak(document: dict[str, Any], *, is_chat: bool) -> Answer:
    prompt = document.get("messages") if is_chat else [document.get("prompt", "")]
    words = words_of(prompt, (document.get("options") or {}).get("num_predict"))
    base = {"model": MODEL, "created_at": _TIME}
    asked_words = len(words_of(prompt))
    end = {
        "done": True, "done_reason": "length" if len(words) < asked_words else "stop",
        "total_duration": 1, "prompt_eval_count": asked_words, "eval_count": len(words),
    }  # fmt: skip

    def said(text: str) -> dict[str, Any]:
        return (
            {"message": {"role": "assistant", "content": text}} if is_chat else {"response": text}
        )

    if not document.get("stream", True):
        return json_answer({**base, **said("".join(words)), **end})
    lines = [_line({**base, **said(word), "done": False}) for word in words]
    return stream_answer([*lines, _line({**base, **said(""), **end})], "application/x-ndjson")


def _embeddings(document: dict[str, Any], *, is_old: bool) -> Answer:
    if is_old:
        return json_answer({"embedding": embed(str(document.get("prompt", "")))})
    texts = document.get("input", [])
    texts = [texts] if isinstance(texts, str) else list(texts)
    count = sum(len(str(text).split()) for text in texts)
    vectors = [embed(str(text)) for text in texts]
    return json_answer({"model": MODEL, "embeddings": vectors, "prompt_eval_count": count})
