"""The table of exact rules: anchors, both directions, every spelling of weight norm."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from proofbook_bench.matching import specs_of, targets_for
from proofbook_subjects.musicgen.audiocraft.shapes import codec_shapes, language_shapes
from proofbook_systems.musicgen.keymap import TensorSpec, build_tensor, plan_keys, to_audiocraft
from proofbook_systems.musicgen.keymap.names import canonical, numbers, role, words
from proofbook_systems.musicgen.keymap.rules import Part, sources_of, targets_of

KEYS: dict[Part, dict[str, TensorSpec]] = {
    "language": specs_of(language_shapes(width=64, layers=3)),
    "codec": specs_of(codec_shapes(filters=4, dimension=8)),
}

ANCHORS = {
    "emb.2.weight": ["decoder.model.decoder.embed_tokens.2.weight"],
    "linears.3.weight": ["decoder.lm_heads.3.weight"],
    "out_norm.bias": ["decoder.model.decoder.layer_norm.bias"],
    "transformer.layers.11.norm_cross.weight": [
        "decoder.model.decoder.layers.11.encoder_attn_layer_norm.weight"
    ],
    "transformer.layers.0.cross_attention.in_proj_weight": [
        f"decoder.model.decoder.layers.0.encoder_attn.{x}_proj.weight" for x in "qkv"
    ],
    "condition_provider.conditioners.description.output_proj.bias": ["enc_to_dec_proj.bias"],
}
CODEC_ANCHORS = {
    "encoder.model.0.conv.conv.weight_g": ["audio_encoder.encoder.layers.0.conv.weight_g"],
    "decoder.model.3.convtr.convtr.bias": ["audio_encoder.decoder.layers.3.conv.bias"],
    "decoder.model.4.block.1.conv.conv.weight_v": [
        "audio_encoder.decoder.layers.4.block.1.conv.weight_v"
    ],
    "encoder.model.13.lstm.weight_hh_l1": ["audio_encoder.encoder.layers.13.lstm.weight_hh_l1"],
    "quantizer.vq.layers.1._codebook.embed_avg": [
        "audio_encoder.quantizer.layers.1.codebook.embed_avg"
    ],
}


@pytest.mark.parametrize(("source", "targets"), ANCHORS.items())
def test_language_anchors(source: str, targets: list[str]):
    assert list(targets_of("language", source)) == targets


@pytest.mark.parametrize(("source", "targets"), CODEC_ANCHORS.items())
def test_codec_anchors(source: str, targets: list[str]):
    assert list(targets_of("codec", source)) == targets


@pytest.mark.parametrize("part", ["language", "codec"])
def test_the_inverse_finds_every_key_again(part: Part):
    for key in KEYS[part]:
        for place, target in enumerate(targets_of(part, key)):
            found = [s for s in sources_of(part, target) if s.name == key]
            assert [(s.place, s.of) for s in found] == [(place, len(targets_of(part, key)))]


@pytest.mark.parametrize("part", ["language", "codec"])
def test_the_rules_alone_fill_every_parameter_and_use_every_key(part: Part):
    plan = plan_keys(part, KEYS[part], targets_for(part, KEYS[part]))
    assert (plan.unfilled, plan.unused, plan.refused, set(plan.stages)) == ((), (), (), {"rule"})


def test_unknown_names_feed_nothing():
    assert targets_of("language", "transformer.layers.x.norm1.weight") == ()
    assert sources_of("codec", "audio_encoder.encoder.layers.0.other") == ()


@pytest.mark.exhaustive
@given(st.lists(st.sampled_from(["module", "_orig_mod", "_fsdp_wrapped_module"]), max_size=4))
def test_wrappers_never_change_what_a_key_feeds(wrappers: list[str]):
    for key, spec in specs_of(language_shapes(width=8, layers=1)).items():
        wrapped = ".".join([*wrappers, key]).replace("attn.", "attn.mha.")
        sources = {wrapped: spec}
        found = plan_keys("language", sources, targets_for("language", {key: spec}))
        assert (found.unfilled, found.unused) == ((), ())


def test_names_are_taken_apart_at_every_separator():
    assert words("a.layers_3/self-attn:out_proj") == ("a", "layers", "self", "attn", "out", "proj")
    assert numbers("a.layers_3/x-12:w") == (3, 12)
    assert canonical("module.x.conv.parametrizations.weight.original1") == "x.conv.weight_v"
    assert [role(n) for n in ("a.weight_g", "a_weight_v", "a.weight", "b.bias", "c.embed")] == [
        "magnitude", "direction", "weight", "bias", "other",
    ]  # fmt: skip


def _tensors(part: Part) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    specs = targets_for(part, KEYS[part])
    return {n: torch.randn(s.shape, generator=generator) for n, s in specs.items()}


@pytest.mark.parametrize("form", ["pair", "parametrized", "folded"])
@pytest.mark.parametrize("part", ["language", "codec"])
def test_tensors_survive_the_way_to_audiocraft_and_back(part: Part, form: str):
    tensors = _tensors(part)
    theirs = to_audiocraft(part, tensors, form)
    specs = {n: TensorSpec(tuple(t.shape), "float32") for n, t in theirs.items()}
    targets = {n: TensorSpec(tuple(t.shape), "float32") for n, t in tensors.items()}
    plan = plan_keys(part, specs, targets)
    back = {n: build_tensor(r, theirs) for n, r in plan.recipes.items()}
    assert back.keys() == tensors.keys()
    for name, tensor in tensors.items():
        if form != "folded" or role(name) not in ("magnitude", "direction"):
            assert torch.equal(back[name], tensor), name
    if part == "codec":
        torch.testing.assert_close(_weights(back), _weights(tensors), rtol=1e-5, atol=1e-6)


def _weights(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What the convolutions compute with: the only thing that folding keeps."""
    weights = {}
    for name, direction in tensors.items():
        if name.endswith("original1"):
            magnitude = tensors[name.replace("original1", "original0")]
            norm = torch.linalg.vector_norm(direction, dim=(1, 2), keepdim=True)
            weights[name] = magnitude * direction / norm
    return weights


def test_a_pair_is_folded_where_the_model_has_one_weight():
    tensors = {"audio_encoder.encoder.layers.0.conv.weight": torch.randn(4, 1, 7),
               "audio_encoder.encoder.layers.0.conv.bias": torch.randn(4)}  # fmt: skip
    targets = {n: TensorSpec(tuple(t.shape), "float32") for n, t in tensors.items()}
    stem = "encoder.model.0.conv.conv"
    pair = {f"{stem}.weight_g": torch.rand(4, 1, 1), f"{stem}.weight_v": torch.randn(4, 1, 7),
            f"{stem}.bias": torch.zeros(4)}  # fmt: skip
    sources = {n: TensorSpec(tuple(t.shape), "float32") for n, t in pair.items()}
    plan = plan_keys("codec", sources, targets)
    folded = build_tensor(plan.recipes["audio_encoder.encoder.layers.0.conv.weight"], pair)
    torch.testing.assert_close(
        torch.linalg.vector_norm(folded, dim=(1, 2)), pair[f"{stem}.weight_g"].flatten()
    )
    del sources[f"{stem}.weight_g"]
    half = plan_keys("codec", sources, targets)
    assert half.unfilled == ("audio_encoder.encoder.layers.0.conv.weight",)


def test_what_no_rule_knows_has_no_name_in_audiocraft():
    with pytest.raises(ValueError, match="no rule knows"):
        to_audiocraft("language", {"decoder.nothing": torch.zeros(1)})
