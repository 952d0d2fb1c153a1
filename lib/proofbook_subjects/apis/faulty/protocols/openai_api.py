"""OpenAI's protocol: chat, completions and embeddings, plain and as server-sent events."""

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

__all__ = ["OpenAI"]

_TYPES = {
    400: "invalid_request_error", 401: "invalid_request_error", 404: "invalid_request_error",
    429: "rate_limit_error",
}  # fmt: skip
_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}


class OpenAI:
    """Right answers and errors as OpenAI's API gives them."""

    inference: Sequence[str] = ("/chat/completions", "/completions", "/embeddings")

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error's body."""
        kind = _TYPES.get(status, "server_error")
        return {
            "error": {"message": message, "type": kind, "param": None, "code": _CODES.get(status)}
        }

    def error_event(self, message: str) -> bytes:
        """Return an error in the middle of a stream."""
        return _event(self.error(500, message))

    def answer(self, asked: Asked) -> Answer:
        """Return the right answer."""
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return json_answer(self.error(401, "Incorrect API key provided."), 401)
        if asked.path.endswith("/models"):
            listed = {"id": MODEL, "object": "model", "created": 1, "owned_by": "proofbook"}
            return json_answer({"object": "list", "data": [listed]})
        document = asked.document()
        if not any(asked.path.endswith(end) for end in self.inference):
            return json_answer(self.error(404, f"Unknown request URL: {asked.path}"), 404)
        if document.get("model") != MODEL:
            name = document.get("model")
            return json_answer(self.error(404, f"The model '{name}' does not exist"), 404)
        if asked.path.endswith("/embeddings"):
            return _embeddings(document)
        is_chat = asked.path.endswith("/chat/completions")
        limit = document.get("max_tokens") or document.get("max_completion_tokens")
        prompt = document.get("messages") if is_chat else [document.get("prompt", "")]
        words = words_of(prompt, limit)
        asked_words = len(words_of(prompt))
        usage = {
            "prompt_tokens": asked_words, "completion_tokens": len(words),
            "total_tokens": asked_words + len(words),
        }  # fmt: skip
        finish = "length" if len(words) < asked_words else "stop"
        return (_stream if document.get("stream") else _plain)(
            document, words, usage, finish, chat=is_chat
        )


def _event(document: object) -> bytes:
    return b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n"


def _base(kind: str) -> dict[str, Any]:
    return {"id": "double-1", "object": kind, "created": 1, "model": MODEL}


def _plain(
    document: dict[str, Any], words: list[str], usage: dict[str, int], finish: str, *, chat: bool
) -> Answer:
    text = "".join(words)
    said = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    choice = {"index": 0, **said, "finish_reason": finish, "logprobs": None}
    kind = "chat.completion" if chat else "text_completion"
    return json_answer({**_base(kind), "choices": [choice], "usage": usage})


def _stream(
    document: dict[str, Any], words: list[str], usage: dict[str, int], finish: str, *, chat: bool
) -> Answer:
    base = _base("chat.completion.chunk" if chat else "text_completion")

    def chunk(text: str | None, ending: str | None = None) -> bytes:
        if chat:
            delta = {} if text is None else {"content": text}
            choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": ending}
        else:
            choice = {"index": 0, "text": text or "", "finish_reason": ending}
        return _event({**base, "choices": [choice]})

    role = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    events = [_event({**base, "choices": [role]})] if chat else []
    events += [chunk(word) for word in words] + [chunk(None, finish)]
    if (document.get("stream_options") or {}).get("include_usage"):
        events.append(_event({**base, "choices": [], "usage": usage}))
    return stream_answer([*events, b"data: [DONE]\n\n"], "text/event-stream; charset=utf-8")


def _embeddings(document: dict[str, Any]) -> Answer:
    import base64
    import struct

    texts = document.get("input", [])
    texts = [texts] if isinstance(texts, str) else list(texts)
    vectors: list[Any] = [embed(str(text)) for text in texts]
    if document.get("encoding_format") == "base64":
        packed = [struct.pack(f"<{len(vector)}f", *vector) for vector in vectors]
        vectors = [base64.b64encode(each).decode() for each in packed]
    data = [
        {"object": "embedding", "index": number, "embedding": vector}
        for number, vector in enumerate(vectors)
    ]
    count = sum(len(str(text).split()) for text in texts)
    usage = {"prompt_tokens": count, "total_tokens": count}
    return json_answer({"object": "list", "data": data, "model": MODEL, "usage": usage})
