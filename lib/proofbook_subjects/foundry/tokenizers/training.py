"""Train a tokenizer on texts. The same texts give the same tokenizer."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any, Literal

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.tokenizers.face import SPECIAL_TOKENS, TextTokenizer
from proofbook_subjects.foundry.tokenizers.hugging_face import HuggingFaceTokenizer
from proofbook_subjects.foundry.tokenizers.sentence_piece import SentencePieceTokenizer

__all__ = ["train_tokenizer"]

_BYTES = 256
_PAD, _EOS, _BOS, _UNK, _MASK = SPECIAL_TOKENS


def train_tokenizer(
    texts: Iterable[str], vocab_size: int, kind: Literal["bpe", "sentencepiece"]
) -> TextTokenizer:
    """Train one with at most ``vocab_size`` tokens.

    Raises:
        SubjectError: The texts are empty, or the vocabulary is too small for every byte.
    """
    least = _BYTES + len(SPECIAL_TOKENS)
    if vocab_size < least:
        raise SubjectError(
            f"tokenizer.vocab_size {vocab_size} is too small to train: every byte and "
            f"{len(SPECIAL_TOKENS)} special tokens need {least}"
        )
    checked = _with_some(texts)
    if kind == "bpe":
        return HuggingFaceTokenizer(_byte_level(checked, vocab_size))
    return SentencePieceTokenizer(_pieces(checked, vocab_size))


def _byte_level(texts: Iterable[str], vocab_size: int) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE(unk_token=_UNK))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=list(SPECIAL_TOKENS), show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )  # fmt: skip
    raw.train_from_iterator(texts, trainer)
    ends = [(token, raw.token_to_id(token)) for token in (_BOS, _EOS)]
    raw.post_processor = processors.TemplateProcessing(
        single=f"{_BOS} $A {_EOS}", special_tokens=ends
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token=_PAD, eos_token=_EOS, bos_token=_BOS, unk_token=_UNK,
        mask_token=_MASK,
    )  # fmt: skip


def _pieces(texts: Iterable[str], vocab_size: int) -> bytes:
    import sentencepiece

    written = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_writer=written, vocab_size=vocab_size,
            model_type="bpe", byte_fallback=True, hard_vocab_limit=False, num_threads=1,
            pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece=_PAD, eos_piece=_EOS,
            bos_piece=_BOS, unk_piece=_UNK, control_symbols=[_MASK],
            normalization_rule_name="identity", remove_extra_whitespaces=False,
            add_dummy_prefix=False, minloglevel=2,
        )  # fmt: skip
    except RuntimeError as error:
        what = " ".join(str(error).split())[-200:]
        raise SubjectError(f"SentencePiece cannot be trained: {what}") from error
    return written.getvalue()


def _with_some(texts: Iterable[str]) -> Iterable[str]:
    """Yield the texts; raise once they are over and there was nothing in them."""
    empty = True
    for text in texts:
        empty = empty and not text.strip()
        yield text
    if empty:
        raise SubjectError("the corpus is empty; a tokenizer needs text to be trained on")
