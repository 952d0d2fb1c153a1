"""A recurrent language model, which transformers has none of, as a class of its kind."""

from __future__ import annotations

import contextlib
from typing import Any, ClassVar

import torch
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

__all__ = ["LstmConfig", "LstmLanguageModel"]


class LstmConfig(PreTrainedConfig):  # type: ignore[misc]  # transformers is not typed
    """Sizes of an LSTM."""

    model_type = "foundry_lstm"
    vocab_size: int = 1000
    embedding_size: int = 64
    hidden_size: int = 64
    layers: int = 1
    dropout: float = 0.0
    tie_word_embeddings: bool = True


class LstmLanguageModel(PreTrainedModel):  # type: ignore[misc]  # transformers is not typed
    """Embedding, LSTM, output."""

    config_class = LstmConfig
    _tied_weights_keys: ClassVar[dict[str, str]] = {"output.weight": "embedding.weight"}

    def __init__(self, config: LstmConfig) -> None:
        super().__init__(config)
        self.embedding = torch.nn.Embedding(config.vocab_size, config.embedding_size)
        self.dropout = torch.nn.Dropout(config.dropout)
        self.lstm = torch.nn.LSTM(
            config.embedding_size, config.hidden_size, config.layers, batch_first=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )  # fmt: skip
        self.output = torch.nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self) -> torch.nn.Module:
        """Return the module that transformers ties."""
        return self.embedding

    def get_output_embeddings(self) -> torch.nn.Module:
        """Return the module that transformers ties it to."""
        return self.output

    def forward(self, input_ids: torch.Tensor, **_: Any) -> CausalLMOutput:
        """Return logits of shape (batch, length, vocabulary)."""
        given = self.dropout(self.embedding(input_ids))
        # A CPU's LSTM has no float16, and bfloat16 only where the CPU has: it is the one layer that
        # is computed in 32 bits there.
        is_cpu = input_ids.device.type == "cpu"
        with torch.autocast("cpu", enabled=False) if is_cpu else contextlib.nullcontext():
            states, _last = self.lstm(given)
        return CausalLMOutput(logits=self.output(self.dropout(states)))
