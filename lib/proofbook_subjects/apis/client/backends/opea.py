"""OPEA: its megaservice ChatQnA, and its microservices, which speak OpenAI's API.

A base URL with ``/v1`` is a microservice's; one without is the megaservice's, whose stream is of
texts as Python writes bytes: ``data: b' word'``.
"""

from __future__ import annotations

import ast
import codecs
from collections.abc import Iterator
from typing import Any

from proofbook_subjects.apis.client.backends.base import EventReader
from proofbook_subjects.apis.client.backends.openai_api import OpenAI
from proofbook_subjects.apis.client.errors import MalformedAnswerError
from proofbook_subjects.apis.client.events import Event, EventDecoder
from proofbook_subjects.apis.client.exchange import Call, Part, Reply, TextRequest

__all__ = ["Opea"]


class Opea(OpenAI):
    """``opea``."""

    name = "opea"
    title = "OPEA"
    default_url = None
    url_form = "http://127.0.0.1:8888 of a megaservice, http://127.0.0.1:9000/v1 of a microservice"
    key_names = ("OPEA_API_KEY",)
    key_required = False
    prefix = "/v1"

    def __init__(self) -> None:
        self._is_microservice = False

    def base_url(self, given: str) -> str:
        """Return the base above ``/v1``, and remember which of both it is."""
        self._is_microservice = given.rstrip("/").endswith("/v1")
        return given.rstrip("/").removesuffix("/v1")

    def write_chat(self, request: TextRequest, *, stream: bool) -> Call:
        """``POST v1/chatqna``, or ``v1/chat/completions`` of a microservice."""
        call = super().write_chat(request, stream=stream)
        if self._is_microservice:
            return call
        body = {**call.body, "stream": stream}  # the megaservice streams where nothing is said
        body.pop("stream_options", None)
        return Call(path="/v1/chatqna", body=body, model=call.model)

    def write_completion(self, request: TextRequest, *, stream: bool) -> Call:
        """Refuse: there are chats only."""
        self._refuse("completion")

    def write_models(self) -> Call:
        """Refuse: a service has the model that it was started with."""
        self._refuse("list of models")

    def read_chat(self, value: Any) -> Reply:
        """Read the first choice's message; the megaservice counts no tokens, and says 0."""
        reply = super().read_chat(value)
        counted = reply.usage and (reply.usage.input_tokens or reply.usage.output_tokens)
        return reply if counted else reply._replace(usage=None)

    def chat_reader(self) -> EventReader:
        """Read bytes as Python writes them, or OpenAI's events."""
        return super().chat_reader() if self._is_microservice else _BytesReader()


class _BytesReader(EventReader):
    """Reads ``b'…'``; events that are JSON are read as any other's."""

    def __init__(self) -> None:
        super().__init__(EventDecoder(), lambda _, value: Part(str(value)))
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def _parts(self, events: list[Event]) -> Iterator[Part]:
        for event in events:
            if event.data.startswith(("b'", 'b"')):
                yield Part(self._decode(_bytes(event.data)))
            else:
                yield from super()._parts([event])


def _bytes(text: str) -> bytes:
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        found = None
    if not isinstance(found, bytes):
        raise MalformedAnswerError(f"the stream is malformed: {text[:60]!r} are no bytes")
    return found
