"""The client: chat, completion, embeddings, models, tensors and objects of any backend.

async with ApiClient("openai_api", limits=Limits(max_concurrency=4)) as client:
    answer = await client.chat([{"role": "user", "content": "Hello"}], model="gpt-4o-mini")
    async for delta in client.stream_chat(messages, model="gpt-4o-mini"):
        print(delta.text, end="")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from proofbook_subjects.apis.client.answers import Answer, Embeddings, Inference, StoredObject
from proofbook_subjects.apis.client.exchange import Call, Message, Reply, TextRequest
from proofbook_subjects.apis.client.session import Session
from proofbook_subjects.apis.client.settings import Timeout
from proofbook_subjects.apis.client.streaming import Streaming
from proofbook_subjects.apis.client.text_stream import TextStream

__all__ = ["ApiClient"]


class ApiClient(Session):
    """One server, asked by one event loop; takes what :class:`Session` takes."""

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        model: str,
        max_tokens: int | None = None,
        temperature: float | None = None,
        extra: Mapping[str, Any] | None = None,
        priority: int = 0,
        timeout: Timeout | None = None,
    ) -> Answer:
        """Return the next message of a chat.

        Args:
            messages: ``{"role": …, "content": …}``.
            model: Its name.
            max_tokens: Of the answer.
            temperature: Of the sampling.
            extra: Further fields of the backend's own.
            priority: Lower ones come first; within one, who came first.
            timeout: Instead of the client's.

        Raises:
            ApiError: One of the tree in ``errors``.
        """
        request = _text(model, max_tokens, temperature, extra, messages=messages)
        call = self._backend.write_chat(request, stream=False)
        return await self._text(call, self._backend.read_chat, priority, timeout)

    def stream_chat(
        self,
        messages: Sequence[Message],
        *,
        model: str,
        max_tokens: int | None = None,
        temperature: float | None = None,
        extra: Mapping[str, Any] | None = None,
        priority: int = 0,
        timeout: Timeout | None = None,
    ) -> TextStream:
        """Return the next message of a chat as it is written: an async iterator of deltas."""
        request = _text(model, max_tokens, temperature, extra, messages=messages)
        call = self._backend.write_chat(request, stream=True)
        streaming = Streaming(reader=self._backend.chat_reader, whole=self._backend.read_chat)
        return self._stream(call, streaming, priority, timeout)

    async def complete(
        self,
        prompt: str,
        *,
        model: str,
        max_tokens: int | None = None,
        temperature: float | None = None,
        extra: Mapping[str, Any] | None = None,
        priority: int = 0,
        timeout: Timeout | None = None,
    ) -> Answer:
        """Return what follows a prompt."""
        request = _text(model, max_tokens, temperature, extra, prompt=prompt)
        call = self._backend.write_completion(request, stream=False)
        return await self._text(call, self._backend.read_completion, priority, timeout)

    def stream_complete(
        self,
        prompt: str,
        *,
        model: str,
        max_tokens: int | None = None,
        temperature: float | None = None,
        extra: Mapping[str, Any] | None = None,
        priority: int = 0,
        timeout: Timeout | None = None,
    ) -> TextStream:
        """Return what follows a prompt as it is written."""
        request = _text(model, max_tokens, temperature, extra, prompt=prompt)
        call = self._backend.write_completion(request, stream=True)
        reader, whole = self._backend.completion_reader, self._backend.read_completion
        return self._stream(call, Streaming(reader=reader, whole=whole), priority, timeout)

    async def embed(
        self,
        texts: Sequence[str],
        *,
        model: str,
        priority: int = 0,
        timeout: Timeout | None = None,
    ) -> Embeddings:
        """Return one vector a text, in the order of the texts."""
        call = self._backend.write_embeddings(texts, model)
        found, raw, timing = await self._json(
            call, lambda value: self._backend.read_vectors(value, len(texts)), priority, timeout
        )
        name = found.model or model
        return Embeddings(
            vectors=found.vectors,
            model=name,
            usage=found.usage,
            cost=self.accounts.add(found.usage, name, model),
            timing=timing,
            raw=raw,
        )

    async def models(self, *, priority: int = 0, timeout: Timeout | None = None) -> list[str]:
        """Return the names of the models that the server has."""
        call = self._backend.write_models()
        names, _, _ = await self._json(call, self._backend.read_models, priority, timeout)
        return names

    async def infer(
        self,
        inputs: Any,
        *,
        model: str,
        priority: int = 0,
        timeout: Timeout | None = None,
    ) -> Inference:
        """Return a model's outputs for tensors, in the backend's own form."""
        call = self._backend.write_inference(inputs, model)
        read = self._backend.read_inference
        outputs, raw, timing = await self._json(call, read, priority, timeout)
        return Inference(outputs=outputs, model=model, timing=timing, raw=raw)

    async def put_object(
        self, bucket: str, key: str, body: bytes, *, timeout: Timeout | None = None
    ) -> StoredObject:
        """Store an object."""
        call = self._backend.write_put(bucket, key, body)
        etag = await self._whole(call, timeout, self._backend.read_put)
        return StoredObject(key, len(body), etag)

    async def get_object(self, bucket: str, key: str, *, timeout: Timeout | None = None) -> bytes:
        """Return an object's bytes."""
        call = self._backend.write_get(bucket, key)
        return await self._whole(call, timeout, lambda response: response.content)

    async def list_objects(
        self, bucket: str, *, prefix: str = "", timeout: Timeout | None = None
    ) -> list[StoredObject]:
        """Return the objects of a bucket, page by page."""
        found: list[StoredObject] = []
        token: str | None = ""
        while token is not None:
            call = self._backend.write_list(bucket, prefix, token)
            page, token = await self._whole(call, timeout, self._backend.read_list)
            found += page
        return found

    async def delete_object(self, bucket: str, key: str, *, timeout: Timeout | None = None) -> None:
        """Delete an object; one that is not there is no error."""
        call = self._backend.write_delete(bucket, key)
        await self._whole(call, timeout, lambda response: response)

    async def _text(
        self, call: Call, read: Callable[[Any], Reply], priority: int, timeout: Timeout | None
    ) -> Answer:
        reply, raw, timing = await self._json(call, read, priority, timeout)
        name = reply.model or call.model
        return Answer(
            text=reply.text,
            model=name,
            finish_reason=reply.finish_reason,
            usage=reply.usage,
            cost=self.accounts.add(reply.usage, name, call.model),
            timing=timing,
            raw=raw,
        )

    def _stream(
        self, call: Call, streaming: Streaming, priority: int, timeout: Timeout | None
    ) -> TextStream:
        limits = timeout or self._timeout
        begin = partial(self._sender.begin, call, limits, priority)
        return TextStream(self._sender, begin, streaming, self.accounts)


def _text(
    model: str,
    max_tokens: int | None,
    temperature: float | None,
    extra: Mapping[str, Any] | None,
    *,
    messages: Sequence[Message] = (),
    prompt: str = "",
) -> TextRequest:
    return TextRequest(
        model=model,
        messages=messages,
        prompt=prompt,
        max_tokens=max_tokens,
        temperature=temperature,
        extra=extra or {},
    )
