"""What every backend is: where its routes are, how a key is sent, what is written and read.

A backend writes calls and reads answers. It sends nothing, waits for nothing, and keeps nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NoReturn

import httpx

from proofbook_subjects.apis.client.answers import StoredObject
from proofbook_subjects.apis.client.bodies import find_complaint, guess_protocol
from proofbook_subjects.apis.client.errors import (
    ConnectionLostError,
    ErrorInAnswerError,
    MalformedAnswerError,
    UnsupportedError,
    WrongProtocolError,
)
from proofbook_subjects.apis.client.events import Event, StreamDecoder
from proofbook_subjects.apis.client.exchange import (
    Call,
    Part,
    PartReader,
    Reply,
    TextRequest,
    Vectors,
)
from proofbook_subjects.apis.client.keys import HeaderKey, Key, find_key
from proofbook_subjects.apis.client.lines import TooLongError

__all__ = ["Backend", "EventReader", "as_dict", "count", "without_version"]


class Backend:
    """One protocol. A call that it has not raises UnsupportedError."""

    name: ClassVar[str]
    title: ClassVar[str]
    """As a message names it."""
    default_url: ClassVar[str | None] = None
    """Of the service; None where everyone runs their own."""
    url_form: ClassVar[str]
    """What a base URL looks like, for a message."""
    key_names: ClassVar[tuple[str, ...]] = ()
    """Variables of the environment that have its key."""
    key_required: ClassVar[bool] = True
    key_header: ClassVar[str] = "Authorization"
    key_prefix: ClassVar[str] = "Bearer "
    headers: ClassVar[Mapping[str, str]] = {}
    """Sent with every call."""

    def find_keys(self, given: str | None) -> list[Key]:
        """Return the key of the caller, or of the environment.

        Raises:
            MissingKeyError: There is none, and there must be one.
        """
        key = find_key(given, self.key_names, backend=self.name, required=self.key_required)
        return [] if key is None else [key]

    def auth(self, keys: Sequence[Key]) -> httpx.Auth | None:
        """Return what adds the key to a request."""
        return HeaderKey(keys[0], self.key_header, self.key_prefix) if keys else None

    def base_url(self, given: str) -> str:
        """Return the base that paths are put below."""
        return given.rstrip("/")

    def write_chat(self, request: TextRequest, *, stream: bool) -> Call:
        """Return the call that asks for a chat's next message."""
        self._refuse("chat")

    def read_chat(self, value: Any) -> Reply:
        """Return what the answer to it says."""
        self._refuse("chat")

    def chat_reader(self) -> PartReader:
        """Return a reader of the stream that answers it."""
        self._refuse("streamed chat")

    def write_completion(self, request: TextRequest, *, stream: bool) -> Call:
        """Return the call that asks to go on with a prompt."""
        self._refuse("completion")

    def read_completion(self, value: Any) -> Reply:
        """Return what the answer to it says."""
        self._refuse("completion")

    def completion_reader(self) -> PartReader:
        """Return a reader of the stream that answers it."""
        self._refuse("streamed completion")

    def write_embeddings(self, texts: Sequence[str], model: str) -> Call:
        """Return the call that asks for one vector a text."""
        self._refuse("embeddings")

    def read_embeddings(self, value: Any) -> Vectors:
        """Return what the answer to it says."""
        self._refuse("embeddings")

    def write_models(self) -> Call:
        """Return the call that asks for the models."""
        self._refuse("list of models")

    def read_models(self, value: Any) -> list[str]:
        """Return their names."""
        self._refuse("list of models")

    def write_inference(self, inputs: Any, model: str) -> Call:
        """Return the call that gives tensors to a model."""
        self._refuse("inference on tensors")

    def read_inference(self, value: Any) -> Any:
        """Return its outputs."""
        self._refuse("inference on tensors")

    def write_put(self, bucket: str, key: str, body: bytes) -> Call:
        """Return the call that stores an object."""
        self._refuse("object storage")

    def write_get(self, bucket: str, key: str) -> Call:
        """Return the call that reads an object."""
        self._refuse("object storage")

    def write_delete(self, bucket: str, key: str) -> Call:
        """Return the call that deletes an object."""
        self._refuse("object storage")

    def write_list(self, bucket: str, prefix: str, token: str) -> Call:
        """Return the call that lists one page of objects."""
        self._refuse("object storage")

    def read_put(self, response: httpx.Response) -> str:
        """Return the tag of what was stored."""
        self._refuse("object storage")

    def read_list(self, response: httpx.Response) -> tuple[list[StoredObject], str | None]:
        """Return a page of objects, and the token of the next one."""
        self._refuse("object storage")

    def read_vectors(self, value: Any, expected: int) -> Vectors:
        """Return the vectors, of which there must be one a text."""
        found = self.read_embeddings(value)
        sizes = {len(vector) for vector in found.vectors}
        if len(found.vectors) != expected or len(sizes) > 1:
            raise MalformedAnswerError(
                f"{expected} texts were sent, and {len(found.vectors)} vectors of sizes "
                f"{sorted(sizes)} came back"
            )
        return found

    def foreign(self, value: Any, missing: str) -> NoReturn:
        """Raise that ``value`` is no answer of this protocol."""
        complaint = find_complaint(value)
        if complaint is not None:
            raise ErrorInAnswerError(
                f"status 200, and an error in the body: {complaint.text}", again=complaint.passing
            )
        whose = guess_protocol(value)
        looks = f"it looks like {whose}'s" if whose else f"its keys are {_keys(value)}"
        raise WrongProtocolError(
            f"the answer is JSON, and not {self.title}'s: {missing} is missing, and {looks}; "
            f"is the right backend set? ({self.name} now)"
        )

    def _refuse(self, what: str) -> NoReturn:
        raise UnsupportedError(f"{self.title} has no {what}")


