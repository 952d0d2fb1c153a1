"""A language model that a training left, loaded by transformers, and what it makes of text.

Nothing of the model's own code is run. Knows nothing about how it was trained.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError

__all__ = ["LanguageModel", "is_known_kind", "load_language_model"]

_LONGEST = 128
"""Tokens of a window where the model takes more."""
_TOKENIZERS = ("tokenizer*", "vocab.*", "*.model", "*.tiktoken", "sentencepiece*")
"""Files that tokenizers are kept in."""
_MASKED = "MaskedLM"
_MASK_SHARE = 0.15
_BATCH = 32
_SEED = 5


@dataclass(frozen=True, kw_only=True)
class LanguageModel:
    """A model with its tokenizer, in evaluation mode."""

    place: Path
    model: Any
    tokenizer: Any
    """None where its folder has none, and no other was given."""
    masked: bool
    """Whether it fills in masked tokens; else it predicts the next one."""

    @property
    def vocabulary(self) -> int:
        """How many tokens it knows."""
        return int(self.model.get_input_embeddings().weight.shape[0])

    @property
    def window(self) -> int:
        """Tokens that it is given at once."""
        config = self.model.config
        longest = [
            getattr(config, name, None) for name in ("n_positions", "max_position_embeddings")
        ]
        return min([_LONGEST, *(int(each) for each in longest if each)])

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, without special ones."""
        return [int(each) for each in self.tokenizer.encode(text, add_special_tokens=False)]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of tokens."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def logits(self, rows: Sequence[Sequence[int]]) -> Any:
        """Return a tensor of shape (rows, length, vocabulary)."""
        import torch

        with torch.no_grad():
            return self.model(input_ids=torch.tensor([list(row) for row in rows])).logits.float()

    def mean_loss(self, documents: Sequence[str]) -> float:
        """Return the mean loss over the tokens of some documents.

        Raises:
            SubjectError: They are shorter than two tokens.
        """
        rows = self._windows(documents)
        losses = [self._batch_loss(rows[n : n + _BATCH]) for n in range(0, len(rows), _BATCH)]
        return math.fsum(loss for loss, _ in losses) / sum(count for _, count in losses)

    def _windows(self, documents: Sequence[str]) -> list[list[int]]:
        """Return the documents' tokens, one after the other, in windows of one length."""
        end = self.tokenizer.eos_token_id
        stream = [
            token for text in documents
            for token in (*self.encode(text), *([] if end is None else [end]))
        ]  # fmt: skip
        size = min(self.window, len(stream))
        if size < 2:
            raise SubjectError("the documents have no two tokens; give longer ones")
        return [stream[n : n + size] for n in range(0, len(stream) - size + 1, size)]

    def _batch_loss(self, rows: Sequence[Sequence[int]]) -> tuple[float, int]:
        import torch
        from torch.nn import functional

        ids = torch.tensor([list(row) for row in rows])
        if not self.masked:
            logits, labels = self.logits(rows)[:, :-1], ids[:, 1:]
        else:
            chosen = torch.rand(ids.shape, generator=torch.Generator().manual_seed(_SEED))
            hidden = chosen < _MASK_SHARE
            hidden[:, 0] = True  # at least one in each row
            shown = ids.masked_fill(hidden, self.tokenizer.mask_token_id)
            logits, labels = self.logits(shown.tolist()), ids.masked_fill(~hidden, -100)
        loss = functional.cross_entropy(
            logits.flatten(0, 1), labels.flatten(), reduction="sum", ignore_index=-100
        )
        return float(loss), int((labels != -100).sum())


def load_language_model(place: Path, tokenizer: Path | None = None) -> LanguageModel:
    """Load the model in a folder, in 32 bits, on the CPU.

    Args:
        place: With ``config.json`` and weights, as ``save_pretrained`` writes them.
        tokenizer: Its tokenizer's folder, where that is another one.

    Raises:
        SubjectError: It is none that transformers knows, or cannot be loaded.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    try:
        config = json.loads((place / "config.json").read_text(encoding="utf-8"))
        masked = _is_masked(config)
        kind: Any = AutoModelForMaskedLM if masked else AutoModelForCausalLM
        model, told = kind.from_pretrained(
            place, local_files_only=True, trust_remote_code=False, dtype=torch.float32,
            output_loading_info=True,
        )  # fmt: skip
        words = _read_tokenizer(tokenizer or place)
    except Exception as error:
        what = " ".join(str(error).split())[:200]
        raise SubjectError(f"{place} is no model that transformers can load: {what}") from error
    if missing := sorted(told["missing_keys"]):
        raise SubjectError(f"{place} lacks {missing[0]}: it was not saved, and is random now")
    return LanguageModel(place=place, model=model.eval(), tokenizer=words, masked=masked)


def _read_tokenizer(folder: Path) -> Any:
    """Return a folder's tokenizer; None where it has none.

    transformers makes one of a config alone, which knows no text.
    """
    from transformers import AutoTokenizer

    if not any(any(folder.glob(form)) for form in _TOKENIZERS):
        return None
    return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def _is_masked(config: Mapping[str, Any]) -> bool:
    """Say whether a config is of a model that fills in masked tokens.

    Where it does not name its class, that is the use of a kind that has one for it, unless it is a
    decoder.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES as KINDS

    if names := config.get("architectures"):
        return any(_MASKED in str(name) for name in names)
    is_decoder = config.get("is_decoder") or config.get("is_encoder_decoder")
    return config.get("model_type") in KINDS and not is_decoder


def is_known_kind(place: Path) -> bool:
    """Say whether a folder's config names a kind of model that transformers has."""
    from transformers import CONFIG_MAPPING

    try:
        config = json.loads((place / "config.json").read_text(encoding="utf-8"))
        return config.get("model_type") in CONFIG_MAPPING
    except (OSError, ValueError, AttributeError):
        return False
