"""A text as it is written: an async iterator of deltas, and the answer when it is whole."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Self

from proofbook_subjects.apis.client.accounts import Accounts
from proofbook_subjects.apis.client.answers import Answer, Delta, Usage
from proofbook_subjects.apis.client.exchange import Part
from proofbook_subjects.apis.client.sender import Errand, Sender
from proofbook_subjects.apis.client.streaming import Streaming, stream_parts

__all__ = ["TextStream"]


class TextStream:
    """Iterate over it once. Its slot is free when it ends, breaks, or is closed.

    Leaving the loop early drops it; ``async with`` closes it at a known moment.
    """

    def __init__(
        self,
        sender: Sender,
        begin: Callable[[], Errand],
        streaming: Streaming,
        accounts: Accounts,
    ) -> None:
        # The generator must not hold this object, or leaving the loop would wait for the
        # collector of circles before it frees the slot.
        self._text = _Text(sender, begin, streaming, accounts)
        self._deltas: AsyncGenerator[Delta] | None = None

    @property
    def answer(self) -> Answer:
        """The whole text, with its usage, cost and times.

        Raises:
            ValueError: The stream has not ended.
        """
        if self._text.answer is None:
            raise ValueError("the stream has not ended: there is no answer yet")
        return self._text.answer

    def __aiter__(self) -> AsyncIterator[Delta]:
        if self._deltas is not None:
            raise ValueError("a stream is read once; ask again for another")
        self._deltas = self._text.read()
        return self._deltas

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop reading, and free the slot."""
        if self._deltas is not None:
            await self._deltas.aclose()

    async def finish(self) -> Answer:
        """Read to the end, and return the answer."""
        async for _ in self:
            continue
        return self.answer


class _Text:
    """What is read so far."""

    def __init__(
        self,
        sender: Sender,
        begin: Callable[[], Errand],
        streaming: Streaming,
        accounts: Accounts,
    ) -> None:
        self._sender, self._begin, self._accounts = sender, begin, accounts
        self._streaming = streaming
        self._pieces: list[str] = []
        self._usage: Usage | None = None
        self._reason: str | None = None
        self._model: str | None = None
        self.answer: Answer | None = None

    async def read(self) -> AsyncGenerator[Delta]:
        errand = self._begin()
        parts = stream_parts(self._sender, errand, self._streaming)
        try:
            async for part in parts:
                self._take(part)
                if part.text:
                    yield Delta(part.text, errand.deltas[-1])
        finally:
            await parts.aclose()
        self.answer = self._finished(errand)

    def _take(self, part: Part) -> None:
        self._pieces.append(part.text)
        self._usage = part.usage or self._usage
        self._reason = part.finish_reason or self._reason
        self._model = part.model or self._model

    def _finished(self, errand: Errand) -> Answer:
        asked = errand.call.model
        model = self._model or asked
        return Answer(
            text="".join(self._pieces),
            model=model,
            finish_reason=self._reason,
            usage=self._usage,
            cost=self._accounts.add(self._usage, model, asked),
            timing=errand.timing(self._sender.outside.clock()),
        )
