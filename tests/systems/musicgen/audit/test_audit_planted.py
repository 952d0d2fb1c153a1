"""Spoilt checkpoints are found without known outputs, and the finding names what was spoilt."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from small_checkpoints import Pair, Size, State, small_pair

from proofbook.errors import SubjectError
from proofbook_systems.musicgen import audit

SELF = "transformer.layers.{}.self_attn.in_proj_weight"
BOOK = "quantizer.vq.layers.{}._codebook.{}"
PROJECTION = "condition_provider.conditioners.description.output_proj.{}"


def findings(pair: Pair) -> dict[str, tuple[str, ...]]:
    model = pair.mapped()
    claims, _told = audit.audit_checkpoints(model)
    unfilled = {"parameters-complete": model.unfilled} if model.unfilled else {}
    return {c.name: c.findings for c in claims if c.findings} | unfilled


def states(pair: Pair, key: str) -> State:
    return pair.spoken if key in pair.spoken else pair.sounding


# What a tensor can suffer, and the claim that must tell of it.


def nan(t: torch.Tensor) -> None:
    t.view(-1)[t.numel() // 2] = float("nan")


def infinite(t: torch.Tensor) -> None:
    t.view(-1)[-1] = float("-inf")


def zero(t: torch.Tensor) -> None:
    t.zero_()


def constant(t: torch.Tensor) -> None:
    t.fill_(0.25)


def cut_off(t: torch.Tensor) -> None:
    t[t.shape[0] // 2 :] = 0


def stuck(t: torch.Tensor) -> None:
    t[t.shape[0] // 2 :] = t[0]


def flipped_bit(t: torch.Tensor) -> None:
    t.view(torch.int32).view(-1)[t.numel() // 3] ^= 1 << 30


def far_larger(t: torch.Tensor) -> None:
    t.mul_(5000.0)


def far_smaller(t: torch.Tensor) -> None:
    t.mul_(1e-5)


def negated(t: torch.Tensor) -> None:
    t.neg_()


def other_byte_order(t: torch.Tensor) -> None:
    raw = t.numpy().byteswap()
    t.copy_(torch.from_numpy(raw.copy()))


def columns_lost(t: torch.Tensor) -> None:
    t[:, t.shape[1] // 2 :] = 0


def columns_stuck(t: torch.Tensor) -> None:
    t[:, t.shape[1] // 2 :] = 0.01


MATRICES = ["emb.2.weight", "linears.1.weight", SELF.format(3), PROJECTION.format("weight"),
            "transformer.layers.4.linear2.weight", "decoder.model.1.lstm.weight_hh_l1",
            "transformer.layers.0.cross_attention.out_proj.weight"]  # fmt: skip
DIRECTIONS = ["encoder.model.3.conv.conv.weight_v", "decoder.model.7.block.1.conv.conv.weight_v"]
SCALES = ["transformer.layers.2.norm_cross.weight", "out_norm.weight",
          "decoder.model.6.convtr.convtr.weight_g"]  # fmt: skip
BIASES = ["transformer.layers.1.norm2.bias", "encoder.model.13.lstm.bias_ih_l0",
          PROJECTION.format("bias")]  # fmt: skip
SUFFERED: list[tuple[Callable[[torch.Tensor], None], str, list[str]]] = [
    (nan, "finite-weights", [*MATRICES, *DIRECTIONS, *SCALES, *BIASES]),
    (infinite, "finite-weights", [MATRICES[0], DIRECTIONS[0], SCALES[0], BIASES[0]]),
    (zero, "no-empty-weights", [*MATRICES, *DIRECTIONS, *SCALES, BIASES[0]]),
    (constant, "no-empty-weights", [*MATRICES, *DIRECTIONS, *SCALES, *BIASES]),
    (cut_off, "no-dead-rows", [*MATRICES, *DIRECTIONS, BOOK.format(1, "embed")]),
    (stuck, "no-dead-rows", MATRICES),
    (columns_lost, "no-dead-rows", [m for m in MATRICES if "lstm" not in m and "proj." not in m]),
    (columns_stuck, "no-dead-rows", MATRICES),
    (flipped_bit, "no-wild-values", [*MATRICES, *DIRECTIONS]),
    (far_larger, "weights-like-their-peers", [*MATRICES, *SCALES]),
    (far_smaller, "weights-like-their-peers", [*MATRICES, *SCALES]),
    (negated, "weight-signs", SCALES),
    (negated, "codebooks-as-averaged", [BOOK.format(0, "embed"), BOOK.format(3, "embed")]),
    (other_byte_order, "no-wild-values", [MATRICES[0], MATRICES[4]]),
]


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("spoil", "claim", "key"),
    [(spoil, claim, key) for spoil, claim, keys in SUFFERED for key in keys],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_what_one_tensor_suffers_is_found_and_named(pair: Pair, spoil: Any, claim: str, key: str):
    spoil(states(pair, key)[key])
    found = findings(pair)
    told = [line for lines in found.values() for line in lines]
    # Foreign bytes may happen to be NaN, which is told instead.
    assert claim in found or (spoil is other_byte_order and "finite-weights" in found)
    assert told
    assert all(line.startswith(key) for line in told)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spoil", [nan, constant, far_larger], ids=lambda s: s.__name__)
def test_tensors_drawn_at_random_are_named_too(pair: Pair, spoil: Any, seed: int):
    chance = random.Random(seed)
    names = [n for state in (pair.spoken, pair.sounding) for n, t in state.items()
             if t.ndim == 2 and "_avg" not in n]  # fmt: skip
    key = chance.choice(sorted(names))
    spoil(states(pair, key)[key])
    told = [line for lines in findings(pair).values() for line in lines]
    assert told
    assert all(line.startswith(key) for line in told)


@pytest.mark.exhaustive
def test_of_two_peers_the_one_that_no_layer_is_like_is_named(text_encoder: Path):
    for key in (SELF.format(0), SELF.format(1)):
        for factor in (240.0, 1 / 240):
            pair = small_pair(text_encoder, Size(layers=2))
            pair.spoken[key].mul_(factor)
            told = findings(pair)["weights-like-their-peers"]
            assert told
            assert all(line.startswith(key) for line in told)


# What happens between tensors.


def copy_to(source: str, target: str) -> Callable[[Pair], None]:
    def change(pair: Pair) -> None:
        state = states(pair, source)
        state[target] = state[source].clone()

    return change


def key_is_query(pair: Pair) -> None:
    stacked = pair.spoken[SELF.format(2)]
    width = stacked.shape[1]
    stacked[width : 2 * width] = stacked[:width]


def copy_layer(pair: Pair) -> None:
    for name in [n for n in pair.spoken if n.startswith("transformer.layers.1.")]:
        pair.spoken[name.replace(".1.", ".2.")] = pair.spoken[name].clone()


def swap(first: str, second: str) -> Callable[[Pair], None]:
    def change(pair: Pair) -> None:
        state = states(pair, first)
        state[first], state[second] = state[second], state[first]

    return change


def scale(key: str, factor: float) -> Callable[[Pair], None]:
    def change(pair: Pair) -> None:
        states(pair, key)[key].mul_(factor)

    return change


def one_layer_as_initialised(pair: Pair) -> None:
    pair.spoken["transformer.layers.3.norm1.weight"].fill_(1.0)


def one_bias_lost(pair: Pair) -> None:
    pair.spoken["transformer.layers.3.norm2.bias"].zero_()


def shuffled_codes(pair: Pair) -> None:
    name = BOOK.format(2, "embed")
    pair.sounding[name] = pair.sounding[name].roll(5, 0)


def fewer_codes(pair: Pair) -> None:
    """A language model of another codec."""
    for name in [n for n in pair.spoken if n.startswith(("emb.", "linears."))]:
        pair.spoken[name] = pair.spoken[name][:-32].clone()
    assert pair.lm_config
    pair.lm_config["transformer_lm"]["card"] = 32


BETWEEN: list[tuple[Callable[[Pair], Any], str, str]] = [
    (copy_to("emb.0.weight", "emb.3.weight"), "no-copied-weights", "emb.3.weight"),
    (copy_to("linears.2.weight", "linears.0.weight"), "no-copied-weights", "linears.0.weight"),
    (copy_to(SELF.format(0), SELF.format(4)), "no-copied-weights", SELF.format(4)),
    (copy_to("transformer.layers.0.self_attn.in_proj_weight",
             "transformer.layers.0.cross_attention.in_proj_weight"),
     "no-copied-weights", "cross_attention"),
    (copy_to("transformer.layers.0.norm1.weight", "transformer.layers.0.norm2.weight"),
     "no-copied-weights", "norm2"),
    (key_is_query, "no-copied-weights", f"{SELF.format(2)} (k) = {SELF.format(2)} (q)"),
    (copy_layer, "no-copied-weights", "transformer.layers.2.linear1.weight"),
    (copy_to(BOOK.format(0, "embed"), BOOK.format(1, "embed")), "codebooks-as-averaged",
     BOOK.format(1, "embed")),
    (swap(BOOK.format(0, "embed"), BOOK.format(3, "embed")), "codebooks-as-averaged",
     BOOK.format(0, "embed")),
    (swap(BOOK.format(1, "embed_avg"), BOOK.format(2, "embed_avg")), "codebooks-as-averaged",
     BOOK.format(1, "embed")),
    (scale(BOOK.format(3, "embed_avg"), -1.0), "codebooks-as-averaged", BOOK.format(3, "embed")),
    (scale(BOOK.format(2, "embed"), 2.0), "codebooks-as-averaged", BOOK.format(2, "embed")),
    (scale(BOOK.format(2, "embed"), 0.5), "codebooks-as-averaged", BOOK.format(2, "embed")),
    (shuffled_codes, "codebooks-as-averaged", BOOK.format(2, "embed")),
    (scale(BOOK.format(2, "cluster_size"), 3.0), "codebooks-as-averaged", BOOK.format(2, "embed")),
    (scale(BOOK.format(3, "cluster_size"), 0.0), "codebooks-as-averaged", BOOK.format(3, "embed")),
    (scale(BOOK.format(0, "cluster_size"), -1.0), "weight-signs", BOOK.format(0, "cluster_size")),
    (scale(BOOK.format(1, "inited"), 0.0), "no-empty-weights", BOOK.format(1, "inited")),
    (one_layer_as_initialised, "no-empty-weights", "transformer.layers.3.norm1.weight"),
    (one_bias_lost, "no-empty-weights", "transformer.layers.3.norm2.bias"),
    (fewer_codes, "codes-as-the-codec-has", "32 codes and the codec 64"),
    (lambda p: p.spoken.pop("emb.1.weight"), "parameters-complete", "embed_tokens.1.weight"),
    (lambda p: p.sounding.pop("decoder.model.15.conv.conv.bias"), "parameters-complete",
     "decoder.layers.15.conv.bias"),
    (lambda p: p.sounding.pop("encoder.model.0.conv.conv.weight_g"), "parameters-complete",
     "encoder.layers.0"),
    (lambda p: p.spoken.update(odd=torch.randn(3)), "language-keys-used", "odd"),
    (lambda p: p.spoken.update({"transformer.layers.0.layer_scale_1.scale": torch.randn(32)}),
     "language-keys-used", "layer_scale_1"),
    (lambda p: p.spoken.update({"transformer.layers.0.linear1.bias": torch.randn(128)}),
     "language-keys-used", "linear1.bias"),
    (lambda p: p.spoken.update({"out_norm.bias": torch.randn(31)}), "language-sources-accepted",
     "[31]"),
    (lambda p: p.spoken.update({"out_norm.bias": torch.ones(32, dtype=torch.int32)}),
     "language-sources-accepted", "int32"),
]  # fmt: skip


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("change", "claim", "words"), BETWEEN, ids=[f"{claim}-{words}" for _, claim, words in BETWEEN]
)
def test_what_happens_between_tensors_is_found_and_named(
    pair: Pair, change: Any, claim: str, words: str
):
    change(pair)
    found = findings(pair)
    assert any(words in line for line in found.get(claim, ())), found


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("key", "factor"),
    [(SELF.format(2), 2.5), ("emb.1.weight", 3.0), ("linears.3.weight", 0.3),
     ("transformer.layers.4.linear1.weight", 5.0)],
)  # fmt: skip
def test_a_tensor_unlike_its_peers_is_told_and_not_judged(pair: Pair, key: str, factor: float):
    states(pair, key)[key].mul_(factor)
    claims, told = audit.audit_checkpoints(pair.mapped())
    assert [c.findings for c in claims if c.findings] == []
    assert any(line.startswith(key) for line in told)


NOT_TO_BE_KNOWN: list[Callable[[Pair], Any]] = [
    swap("transformer.layers.1.linear1.weight", "transformer.layers.2.linear1.weight"),
    swap("emb.0.weight", "emb.1.weight"),
    swap("linears.0.weight", "linears.3.weight"),
    swap("decoder.model.1.lstm.weight_hh_l0", "decoder.model.1.lstm.weight_hh_l1"),
    scale("transformer.layers.1.linear1.weight", -1.0),
    scale("emb.0.weight", -1.0),
    lambda p: p.spoken.update({SELF.format(1): p.spoken[SELF.format(1)].roll(32, 0)}),
]


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("change", NOT_TO_BE_KNOWN)
def test_what_only_known_outputs_can_show_is_not_claimed_to_be_found(pair: Pair, change: Any):
    """Each of these is a model as good as the first, by all that its tensors say."""
    change(pair)
    assert findings(pair) == {}


def test_a_tokenizer_of_another_text_encoder_is_named(pair: Pair, tmp_path: Path):
    from tokenizers import Tokenizer, models

    shutil.copytree(pair.text, tmp_path / "t5")
    pair.text = tmp_path / "t5"
    words = {f"w{number}": number for number in range(4000)}
    Tokenizer(models.WordLevel({**words, "</s>": 1, "w1": 4000})).save(
        str(pair.text / "tokenizer.json")
    )
    (line,) = findings(pair)["tokens-as-the-text-encoder-has"]
    assert "tokenizer.json has token 4000" in line


def lose_a_tensor(tensors: State) -> None:
    del tensors["encoder.block.1.layer.0.SelfAttention.v.weight"]


def cut_embeddings(tensors: State) -> None:
    tensors["shared.weight"] = tensors["shared.weight"][:50].clone()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lose_a_tensor, "t5 encoder.block.1.layer.0.SelfAttention.v.weight: the files have no"),
        (cut_embeddings, "t5 shared.weight: has shape [50, 48]"),
        (State.clear, "has no weights"),
    ],
)
def test_a_text_encoder_that_is_not_whole_is_named(
    pair: Pair, tmp_path: Path, change: Callable[[State], object], words: str
):
    from safetensors.torch import load_file, save_file

    pair.text = Path(shutil.copytree(pair.text, tmp_path / "t5"))
    path = pair.text / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    (line,) = findings(pair)["text-encoder-complete"]
    assert words in line


def test_a_text_encoder_that_cannot_be_read_or_is_none_is_named(pair: Pair, tmp_path: Path):
    pair.text = Path(shutil.copytree(pair.text, tmp_path / "t5"))
    path = pair.text / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SubjectError, match=r"t5/model\.safetensors cannot be read"):
        findings(pair)
    (pair.text / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(SubjectError, match="describes a bert"):
        pair.mapped()


# What xp.cfg asks for.

LM = "lm_config"
CODEC = "codec_config"
ASKED: list[tuple[str, str, Any]] = [
    (LM, "lm_model", "transformer_lm_magnet"),
    (LM, "transformer_lm.activation", "swiglu"),
    (LM, "transformer_lm.causal", False),
    (LM, "transformer_lm.norm_first", False),
    (LM, "transformer_lm.norm", "rms_norm"),
    (LM, "transformer_lm.positional_embedding", "rope"),
    (LM, "transformer_lm.positional_embedding", "sin_rope"),
    (LM, "transformer_lm.past_context", 250),
    (LM, "transformer_lm.layer_scale", 0.1),
    (LM, "transformer_lm.qk_layer_norm", True),
    (LM, "transformer_lm.qk_layer_norm_cross", True),
    (LM, "transformer_lm.kv_repeat", 2),
    (LM, "transformer_lm.bias_ff", True),
    (LM, "transformer_lm.bias_attn", True),
    (LM, "transformer_lm.bias_proj", True),
    (LM, "transformer_lm.num_heads", 5),
    (LM, "codebooks_pattern.modeling", "parallel"),
    (LM, "codebooks_pattern.modeling", "coarse_first"),
    (LM, "codebooks_pattern.delay.delays", [0, 0, 0, 0]),
    (LM, "codebooks_pattern.delay.delays", [0, 2, 4, 6]),
    (LM, "codebooks_pattern.delay.flatten_first", 2),
    (LM, "codebooks_pattern.delay.empty_initial", 1),
    (LM, "fuser.sum", ["description"]),
    (LM, "fuser.prepend", ["description"]),
    (LM, "fuser.cross", []),
    (LM, "fuser.input_interpolate", ["description"]),
    (LM, "fuser.cross_attention_pos_emb", True),
    (LM, "conditioners.self_wav", {"model": "chroma_stem"}),
    (LM, "conditioners.description.t5.normalize_text", True),
    (LM, "sample_rate", 16000),
    (CODEC, "sample_rate", 48000),
    (CODEC, "compression_model", "dac"),
    (CODEC, "encodec.quantizer", "no_quant"),
    (CODEC, "encodec.autoencoder", "vae"),
    (CODEC, "seanet.activation", "Snake"),
    (CODEC, "seanet.activation_params.alpha", 0.5),
    (CODEC, "seanet.norm", "layer_norm"),
    (CODEC, "seanet.disable_norm_outer_blocks", 2),
    (CODEC, "seanet.pad_mode", "edge"),
    (CODEC, "seanet.decoder.final_activation", "Tanh"),
]


@pytest.mark.parametrize(("part", "path", "value"), ASKED)
def test_what_transformers_cannot_do_is_refused_by_name(
    pair: Pair, part: str, path: str, value: Any
):
    *sections, last = path.split(".")
    node = getattr(pair, part)
    for name in sections:
        node = node[name]
    node[last] = value
    name = path.removeprefix("conditioners.") if "self_wav" in path else path
    with pytest.raises(SubjectError, match="cannot be built as transformers' MusicGen") as refused:
        pair.mapped()
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_text_projection_that_transformers_leaves_out_is_named(text_encoder: Path):
    with pytest.raises(SubjectError, match="both 48 wide"):
        small_pair(text_encoder, Size(width=48, layers=1)).mapped()


CONTRADICTED = [
    (LM, "transformer_lm", "n_q", 3),
    (LM, "transformer_lm", "dim", 64),
    (LM, "transformer_lm", "hidden_scale", 2),
    (LM, "transformer_lm", "num_layers", 4),
    (CODEC, "seanet", "n_filters", 4),
    (CODEC, "seanet", "ratios", [8, 4, 4, 5]),
    (CODEC, "seanet", "kernel_size", 5),
    (CODEC, "rvq", "bins", 128),
]


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(("part", "section", "name", "value"), CONTRADICTED)
def test_a_configuration_of_other_tensors_is_named(
    pair: Pair, part: str, section: str, name: str, value: Any
):
    getattr(pair, part)[section][name] = value
    assert any(f"{section}.{name}" in line for line in findings(pair)["shapes-as-configured"])
