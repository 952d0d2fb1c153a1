"""Save a tiny Llama with random weights and a tokenizer of bytes: ``python tiny_llama.py FOLDER``.

Each token is a byte, so that it reads any text. The heads have 64 numbers, the least that
vLLM's kernels for CPUs take.
"""

from __future__ import annotations

import string
import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

__all__ = ["save"]

_SPECIAL = ("<unk>", "<s>", "</s>")
_TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
_LONGEST = 1024


def save(folder: str) -> None:
    """Save model and tokenizer, the same ones each time."""
    tokens = [*_SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(
        models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=[], unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        model_max_length=_LONGEST,
    )  # fmt: skip
    fast.chat_template = _TEMPLATE
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokens), hidden_size=128, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=_LONGEST,
        bos_token_id=1, eos_token_id=2, pad_token_id=2, tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    letters = [index for index, token in enumerate(tokens) if token in string.ascii_letters]
    with torch.no_grad():
        # It says letters alone: half a character would be told otherwise in a stream than at once.
        kept = model.lm_head.weight[letters] * 50
        model.lm_head.weight.zero_()
        model.lm_head.weight[letters] = kept
    model.save_pretrained(folder)
    fast.save_pretrained(folder)


if __name__ == "__main__":
    save(sys.argv[1])
