"""``llvm``, taken for llama.cpp's server: OpenAI's routes for chats, its own for completions.

Its base URL may have ``/v1`` or not: the native routes are beside it.
"""

from __future__ import annotations

from typing import Any

from proofbook_subjects.apis.client.answers import Usage
from proofbook_subjects.apis.client.backends.base import (
    EventReader,
    as_dict,
    count,
    without_version,
)
from proofbook_subjects.apis.client.backends.openai_api import OpenAI
from proofbook_subjects.apis.client.events import EventDecoder
from proofbook_subjects.apis.client.exchange import Call, Part, Reply, TextRequest

__all__ = ["LlamaCpp"]


class LlamaCpp(OpenAI):
    """``llvm``."""

    name = "llvm"
    title = "llama.cpp"
    default_url = None
    url_form = "http://127.0.0.1:8080/v1"
    key_names = ("LLAMA_API_KEY",)
    key_required = False
    prefix = "/v1"

    def base_url(self, given: str) -> str:
        """Return the base above ``/v1``."""
        return without_version(given)

    def write_completion(self, request: TextRequest, *, stream: bool) -> Call:
        """``POST completion``."""
        body: dict[str, Any] = {"prompt": request.prompt, "stream": stream}
        if request.model:
            body["model"] = request.model
        if request.max_tokens is not None:
            body["n_predict"] = request.max_tokens
        if request.temperature is not None:
            body["temperature"] = request.temperature
        return Call(path="/completion", body={**body, **request.extra}, model=request.model)

    def read_completion(self, value: Any) -> Reply:
        """Read ``content``."""
        if not isinstance(as_dict(value).get("content"), str):
            self.foreign(value, "content")
        evaluated, made = count(value, "tokens_evaluated"), count(value, "tokens_predicted")
        usage = Usage(evaluated, made) if "tokens_evaluated" in value else None
        return Reply(value["content"], usage, _reason(value), value.get("model"))

    def completion_reader(self) -> EventReader:
        """Read ``content``, until ``stop``."""
        return EventReader(EventDecoder(), lambda _, value: self._piece(value))

    def _piece(self, value: Any) -> Part:
        reply = self.read_completion(value)
        if not value.get("stop"):
            return Part(reply.text)
        return Part(reply.text, reply.usage, reply.finish_reason or "stop", True, reply.model)


def _reason(value: dict[str, Any]) -> str | None:
    kind = value.get("stop_type")
    if kind is None:  # before b4400 there were three flags
        return "length" if value.get("stopped_limit") else "stop" if value.get("stop") else None
    return {"limit": "length", "none": None}.get(kind, "stop")
