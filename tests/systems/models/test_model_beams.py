"""A search with beams is the same with a cache as without; a cache left in its order is found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, cache_utils

from proofbook_systems.models.beams import Beams, check_beams

WORDS = {"input_ids": torch.tensor([[5, 7, 9, 4]]), "attention_mask": torch.ones(1, 4).long()}


@pytest.fixture(scope="module")
def llama() -> Any:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "vocab_size": 32}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "num_hidden_layers": 2}
    model = LlamaForCausalLM(LlamaConfig(**sizes, **heads, eos_token_id=None)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape) * 0.3)
    return model


def test_beams_with_a_cache_score_as_without(llama: Any) -> None:
    assert check_beams(llama, WORDS, 1e-5, {}) == Beams("")


def test_cache_that_stays_in_its_order_is_found(
    llama: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_utils.DynamicLayer, "reorder_cache", lambda self, order: None)
    found = check_beams(llama, WORDS, 1e-5, {})
    assert found.wrong.startswith("with the cache and 2 beams, a sequence is scored")


def test_word_that_is_given_at_the_end_hides_no_order(
    llama: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llama.generation_config, "forced_eos_token_id", 2)
    assert check_beams(llama, WORDS, 1e-5, {}) == Beams("")
    monkeypatch.setattr(cache_utils.DynamicLayer, "reorder_cache", lambda self, order: None)
    assert check_beams(llama, WORDS, 1e-5, {}).wrong


def test_cache_that_cannot_be_put_in_order_is_a_fault(
    llama: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Any, order: Any) -> None:
        raise NotImplementedError("no order")

    monkeypatch.setattr(cache_utils.DynamicLayer, "reorder_cache", refuse)
    with pytest.raises(NotImplementedError, match="no order"):
        check_beams(llama, WORDS, 1e-5, {})


def test_search_with_a_cache_that_is_refused_is_no_fault() -> None:
    class Stateful:
        config = generation_config = None

        def generate(self, **asked: Any) -> Any:
            if asked["use_cache"]:
                raise ValueError("Stateful cannot use beam search with a cache currently, as")
            scores = torch.zeros(2)
            return SimpleNamespace(sequences_scores=scores, logits=[torch.ones(2, 3)])

    found = check_beams(Stateful(), WORDS, 1e-5, {})
    assert found.wrong == ""
    assert found.unasked.startswith("it takes several beams without a cache alone: ValueError")


def test_model_that_takes_no_beams_at_all_says_why() -> None:
    class Single:
        config = generation_config = None

        def generate(self, **asked: Any) -> Any:
            if asked["num_beams"] > 1:
                raise TypeError("one beam alone")

    assert check_beams(Single(), WORDS, 1e-5, {}).unasked.startswith("it takes no beams: TypeError")
