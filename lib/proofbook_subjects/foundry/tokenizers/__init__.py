"""One face for the tokenizers of two libraries: load, train, save."""

from __future__ import annotations

from proofbook_subjects.foundry.tokenizers.face import Padded, TextTokenizer
from proofbook_subjects.foundry.tokenizers.loading import load_tokenizer
from proofbook_subjects.foundry.tokenizers.training import train_tokenizer

__all__ = ["Padded", "TextTokenizer", "load_tokenizer", "train_tokenizer"]
