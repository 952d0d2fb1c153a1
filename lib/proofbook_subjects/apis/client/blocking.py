"""The client for code without an event loop: the same calls, each of which waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

from proofbook_subjects.apis.client.accounts import Accounts
from proofbook_subjects.apis.client.answers import (
    Answer,
    Delta,
    Embeddings,
    Inference,
    StoredObject,
)
from proofbook_subjects.apis.client.client import ApiClient
from proofbook_subjects.apis.client.exchange import Message
from proofbook_subjects.apis.client.text_stream import TextStream

__all__ = ["SyncApiClient"]

T = TypeVar("T")


class SyncApiClient:
    """An ``ApiClient`` on a loop in a thread of its own; may be used from many threads."""

    def __init__(self, backend: str, **settings: Any) -> None:
        """Take what ``ApiClient`` takes."""
        self._client = ApiClient(backend, **settings)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="api-client", daemon=True
        )
        self._thread.start()

    def __repr__(self) -> str:
        return f"<Sync{repr(self._client)[1:]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, and end the thread."""
        if self._loop.is_closed():
            return
        self._wait(self._client.aclose())
        self._wait(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def accounts(self) -> Accounts:
        """What was used, and what it cost."""
        return self._client.accounts

    def chat(self, messages: Sequence[Message], *, model: str, **options: Any) -> Answer:
        """Return the next message of a chat."""
        return self._wait(self._client.chat(messages, model=model, **options))

    def complete(self, prompt: str, *, model: str, **options: Any) -> Answer:
        """Return what follows a prompt."""
        return self._wait(self._client.complete(prompt, model=model, **options))

    def stream_chat(
        self, messages: Sequence[Message], *, model: str, **options: Any
    ) -> Iterator[Delta]:
        """Yield the next message of a chat as it is written."""
        return self._pieces(self._client.stream_chat(messages, model=model, **options))

    def stream_complete(self, prompt: str, *, model: str, **options: Any) -> Iterator[Delta]:
        """Yield what follows a prompt as it is written."""
        return self._pieces(self._client.stream_complete(prompt, model=model, **options))

    def embed(self, texts: Sequence[str], *, model: str, **options: Any) -> Embeddings:
        """Return one vector a text."""
        return self._wait(self._client.embed(texts, model=model, **options))

    def models(self, **options: Any) -> list[str]:
        """Return the names of the models that the server has."""
        return self._wait(self._client.models(**options))

    def infer(self, inputs: Mapping[str, Any], *, model: str, **options: Any) -> Inference:
        """Return a model's outputs for tensors."""
        return self._wait(self._client.infer(inputs, model=model, **options))

    def put_object(self, bucket: str, key: str, body: bytes) -> StoredObject:
        """Store an object."""
        return self._wait(self._client.put_object(bucket, key, body))

    def get_object(self, bucket: str, key: str) -> bytes:
        """Return an object's bytes."""
        return self._wait(self._client.get_object(bucket, key))

    def list_objects(self, bucket: str, *, prefix: str = "") -> list[StoredObject]:
        """Return the objects of a bucket."""
        return self._wait(self._client.list_objects(bucket, prefix=prefix))

    def delete_object(self, bucket: str, key: str) -> None:
        """Delete an object."""
        self._wait(self._client.delete_object(bucket, key))

    def _pieces(self, stream: TextStream) -> Iterator[Delta]:
        deltas = aiter(stream)
        try:
            while (delta := self._wait(_next(deltas))) is not None:
                yield delta
        finally:
            if not self._loop.is_closed():
                self._wait(stream.aclose())

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # of Ctrl-C: the request is given up; of a failure: it has ended
            raise


async def _next(deltas: Any) -> Delta | None:
    found: Delta | None = await anext(deltas, None)
    return found
