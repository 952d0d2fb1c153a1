"""Tokenizers of Google's SentencePiece library: one file, ``tokenizer.model``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.files import atomic_write
from proofbook_subjects.foundry.tokenizers.face import SPECIAL_TOKENS, TextTokenizer

__all__ = ["FILE", "SentencePieceTokenizer"]

FILE = "tokenizer.model"


class SentencePieceTokenizer(TextTokenizer):
    """A processor with the same face as the others."""

    def __init__(self, model: bytes) -> None:
        """Load it from the content of its file.

        Raises:
            RuntimeError: It is none.
        """
        from sentencepiece import SentencePieceProcessor

        self._model = model
        self._processor = SentencePieceProcessor(model_proto=model)
        self.vocab_size = int(self._processor.get_piece_size())
        self.pad_token_id = self._known(self._processor.pad_id())
        self.eos_token_id = self._known(self._processor.eos_id())
        self.bos_token_id = self._known(self._processor.bos_id())
        mask = int(self._processor.piece_to_id(SPECIAL_TOKENS[-1]))
        self.mask_token_id = mask if mask != self._processor.unk_id() else None

    @classmethod
    def load(cls, folder: Path) -> SentencePieceTokenizer:
        """Load one from a folder.

        Raises:
            SubjectError: Its file cannot be read.
        """
        path = folder / FILE
        try:
            return cls(path.read_bytes())
        except (OSError, RuntimeError) as error:
            what = " ".join(str(error).split())[:200]
            raise SubjectError(f"tokenizer {path} cannot be loaded: {what}") from error

    @property
    def special_ids(self) -> frozenset[int]:
        named = (self.pad_token_id, self.eos_token_id, self.bos_token_id, self.mask_token_id)
        return frozenset({number for number in named if number is not None})

    def encode_batch(
        self, texts: Sequence[str], *, add_special_tokens: bool = True
    ) -> list[list[int]]:
        encoded = [list(ids) for ids in self._processor.encode(list(texts), out_type=int)]
        if not add_special_tokens:
            return encoded
        first, last = ([n] if n is not None else [] for n in (self.bos_token_id, self.eos_token_id))
        return [[*first, *ids, *last] for ids in encoded]

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        numbers = [int(number) for number in ids]
        if skip_special_tokens:
            text: str = self._processor.decode([n for n in numbers if n not in self.special_ids])
            return text
        return "".join(self._parts(numbers))

    def _parts(self, numbers: Sequence[int]) -> list[str]:
        """Return the text between special tokens, and those by their names."""
        parts: list[str] = []
        waiting: list[int] = []
        for number in numbers:
            if number in self.special_ids:
                parts += [self._processor.decode(waiting), self._processor.id_to_piece(number)]
                waiting = []
            else:
                waiting.append(number)
        return [*parts, self._processor.decode(waiting)]

    def save_pretrained(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / FILE, self._model)

    @staticmethod
    def _known(number: int) -> int | None:
        return number if number >= 0 else None
