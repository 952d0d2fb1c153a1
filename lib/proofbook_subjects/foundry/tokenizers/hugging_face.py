"""Tokenizers of Hugging Face's library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.tokenizers.face import TextTokenizer

__all__ = ["FILES", "HuggingFaceTokenizer"]

FILES = ("tokenizer.json", "vocab.json", "vocab.txt")
"""One of them is in a folder of such a tokenizer."""


class HuggingFaceTokenizer(TextTokenizer):
    """One that transformers can load."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        """As transformers knows it."""
        self.vocab_size = max(inner.get_vocab().values(), default=-1) + 1
        self.pad_token_id, self.eos_token_id = inner.pad_token_id, inner.eos_token_id
        self.bos_token_id, self.mask_token_id = inner.bos_token_id, inner.mask_token_id

    @classmethod
    def load(cls, folder: Path) -> HuggingFaceTokenizer:
        """Load one from a folder; none of its code is run.

        Raises:
            SubjectError: Its files cannot be read.
        """
        from transformers import AutoTokenizer

        try:
            inner = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        except Exception as error:
            what = " ".join(str(error).split())[:200]
            raise SubjectError(f"tokenizer {folder} cannot be loaded: {what}") from error
        return cls(inner)

    @property
    def special_ids(self) -> frozenset[int]:
        return frozenset(self.inner.all_special_ids)

    def encode_batch(
        self, texts: Sequence[str], *, add_special_tokens: bool = True
    ) -> list[list[int]]:
        if not texts:
            return []
        # Asked for without a length limit, it warns of none.
        encoded = self.inner(
            list(texts), add_special_tokens=add_special_tokens, truncation=False,
            return_attention_mask=False, verbose=False,
        )  # fmt: skip
        return [list(ids) for ids in encoded["input_ids"]]

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        text: str = self.inner.decode(
            list(ids), skip_special_tokens=skip_special_tokens, clean_up_tokenization_spaces=False
        )
        return text

    def save_pretrained(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.inner.save_pretrained(str(folder))
