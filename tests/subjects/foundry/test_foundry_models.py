"""Every architecture has the sizes that its config says, learns, and can be loaded elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.checkpoints.files import write_tensors
from proofbook_subjects.foundry.config import ModelConfig
from proofbook_subjects.foundry.models import (
    attention_for,
    building,
    count_parameters,
    create_model,
    generate,
)
from proofbook_subjects.foundry.randomness import set_seed
from proofbook_subjects.foundry.training.state import unshared

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
]

ARCHITECTURES = ("gpt2", "llama", "bert", "lstm", "mamba")
VOCAB, LENGTH = 50, 12


def config(architecture: str, **changes: Any) -> ModelConfig:
    sizes = {"layers": 2, "embedding_size": 16, "hidden_size": 16, "attention_heads": 2}
    if architecture == "mamba":
        sizes["state_size"] = 4
    return ModelConfig(architecture=architecture, **{**sizes, **changes})


def model_of(architecture: str, **changes: Any) -> Any:
    return create_model(config(architecture, **changes), VOCAB, LENGTH)


IDS = torch.arange(10).reshape(2, 5) + 3


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_network_answers_for_every_token_of_its_vocabulary(architecture: str) -> None:
    assert model_of(architecture)(input_ids=IDS).logits.shape == (2, 5, VOCAB)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_parameter_has_a_gradient(architecture: str) -> None:
    model = model_of(architecture)
    torch.nn.functional.cross_entropy(
        model(input_ids=IDS).logits.flatten(0, 1), IDS.flatten()
    ).backward()
    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # A key's bias changes no attention: it adds the same to all of a query's scores.
    assert [name for name in without if "key.bias" not in name] == []


@pytest.mark.parametrize("architecture", [a for a in ARCHITECTURES if a != "bert"])
def test_what_predicts_the_next_token_does_not_see_it(architecture: str) -> None:
    model = model_of(architecture).eval()
    other = IDS.clone()
    other[:, -1] = 1
    with torch.no_grad():
        ours, theirs = (model(input_ids=ids).logits[:, :-1] for ids in (IDS, other))
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_what_fills_in_masks_sees_both_sides() -> None:
    model = model_of("bert").eval()
    other = IDS.clone()
    other[:, -1] = 1
    with torch.no_grad():
        assert not torch.allclose(
            model(input_ids=IDS).logits[:, 0], model(input_ids=other).logits[:, 0], atol=1e-6
        )


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "bert", "mamba"])
@pytest.mark.parametrize(("layers", "width"), [(1, 8), (3, 16)])
def test_layers_and_width_are_those_of_the_config(
    architecture: str, layers: int, width: int
) -> None:
    known = model_of(architecture, layers=layers, hidden_size=width, embedding_size=width).config
    assert (known.num_hidden_layers, known.hidden_size, known.vocab_size) == (layers, width, VOCAB)


def test_attention_heads_and_inner_width_are_those_of_the_config() -> None:
    llama = model_of("llama", attention_heads=4, key_value_heads=2, intermediate_hidden_size=24)
    assert (llama.config.num_attention_heads, llama.config.num_key_value_heads) == (4, 2)
    assert llama.model.layers[0].mlp.up_proj.weight.shape == (24, 16)
    gpt2 = model_of("gpt2", dropout=0.1, attention_dropout=0.2, intermediate_hidden_size=24)
    assert (gpt2.config.resid_pdrop, gpt2.config.attn_pdrop) == (0.1, 0.2)
    assert gpt2.transformer.h[0].mlp.c_fc.weight.shape == (16, 24)


def test_parameters_are_counted_by_hand() -> None:
    width, inner, layers = 16, 64, 2
    block = (4 * width * width + 4 * width) + (2 * width * inner + inner + width) + 4 * width
    expected = VOCAB * width + LENGTH * width + layers * block + 2 * width
    count = count_parameters(model_of("gpt2"))
    assert count == (expected, expected, VOCAB * width)
    untied = count_parameters(model_of("gpt2", tie_embeddings=False))
    assert untied.total == expected + VOCAB * width


def test_frozen_parameters_are_not_trainable() -> None:
    model = model_of("lstm")
    model.embedding.weight.requires_grad_(False)
    count = count_parameters(model)
    assert count.total - count.trainable == count.embedding == VOCAB * 16


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_transformers_loads_what_is_written(architecture: str, tmp_path: Path) -> None:
    model = model_of(architecture).eval()
    write_tensors(tmp_path / "model.safetensors", unshared(model))
    (tmp_path / "config.json").write_text(model.config.to_json_string(use_diff=False))
    loaded = type(model).from_pretrained(str(tmp_path)).eval()
    with torch.no_grad():
        assert torch.equal(loaded(input_ids=IDS).logits, model(input_ids=IDS).logits)


def test_an_lstm_may_have_two_widths() -> None:
    model = model_of("lstm", embedding_size=8, dropout=0.1)
    assert model(input_ids=IDS).logits.shape == (2, 5, VOCAB)
    assert model.output.weight.shape == (VOCAB, 16)


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "bert"])
def test_attention_is_computed_as_asked(architecture: str) -> None:
    for implementation in ("sdpa", "eager"):
        model = create_model(config(architecture), VOCAB, LENGTH, implementation)
        assert model.config._attn_implementation == implementation


def test_flash_attention_falls_back_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers.utils

    wanted = config("gpt2", use_flash_attention=True)
    assert attention_for(config("gpt2"), "cuda") == ("sdpa", "")
    assert attention_for(wanted, "cpu") == ("sdpa", "flash attention needs a GPU")
    no_attention = config("lstm", use_flash_attention=True)
    assert attention_for(no_attention, "cuda").reason == "lstm has no attention"
    monkeypatch.setattr(transformers.utils, "is_flash_attn_2_available", lambda: False)
    assert "flash-attn is not installed" in attention_for(wanted, "cuda").reason
    monkeypatch.setattr(transformers.utils, "is_flash_attn_2_available", lambda: True)
    assert attention_for(wanted, "cuda") == (building.FLASH, "")


@pytest.mark.parametrize(
    "given",
    [
        config("gpt2").model_copy(update={"activation_function": "hum"}),
        config("mamba", intermediate_hidden_size=24),
    ],
)
def test_what_transformers_does_not_take_is_one_line(given: ModelConfig) -> None:
    with pytest.raises(SubjectError, match="model cannot be made"):
        create_model(given, VOCAB, LENGTH)


def test_the_same_seed_gives_the_same_weights() -> None:
    def weights(seed: int) -> Any:
        set_seed(seed)
        return model_of("gpt2").state_dict()["transformer.wte.weight"]

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_a_network_can_be_moved() -> None:
    moved = model_of("gpt2").to(torch.device("meta"))
    assert {p.device.type for p in moved.parameters()} == {"meta"}


def test_text_is_generated_without_touching_any_generator() -> None:
    model = model_of("gpt2", dropout=0.5).train()
    before = torch.get_rng_state()
    greedy = [generate(model, [3], 20, context=LENGTH) for _ in range(2)]
    drawn = [generate(model, [3], 20, context=LENGTH, temperature=1.0, seed=s) for s in (1, 1, 2)]
    assert torch.equal(before, torch.get_rng_state())
    assert model.training
    assert greedy[0] == greedy[1] and len(greedy[0]) == 20
    assert drawn[0] == drawn[1] != drawn[2]


def test_text_ends_at_its_end() -> None:
    model = model_of("lstm")
    first = generate(model, [3], 1, context=4)[0]
    assert generate(model, [3], 9, context=4, end=first) == [first]
