"""The APIs that a pipeline calls, as data: stage, forms of errors, and right answers of a model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.names import Names

__all__ = ["SERVICES", "Service", "script_text"]

_SAID = (
    ("Butcher", "neutral", "Somebody has left the door of the shop open again."),
    ("Nutsy", "happy", "That was me, and I have brought you a whole wheel of cheese."),
    ("Butcher", "surprised", "Cheese is all that anybody talks about today."),
    ("Nutsy", "excited", "So let us talk about cheese, and about nothing else."),
    ("Butcher", "angry", "Put the cheese on the table and close the door."),
    ("Nutsy", "sad", "But then nobody will see how fine a cheese it is."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Service:
    """One API."""

    name: str
    stage: str
    """Which stage calls it."""
    artefacts: Sequence[str]
    """What that stage leaves."""
    protocol: str
    """In which the server that misbehaves gives errors, where a case has none of its own."""
    answers_itself: bool
    """Whether the right answer is a language model's: it is made here, and no server is needed."""
    media: bool = False
    """Whether its answers are sound, no JSON."""

    def error(self, status: int, message: str) -> Any:
        """Return an error's body as this API words it."""
        if self.name == "voice":
            kind = {401: "invalid_api_key", 429: "too_many_concurrent_requests"}
            return {"detail": {"status": kind.get(status, "error"), "message": message}}
        if self.name == "posting":
            code = {401: 190, 403: 200, 429: 4}.get(status, 1)
            return {"error": {"message": message, "type": "OAuthException", "code": code,
                              "fbtrace_id": "A1b2"}}  # fmt: skip
        if self.name == "claude":
            return {"type": "error", "error": {"type": "api_error", "message": message}}
        return {"error": {"message": message, "type": "api_error", "param": None, "code": None}}

    def completion(self, text: str, *, cut: bool = False) -> dict[str, Any]:
        """Return the answer of a model that says ``text``; ``cut`` where it ran out of tokens."""
        if self.name == "claude":
            return {"id": "msg_1", "type": "message", "role": "assistant", "model": "double",
                    "content": [{"type": "text", "text": text}], "stop_sequence": None,
                    "stop_reason": "max_tokens" if cut else "end_turn",
                    "usage": {"input_tokens": 9, "output_tokens": 99}}  # fmt: skip
        choice = {"index": 0, "message": {"role": "assistant", "content": text, "refusal": None},
                  "finish_reason": "length" if cut else "stop", "logprobs": None}  # fmt: skip
        return {"id": "double-1", "object": "chat.completion", "created": 1, "model": "double",
                "choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 99,
                                               "total_tokens": 108}}  # fmt: skip


def script_text(path: str, names: Mapping[str, str]) -> str:
    """Return what a model says where it does right: a file's text, or a script as JSON.

    Args:
        path: The file; empty makes a script that has the keys of both known forms.
        names: The pipeline's own names of fields.

    Raises:
        SubjectError: The file cannot be read.
    """
    if path:
        try:
            return Path(path).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SubjectError(
                f"script_answer {path} cannot be read: {error}; give what a model would say"
            ) from error
    lines = [
        {"character": who, "text": said, "line": said, "emotion": how} for who, how, said in _SAID
    ]
    own = Names.of(names).own
    for line in lines:
        for field in ("character", "text", "emotion"):
            line[own.get(f"line.{field}", field)] = line[field]
    document = {"episode": "", "metadata": {"title": "Cheese"}, "topics": ["cheese"]}
    keys = ("lines", "script", own.get("script.lines", "lines"))
    return json.dumps({**document, **dict.fromkeys(keys, lines)})


SERVICES: Mapping[str, Service] = {
    each.name: each
    for each in (
        Service(name="openai_api", stage="script", artefacts=("script",),
                protocol="openai_api", answers_itself=True),
        Service(name="claude", stage="script", artefacts=("script",),
                protocol="claude", answers_itself=True),
        Service(name="voice", stage="audio", artefacts=("timeline", "audio"),
                protocol="openai_api", answers_itself=False, media=True),
        Service(name="posting", stage="post", artefacts=(),
                protocol="openai_api", answers_itself=False),
    )
}  # fmt: skip
