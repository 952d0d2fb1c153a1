"""Sizes by the names and shapes of weights alone, whatever the library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from proofbook.errors import SubjectError
from proofbook_systems.foundry.model_sizes import compare_sizes, measure_sizes, read_weights
from proofbook_systems.training.trainer import Trainer


def gpt2(**changes: Any) -> dict[str, torch.Tensor]:
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = {"vocab_size": 50, "n_embd": 16, "n_layer": 3, "n_head": 2, "n_positions": 64}
    return dict(GPT2LMHeadModel(GPT2Config(**{**sizes, **changes})).state_dict())


def llama() -> dict[str, torch.Tensor]:
    from transformers import LlamaConfig, LlamaForCausalLM

    return dict(LlamaForCausalLM(LlamaConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=3, num_attention_heads=2,
        intermediate_size=24, tie_word_embeddings=False,
    )).state_dict())  # fmt: skip


def bert() -> dict[str, torch.Tensor]:
    from transformers import BertConfig, BertForMaskedLM

    return dict(BertForMaskedLM(BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=3, num_attention_heads=2,
        intermediate_size=24, max_position_embeddings=64,
    )).state_dict())  # fmt: skip


def lstm() -> dict[str, torch.Tensor]:
    model = nn.ModuleDict({"embedding": nn.Embedding(50, 8), "lstm": nn.LSTM(8, 16, 3)})
    return dict(model.state_dict())


def compiled() -> dict[str, torch.Tensor]:
    """As a checkpoint of a compiled model names them, with the masks that old ones hold."""
    return {f"_orig_mod.{name}": value for name, value in gpt2().items()}


@pytest.mark.parametrize("make", [gpt2, llama, bert, lstm, compiled])
def test_sizes_are_found_whatever_the_names(make: Any) -> None:
    sizes = measure_sizes(make())
    assert (sizes.layers, sizes.hidden, sizes.vocabulary) == (3, 16, 50)


def test_shared_weights_count_once() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=16, n_layer=1, n_head=2))
    assert measure_sizes(model.state_dict()).parameters == model.num_parameters()


def save(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    folder.mkdir(parents=True)
    torch.save({"model": weights, "optimizer": {"state": {0: {"exp_avg": torch.ones(999)}}}},
               folder / "ckpt.pt")  # fmt: skip


def test_weights_are_read_without_the_optimizer_and_without_masks(tmp_path: Path) -> None:
    weights = gpt2()
    masks = {"transformer.h.0.attn.bias": torch.ones(1, 1, 64, 64)}
    save(tmp_path / "out", {**weights, **masks})
    assert measure_sizes(read_weights(tmp_path / "out")) == measure_sizes(weights)


def test_a_folder_without_weights_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match="has no weights"):
        read_weights(tmp_path)


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    path = tmp_path / "c.yaml"
    path.write_text("model: {layers: 3, hidden: '16'}\nvocab: 50\n")
    return Trainer(train=("t",), resume=("t",), config_file=path, project=tmp_path, steps=1)


def test_sizes_are_compared_with_numbers_and_with_keys(trainer: Trainer) -> None:
    sizes = measure_sizes(gpt2())
    right = {"layers": "model.layers", "hidden": "model.hidden", "vocabulary": "50"}
    assert compare_sizes(sizes, right, trainer) == []
    wrong = compare_sizes(sizes._replace(layers=2), right, trainer)
    assert wrong == ["layers: the weights have 2, and 3 are due, as model.layers says"]
    with pytest.raises(SubjectError, match=r"no model\.depth"):
        compare_sizes(sizes, {"layers": "model.depth"}, trainer)
    with pytest.raises(SubjectError, match="sizes has 'depth'; give layers, hidden"):
        compare_sizes(sizes, {"depth": "3"}, trainer)
