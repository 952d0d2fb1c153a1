"""Load a tokenizer, whichever library it is of."""

from __future__ import annotations

import hashlib
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.files import hash_file
from proofbook_subjects.foundry.tokenizers.face import TextTokenizer
from proofbook_subjects.foundry.tokenizers.hugging_face import FILES, HuggingFaceTokenizer
from proofbook_subjects.foundry.tokenizers.sentence_piece import FILE, SentencePieceTokenizer

__all__ = ["load_tokenizer", "tokenizer_hash"]


def load_tokenizer(folder: Path) -> TextTokenizer:
    """Load the tokenizer in a folder: Hugging Face's, else SentencePiece's.

    Raises:
        SubjectError: There is none, or it cannot be read.
    """
    if any((folder / name).is_file() for name in FILES):
        return HuggingFaceTokenizer.load(folder)
    if (folder / FILE).is_file():
        return SentencePieceTokenizer.load(folder)
    raise SubjectError(
        f"{folder} has no tokenizer ({', '.join((*FILES, FILE))}); run train-tokenizer first"
    )


def tokenizer_hash(folder: Path) -> str:
    """Return a hash of a tokenizer's files."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    parts = [f"{path.name} {hash_file(path)}" for path in files if not path.name.startswith(".")]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
