"""What a text is about, as a vector of length 1, by all-MiniLM-L6-v2. It reads English."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["SentenceModel"]

_MOST_TOKENS = 256


class SentenceModel:
    """Embeds texts; the same text gives the same vector."""

    def __init__(self, files: Mapping[str, Path], threads: int) -> None:
        import torch
        from safetensors.torch import load
        from tokenizers import Tokenizer
        from transformers import BertConfig, BertModel

        torch.set_num_threads(threads)
        with zipfile.ZipFile(next(iter(files.values()))) as archive:
            config = json.loads(archive.read("config.json"))
            self._tokenizer = Tokenizer.from_str(archive.read("tokenizer.json").decode())
            weights = load(archive.read("model.safetensors"))
        self._tokenizer.enable_truncation(_MOST_TOKENS)
        self._tokenizer.enable_padding()
        self._model = BertModel(BertConfig(**config))
        lacking = self._model.load_state_dict(weights, strict=False).missing_keys
        if [key for key in lacking if "position_ids" not in key]:
            raise ValueError(f"the weights lack {', '.join(lacking)}")
        self._model.eval()

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector a text: the mean over its tokens."""
        import torch

        if not texts:
            return []
        encoded = self._tokenizer.encode_batch(list(texts))
        ids = torch.tensor([each.ids for each in encoded])
        mask = torch.tensor([each.attention_mask for each in encoded])
        with torch.inference_mode():
            hidden = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
            weight = mask.unsqueeze(-1).float()
            mean = (hidden * weight).sum(1) / weight.sum(1).clamp_min(1.0)
            unit = torch.nn.functional.normalize(mean, dim=1)
        return [[float(x) for x in row] for row in unit]
