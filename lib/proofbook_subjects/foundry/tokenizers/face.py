"""What the rest of the framework knows of a tokenizer, and what all of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError

__all__ = ["SPECIAL_TOKENS", "Padded", "TextTokenizer"]

SPECIAL_TOKENS = ("<pad>", "</s>", "<s>", "<unk>", "<mask>")
"""Of tokenizers that are trained here; their ids are their places."""


class Padded(NamedTuple):
    """Sequences of the same length."""

    input_ids: list[list[int]]
    attention_mask: list[list[int]]
    """1 for a token, 0 for padding."""


class TextTokenizer(ABC):
    """Text to token ids, and back."""

    vocab_size: int
    """One more than the largest id."""
    pad_token_id: int | None
    eos_token_id: int | None
    bos_token_id: int | None
    mask_token_id: int | None

    @abstractmethod
    def encode_batch(
        self, texts: Sequence[str], *, add_special_tokens: bool = True
    ) -> list[list[int]]:
        """Return the ids of each text, in order."""

    @abstractmethod
    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        """Return the text of token ids."""

    @abstractmethod
    def save_pretrained(self, folder: Path) -> None:
        """Write its files into a folder, from which it can be loaded."""

    @property
    @abstractmethod
    def special_ids(self) -> frozenset[int]:
        """Ids that stand for no text."""

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """Return the ids of one text."""
        return self.encode_batch([text], add_special_tokens=add_special_tokens)[0]

    def encode_documents(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text, each with an end token where there is one."""
        end = self.eos_token_id
        encoded = self.encode_batch(texts)
        return [ids if end is None or ids[-1:] == [end] else [*ids, end] for ids in encoded]

    def pad(self, sequences: Sequence[Sequence[int]], length: int | None = None) -> Padded:
        """Return sequences filled up on the right, or cut, to one length: the longest by default.

        Raises:
            SubjectError: It has no token to fill up with.
        """
        length = max(map(len, sequences), default=0) if length is None else length
        if self.pad_token_id is None and any(len(ids) < length for ids in sequences):
            raise SubjectError("the tokenizer has no padding token; give it one")
        fill = self.pad_token_id or 0
        cut = [list(ids[:length]) for ids in sequences]
        return Padded(
            [ids + [fill] * (length - len(ids)) for ids in cut],
            [[1] * len(ids) + [0] * (length - len(ids)) for ids in cut],
        )
