"""Anthropic's protocol: messages, plain and as named server-sent events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from proofbook_subjects.apis.faulty.answers import (
    KEY,
    MODEL,
    Answer,
    Asked,
    json_answer,
    stream_answer,
    words_of,
)

__all__ = ["Claude"]

_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error",
    404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error",
}  # fmt: skip


class Claude:
    """Right answers and errors as Anthropic's API gives them."""

    inference: Sequence[str] = ("/v1/messages",)

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error's body."""
        kind = _TYPES.get(status, "api_error")
        return {
            "type": "error", "error": {"type": kind, "message": message}, "request_id": "req_double"
        }  # fmt: skip

    def error_event(self, message: str) -> bytes:
        """Return an error in the middle of a stream."""
        return _event({"type": "error", "error": {"type": "overloaded_error", "message": message}})

    def answer(self, asked: Asked) -> Answer:
        """Return the right answer."""
        bearer = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if KEY not in (asked.headers.get("x-api-key"), bearer):  # clients since 2026 send a bearer
            return json_answer(self.error(401, "invalid x-api-key"), 401)
        if asked.path.endswith("/models"):
            listed = {"id": MODEL, "type": "model", "display_name": MODEL, "created_at": ""}
            return json_answer({"data": [listed], "has_more": False})
        if not asked.path.endswith("/v1/messages"):
            return json_answer(self.error(404, f"Not found: {asked.path}"), 404)
        document = asked.document()
        if document.get("model") != MODEL:
            return json_answer(self.error(404, f"model: {document.get('model')}"), 404)
        if "max_tokens" not in document or not asked.headers.get("anthropic-version"):
            what = "max_tokens" if "max_tokens" not in document else "anthropic-version"
            return json_answer(self.error(400, f"{what}: Field required"), 400)
        words = words_of(document.get("messages"), document["max_tokens"])
        asked_words = len(words_of(document.get("messages")))
        usage = {"input_tokens": asked_words, "output_tokens": len(words)}
        stop = "max_tokens" if len(words) < asked_words else "end_turn"
        return (_stream if document.get("stream") else _plain)(words, usage, stop)


def _event(document: dict[str, Any]) -> bytes:
    text = json.dumps(document, ensure_ascii=False)
    return f"event: {document['type']}\ndata: {text}\n\n".encode()


def _message(content: list[dict[str, str]], usage: dict[str, int], stop: str | None) -> Any:
    return {
        "id": "msg_double", "type": "message", "role": "assistant", "model": MODEL,
        "content": content, "stop_reason": stop, "stop_sequence": None, "usage": usage,
    }  # fmt: skip


def _plain(words: list[str], usage: dict[str, int], stop: str) -> Answer:
    content = [{"type": "text", "text": "".join(words)}]
    return json_answer(_message(content, usage, stop))


def _stream(words: list[str], usage: dict[str, int], stop: str) -> Answer:
    started = {"input_tokens": usage["input_tokens"], "output_tokens": 1}
    block = {"type": "text", "text": ""}
    ending = {"stop_reason": stop, "stop_sequence": None}
    told = {"output_tokens": usage["output_tokens"]}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": _message([], started, None)},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "ping"},
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": word},
            }
            for word in words
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ending, "usage": told},
        {"type": "message_stop"},
    ]
    return stream_answer([_event(each) for each in events], "text/event-stream; charset=utf-8")
