"""Hugging Face's text-generation-inference: OpenAI's routes for chats, ``generate`` of its own."""

from __future__ import annotations

from collections.abc import Sequence
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

__all__ = ["TextGeneration"]


class TextGeneration(OpenAI):
    """``hf_tgi``."""

    name = "hf_tgi"
    title = "text-generation-inference"
    default_url = None
    url_form = "http://127.0.0.1:8080, without a version path"
    key_names = ("HF_TOKEN",)
    key_required = False
    prefix = "/v1"

    def base_url(self, given: str) -> str:
        """Return the base above ``/v1``."""
        return without_version(given)

    def write_embeddings(self, texts: Sequence[str], model: str) -> Call:
        """Refuse: embeddings are text-embeddings-inference's."""
        self._refuse("embeddings")

    def write_completion(self, request: TextRequest, *, stream: bool) -> Call:
        """``POST generate`` or ``generate_stream``."""
        given = {"max_new_tokens": request.max_tokens, "temperature": request.temperature}
        parameters: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
        if not stream:  # its answer counts the prompt's tokens only with these
            parameters |= {"details": True, "decoder_input_details": True}
        extra = dict(request.extra)
        parameters |= extra.pop("parameters", {})
        return Call(
            path="/generate_stream" if stream else "/generate",
            body={"inputs": request.prompt, "parameters": parameters, **extra},
            model=request.model,
        )

    def read_completion(self, value: Any) -> Reply:
        """Read ``generated_text``."""
        found = value[0] if isinstance(value, list) and len(value) == 1 else value
        if "generated_text" not in as_dict(found):
            self.foreign(value, "generated_text")
        details = as_dict(found.get("details"))
        prompt = details.get("prefill")
        usage = Usage(len(prompt), count(details, "generated_tokens")) if prompt else None
        return Reply(found["generated_text"], usage, details.get("finish_reason"))

    def completion_reader(self) -> EventReader:
        """Read ``token.text``, until the event that has ``generated_text``."""
        return EventReader(EventDecoder(), lambda _, value: self._token(value))

    def _token(self, value: Any) -> Part:
        token = as_dict(value).get("token")
        if not isinstance(token, dict):
            self.foreign(value, "token")
        text = "" if token.get("special") else token.get("text", "")
        if value.get("generated_text") is None:
            return Part(text)
        details = as_dict(value.get("details"))
        counted = "input_length" in details
        usage = Usage(count(details, "input_length"), count(details, "generated_tokens"))
        reason = details.get("finish_reason") or "stop"
        return Part(text, usage if counted else None, reason, last=True)
