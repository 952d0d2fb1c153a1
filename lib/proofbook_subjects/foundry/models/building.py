"""A network from its section of the configuration, by the classes of transformers.

Weights are random: they follow from the global seed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.config import ModelConfig

__all__ = ["Attention", "attention_for", "create_model"]

FLASH, PYTORCH = "flash_attention_2", "sdpa"


class Attention(NamedTuple):
    """How attention is computed."""

    implementation: str
    """By the name that transformers gives it."""
    reason: str
    """Why it is not what was asked for; empty where it is."""


class _Size(NamedTuple):
    vocab: int
    length: int
    attention: str


def create_model(
    config: ModelConfig, vocab_size: int, length: int, attention: str = PYTORCH
) -> Any:
    """Return a network with random weights, on the CPU.

    Args:
        config: Its architecture and sizes.
        vocab_size: Tokens that it knows.
        length: The longest sequence that it takes.
        attention: An implementation, as of :func:`attention_for`.

    Raises:
        SubjectError: transformers does not take these values.
    """
    size = _Size(vocab_size, length, attention)
    try:
        model = _BUILDERS[config.architecture](config, size)
    except (KeyError, ValueError, ImportError) as error:
        what = " ".join(str(error).split())[:200]
        raise SubjectError(f"model cannot be made: {what}; see the section model") from error
    # What loads it elsewhere cannot tell a masked from a causal BERT without.
    model.config.architectures = [type(model).__name__]
    return model


def attention_for(config: ModelConfig, device_type: str) -> Attention:
    """Return the implementation to take: PyTorch's, or flash attention where that is asked for."""
    if not config.use_flash_attention:
        return Attention(PYTORCH, "")
    if config.architecture in ("lstm", "mamba"):
        return Attention(PYTORCH, f"{config.architecture} has no attention")
    if device_type != "cuda":
        return Attention(PYTORCH, "flash attention needs a GPU")
    from transformers.utils import is_flash_attn_2_available

    if not is_flash_attn_2_available():
        return Attention(PYTORCH, "the package flash-attn is not installed, or not for this GPU")
    return Attention(FLASH, "")


def _gpt2(config: ModelConfig, size: _Size) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(
        vocab_size=size.vocab, n_positions=size.length, n_embd=config.hidden_size,
        n_layer=config.layers, n_head=config.attention_heads,
        n_inner=config.intermediate_hidden_size, activation_function=config.activation_function,
        resid_pdrop=config.dropout, embd_pdrop=config.dropout, attn_pdrop=config.attention_dropout,
        bos_token_id=None, eos_token_id=None, use_cache=False,
        tie_word_embeddings=config.tie_embeddings, attn_implementation=size.attention,
    ))  # fmt: skip


def _llama(config: ModelConfig, size: _Size) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(
        vocab_size=size.vocab, max_position_embeddings=size.length,
        hidden_size=config.hidden_size, num_hidden_layers=config.layers,
        num_attention_heads=config.attention_heads,
        num_key_value_heads=config.key_value_heads or config.attention_heads,
        intermediate_size=_inner(config), hidden_act=config.activation_function,
        attention_dropout=config.attention_dropout, use_cache=False,
        bos_token_id=None, eos_token_id=None, tie_word_embeddings=config.tie_embeddings,
        attn_implementation=size.attention,
    ))  # fmt: skip


def _bert(config: ModelConfig, size: _Size) -> Any:
    from transformers import BertConfig, BertForMaskedLM

    return BertForMaskedLM(BertConfig(
        vocab_size=size.vocab, max_position_embeddings=size.length,
        hidden_size=config.hidden_size, num_hidden_layers=config.layers,
        num_attention_heads=config.attention_heads, intermediate_size=_inner(config),
        hidden_act=config.activation_function, hidden_dropout_prob=config.dropout,
        attention_probs_dropout_prob=config.attention_dropout, type_vocab_size=1,
        tie_word_embeddings=config.tie_embeddings, attn_implementation=size.attention,
    ))  # fmt: skip


def _lstm(config: ModelConfig, size: _Size) -> Any:
    from proofbook_subjects.foundry.models.lstm import LstmConfig, LstmLanguageModel

    return LstmLanguageModel(LstmConfig(
        vocab_size=size.vocab, embedding_size=config.embedding_size,
        hidden_size=config.hidden_size, layers=config.layers, dropout=config.dropout,
        tie_word_embeddings=config.tie_embeddings and config.embedding_size == config.hidden_size,
    ))  # fmt: skip


def _mamba(config: ModelConfig, size: _Size) -> Any:
    from transformers import MambaConfig, MambaForCausalLM

    inner = config.intermediate_hidden_size or 2 * config.hidden_size
    if inner % config.hidden_size:
        raise ValueError("intermediate_hidden_size of mamba is a multiple of its hidden_size")
    return MambaForCausalLM(MambaConfig(
        vocab_size=size.vocab, hidden_size=config.hidden_size, num_hidden_layers=config.layers,
        state_size=config.state_size, expand=inner // config.hidden_size, use_cache=False,
        bos_token_id=None, eos_token_id=None, tie_word_embeddings=config.tie_embeddings,
    ))  # fmt: skip


def _inner(config: ModelConfig) -> int:
    return config.intermediate_hidden_size or 4 * config.hidden_size


_BUILDERS: dict[str, Callable[[ModelConfig, _Size], Any]] = {
    "bert": _bert, "gpt2": _gpt2, "llama": _llama, "lstm": _lstm, "mamba": _mamba,
}  # fmt: skip