class EventReader:
    """Reads a stream by a function from one event's JSON to a part."""

    def __init__(
        self, decoder: StreamDecoder, read: Callable[[str, Any], Part], *, end: str = "[DONE]"
    ) -> None:
        self._decoder, self._read, self._end = decoder, read, end

    def feed(self, data: bytes) -> Iterator[Part]:
        """Yield what is whole.

        Raises:
            MalformedAnswerError: An event is no JSON, or has no end.
            ErrorInAnswerError: The server sent an error as an event.
        """
        try:
            events = self._decoder.feed(data)
        except TooLongError as error:
            raise MalformedAnswerError(f"the stream is malformed: {error}") from error
        return self._parts(events)

    def end(self) -> Iterator[Part]:
        """Yield what the end of the body completes.

        Raises:
            ConnectionLostError: It ends within an event.
        """
        try:
            yield from self._parts(self._decoder.end())
        except MalformedAnswerError:
            raise ConnectionLostError(
                "the stream is truncated: it ended within its last event"
            ) from None

    def _parts(self, events: list[Event]) -> Iterator[Part]:
        for event in events:
            if event.data == self._end:
                yield Part(last=True)
            else:
                yield self._part(event)

    def _part(self, event: Event) -> Part:
        try:
            value = json.loads(event.data)
        except ValueError:
            raise MalformedAnswerError(
                f"the stream is malformed: an event is no JSON but {event.data[:60]!r}"
            ) from None
        complaint = find_complaint(value) if isinstance(value, dict) else None
        if complaint is not None:
            raise ErrorInAnswerError(
                f"the server sent an error within the stream: {complaint.text}",
                again=complaint.passing,
            )
        return self._read(event.name, value)


def as_dict(value: Any) -> dict[str, Any]:
    """Return ``value`` where it is a dict; else an empty one."""
    return value if isinstance(value, dict) else {}


def count(value: Any, name: str) -> int:
    """Return a number of tokens; 0 where it is not there."""
    number = as_dict(value).get(name)
    return number if isinstance(number, int) else 0


def without_version(url: str, version: str = "/v1") -> str:
    """Return a base URL without its version path, of servers that have routes beside it."""
    return url.rstrip("/").removesuffix(version)


def _keys(value: Any) -> str:
    return ", ".join(sorted(value)[:6]) if isinstance(value, dict) else f"a {type(value).__name__}"
