"""Write a tiny Llama with random weights as gguf: ``python tiny_gguf.py FILE``.

Its tokens are letters, digits, a few marks and all bytes, so that it reads and says any text.
"""

from __future__ import annotations

import string
import sys

import gguf
import numpy as np

__all__ = ["save"]

_WIDTH, _HIDDEN, _BLOCKS, _HEADS, _LONGEST = 64, 128, 2, 2, 4096
_SPECIAL = ("<unk>", "<s>", "</s>")
_LETTERS = ("▁", *string.ascii_letters, *string.digits, *".,:;!?-")
_TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def save(path: str) -> None:
    """Write the model, the same one each time."""
    writer = gguf.GGUFWriter(path, "llama")
    tokens = [*_SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *_LETTERS]
    _describe(writer, tokens)
    random = np.random.default_rng(0)
    for name, shape in _shapes(len(tokens)).items():
        is_norm = len(shape) == 1
        values = np.ones(shape) if is_norm else random.normal(scale=0.2, size=shape)
        if name == "output.weight":
            # It says letters alone, and so neither ends early nor breaks a character apart.
            values *= 5.0
            values[: -len(_LETTERS)] = 0.0
        writer.add_tensor(name, values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: gguf.GGUFWriter, tokens: list[str]) -> None:
    kinds = gguf.TokenType
    writer.add_context_length(_LONGEST)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_BLOCKS)
    writer.add_feed_forward_length(_HIDDEN)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    letters = [kinds.NORMAL] * len(_LETTERS)
    special = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL]
    writer.add_token_types([*special, *[kinds.BYTE] * 256, *letters])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(_TEMPLATE)


def _shapes(tokens: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor, by the name that llama.cpp gives it."""
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (tokens, _WIDTH),
        "output_norm.weight": (_WIDTH,),
        "output.weight": (tokens, _WIDTH),
    }
    for block in range(_BLOCKS):
        attention = {f"attn_{part}.weight": (_WIDTH, _WIDTH) for part in "qkv"}
        own: dict[str, tuple[int, ...]] = {
            **attention,
            "attn_output.weight": (_WIDTH, _WIDTH),
            "attn_norm.weight": (_WIDTH,),
            "ffn_norm.weight": (_WIDTH,),
            "ffn_gate.weight": (_HIDDEN, _WIDTH),
            "ffn_up.weight": (_HIDDEN, _WIDTH),
            "ffn_down.weight": (_WIDTH, _HIDDEN),
        }
        shapes |= {f"blk.{block}.{name}": shape for name, shape in own.items()}
    return shapes


if __name__ == "__main__":
    save(sys.argv[1])
