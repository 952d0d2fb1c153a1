"""Tensors whose values are spread as no weight's are, and keys that no right model needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from small_checkpoints import Pair, State

from proofbook_systems.musicgen import audit

LAYER = "transformer.layers.{}.{}"
BOOK = "quantizer.vq.layers.1._codebook.embed"


def findings(pair: Pair) -> dict[str, tuple[str, ...]]:
    model = pair.mapped()
    claims, _told = audit.audit_checkpoints(model)
    unfilled = {"parameters-complete": model.unfilled} if model.unfilled else {}
    return {c.name: c.findings for c in claims if c.findings} | unfilled


def states(pair: Pair, key: str) -> State:
    return pair.spoken if key in pair.spoken else pair.sounding


def lose_a_tile(t: torch.Tensor) -> torch.Tensor:
    t[8:24, 8:24] = 0
    return t


def read_in_another_format(t: torch.Tensor) -> torch.Tensor:
    return t.bfloat16().view(torch.float16).float()


SUFFERED: list[tuple[str, Callable[[torch.Tensor], torch.Tensor], str, str]] = [
    (LAYER.format(2, "linear1.weight"), torch.abs, "weight-signs", "4,096 values are positive"),
    ("decoder.model.1.lstm.weight_ih_l1", lambda t: -t.abs(), "weight-signs", "are negative"),
    ("linears.2.weight", lambda t: t + 4 * t.std(), "weight-signs", "are positive"),
    (LAYER.format(4, "linear2.weight"), lambda t: t.clamp(-t.std() / 2, t.std() / 2),
     "no-clipped-weights", "cut off at"),
    (LAYER.format(3, "self_attn.out_proj.weight"), lose_a_tile, "no-dead-rows",
     "25% of its values are zero, and of its peers' none"),
    (LAYER.format(1, "self_attn.out_proj.weight"), read_in_another_format, "no-wild-values",
     "no value is near zero"),
]  # fmt: skip


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(("key", "change", "claim", "words"), SUFFERED)
def test_values_that_no_weight_has_are_named(
    pair: Pair, key: str, change: Any, claim: str, words: str
):
    state = states(pair, key)
    state[key] = change(state[key].clone())
    (line,) = findings(pair)[claim]
    assert line.startswith(key)
    assert words in line


def exchange_scale_and_bias(pair: Pair) -> None:
    weight, bias = (LAYER.format(2, f"norm1.{end}") for end in ("weight", "bias"))
    pair.spoken[weight], pair.spoken[bias] = pair.spoken[bias], pair.spoken[weight]


def scale_as_bias(pair: Pair) -> None:
    pair.spoken["out_norm.bias"] = pair.spoken["out_norm.weight"].clone()


def tear_a_copy(pair: Pair) -> None:
    pair.spoken["emb.2.weight"][30:] = pair.spoken["emb.0.weight"][30:]


def exchange_some_codes(pair: Pair) -> None:
    pair.sounding[BOOK][5:30] = pair.sounding[BOOK][5:30].roll(1, 0)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("change", "claim", "words"),
    [
        (exchange_scale_and_bias, "weight-signs", "norm1.weight: 47% of its values are negative"),
        (scale_as_bias, "no-copied-weights", "out_norm.weight = out_norm.bias"),
        (tear_a_copy, "no-copied-weights", "emb.0.weight = emb.2.weight in 34 of 64 rows"),
        (exchange_some_codes, "codebooks-as-averaged", f"{BOOK} has 25 of 61 codes"),
    ],
)
def test_what_was_torn_or_exchanged_in_part_is_named(
    pair: Pair, change: Any, claim: str, words: str
):
    change(pair)
    (line,) = findings(pair)[claim]
    assert words in line


def with_smoothed_weights(pair: Pair) -> None:
    pair.spoken.update({f"ema.{n}": t * 1.001 for n, t in list(pair.spoken.items())})


def with_a_smoothed_decoder(pair: Pair) -> None:
    pair.sounding.update({n.replace("decoder", "decoder_ema"): t * 1.001
                          for n, t in list(pair.sounding.items())
                          if n.startswith("decoder")})  # fmt: skip


def with_counters(pair: Pair) -> None:
    pair.spoken["n_averaged"] = torch.tensor(5)
    pair.spoken["transformer.layers.0.self_attn.mask"] = torch.ones(8, 8, dtype=torch.bool)


def in_few_levels(pair: Pair) -> None:
    for name, t in pair.spoken.items():
        if t.ndim == 2:
            step = t.abs().amax(-1, keepdim=True) / 7
            pair.spoken[name] = (t / step).round() * step


def in_eight_bits(pair: Pair) -> None:
    for state in (pair.spoken, pair.sounding):
        state.update({n: t.to(torch.float8_e4m3fn) for n, t in state.items() if t.ndim > 1})


def tied(pair: Pair) -> None:
    for book in range(4):
        pair.spoken[f"linears.{book}.weight"] = pair.spoken[f"emb.{book}.weight"][:-1].clone()


def pruned_by_size(pair: Pair) -> None:
    for name, t in pair.spoken.items():
        if t.ndim == 2:
            pair.spoken[name] = torch.where(t.abs() < 0.05, 0.0, t)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    "change",
    [
        with_smoothed_weights,
        with_a_smoothed_decoder,
        with_counters,
        in_few_levels,
        in_eight_bits,
        tied,
        pruned_by_size,
    ],
)
def test_right_models_of_other_habits_are_not_called_wrong(pair: Pair, change: Any):
    change(pair)
    assert findings(pair) == {}


def test_copies_that_are_left_alone_are_told(pair: Pair):
    with_smoothed_weights(pair)
    count = len(pair.spoken) // 2
    (line,) = pair.mapped().architecture.assumptions
    assert line.startswith(f"{count} keys of the language are copies or counters")


def test_a_copy_of_another_shape_belongs_to_another_model(pair: Pair):
    pair.spoken["ema.emb.0.weight"] = torch.randn(3, 3)
    assert findings(pair) == {"language-keys-used": ("ema.emb.0.weight",)}
