"""Configurations become small, and what has to fit still fits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofbook_systems.models.fitting import count_layers
from proofbook_systems.models.shrinking import shrink

LANGUAGE = {
    "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336, "head_dim": 128,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
    "max_position_embeddings": 131072, "eos_token_id": 128001, "bos_token_id": 128000,
    "pad_token_id": 0, "rms_norm_eps": 1e-6, "use_cache": True, "hidden_act": "silu",
}  # fmt: skip


def test_a_language_model_keeps_its_proportions() -> None:
    small = shrink(LANGUAGE)
    assert small["hidden_size"] == small["num_attention_heads"] * small["head_dim"]
    assert small["num_attention_heads"] % small["num_key_value_heads"] == 0
    assert small["num_hidden_layers"] == 2
    assert small["use_cache"] is True and small["hidden_act"] == "silu"


def test_special_tokens_lie_in_the_vocabulary_and_stay_apart() -> None:
    small = shrink(LANGUAGE | {"image_token_id": 128256, "sep_token_id": 128001})
    ids = [small[n] for n in ("eos_token_id", "bos_token_id", "image_token_id")]
    assert all(each < small["vocab_size"] for each in ids)
    assert len(set(ids)) == 3
    assert small["sep_token_id"] == small["eos_token_id"]
    assert small["pad_token_id"] == 0


def test_one_layer_of_each_kind_stays() -> None:
    kinds = (["linear_attention"] * 3 + ["full_attention"]) * 8
    small = shrink(LANGUAGE | {"layer_types": kinds})
    assert small["layer_types"] == ["linear_attention", "full_attention"]
    assert small["num_hidden_layers"] == 2


def test_lists_over_layers_stay_together() -> None:
    kinds = ["a"] * 16 + ["b"] * 16
    mlps = ["dense"] * 2 + ["sparse"] * 30
    small = shrink(LANGUAGE | {"layer_types": kinds, "mlp_layer_types": mlps})
    assert small["layer_types"] == ["a", "a", "b"]
    assert small["mlp_layer_types"] == ["dense", "sparse", "sparse"]
    assert small["num_hidden_layers"] == 3


def test_stages_keep_their_ratios() -> None:
    fields = {"embed_dim": 96, "depths": [2, 2, 18, 2], "num_heads": [3, 6, 12, 24],
              "image_size": 224, "patch_size": 4}  # fmt: skip
    small = shrink(fields)
    widths = [small["embed_dim"] * 2**stage for stage in range(4)]
    assert all(w % h == 0 for w, h in zip(widths, small["num_heads"], strict=True))
    assert max(small["depths"]) == 2
    assert small["image_size"] % 4 == 0 and small["image_size"] < 224


@pytest.mark.parametrize(("patch", "merge"), [(14, 2), (16, 1), (32, 1), (14, 1)])
def test_an_image_is_whole_patches(patch: int, merge: int) -> None:
    fields = {"image_size": 896, "patch_size": patch, "spatial_merge_size": merge}
    size = shrink(fields)["image_size"]
    assert size % (patch * merge) == 0
    assert 2 * patch <= size <= 128


def test_sections_of_a_rotary_embedding_make_up_half_a_head() -> None:
    rope = {"rope_type": "default", "mrope_section": [16, 24, 24]}
    small = shrink(LANGUAGE | {"rope_parameters": rope})
    assert sum(small["rope_parameters"]["mrope_section"]) == small["head_dim"] // 2
    assert rope["mrope_section"] == [16, 24, 24]


def test_what_names_layers_names_those_that_are_there() -> None:
    vision = {"model_type": "v", "num_hidden_layers": 24, "hidden_size": 1024}
    small = shrink({"vision_config": vision, "vision_feature_layer": [-2, 23]})
    depth = small["vision_config"]["num_hidden_layers"]
    assert all(-depth <= layer < depth for layer in small["vision_feature_layer"])


def test_state_space_heads_make_up_the_inner_width() -> None:
    fields = {"hidden_size": 4096, "expand": 2, "num_heads": 128, "head_dim": 64,
              "num_hidden_layers": 64}  # fmt: skip
    small = shrink(fields)
    assert small["num_heads"] * small["head_dim"] == 2 * small["hidden_size"]


def test_counts_of_samples_and_rates_stay() -> None:
    fields = {"sampling_rate": 16000, "num_mel_bins": 128, "num_channels": 3, "kernel_size": 7}
    assert shrink(fields) == fields


def test_widths_can_be_kept() -> None:
    small = shrink(LANGUAGE, keeps_widths=True)
    assert small["hidden_size"] == 4096
    assert small["num_hidden_layers"] == 2 and small["vocab_size"] < 1000


NAMES = st.sampled_from([*LANGUAGE, "num_experts", "image_size", "patch_size", "depths", "unknown"])
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 10**6), st.floats(allow_nan=False),
    st.lists(st.integers(0, 4096), max_size=8), st.text(max_size=5),
)  # fmt: skip


@pytest.mark.exhaustive
@given(st.dictionaries(NAMES, VALUES, max_size=10))
def test_nothing_grows_and_nothing_is_lost(fields: dict[str, Any]) -> None:
    small = shrink(fields)
    assert set(small) == set(fields)
    for name, value in fields.items():
        if name in ("vocab_size", "intermediate_size") and type(value) is int:
            assert small[name] <= max(value, 256)


@given(st.dictionaries(NAMES, VALUES, max_size=10))
def test_fields_are_not_changed_in_place(fields: dict[str, Any]) -> None:
    before = repr(fields)
    shrink(fields)
    assert repr(fields) == before


def test_layers_are_counted_by_any_of_their_names() -> None:
    assert count_layers({"n_layer": 12}) == 12
    assert count_layers({"hidden_size": 12}) is None


def test_a_window_fits_into_the_last_stage_and_stays_where_there_are_none() -> None:
    stages = {"image_size": 224, "patch_size": 4, "window_size": 7, "depths": [2, 2, 6, 2]}
    assert shrink(stages)["window_size"] == 2
    assert shrink(stages | {"window_size": 1})["window_size"] == 1
    assert shrink(stages | {"depths": None})["window_size"] == 7
    assert shrink(stages, keeps_images=True)["window_size"] == 7


def test_a_vocoder_begins_as_narrow_as_everything_else() -> None:
    small = shrink({"upsample_initial_channel": 512, "upsample_rates": [8, 8], "num_channels": 3})
    assert small == {"upsample_initial_channel": 64, "upsample_rates": [8, 8], "num_channels": 3}


def test_layers_with_sizes_of_their_own_are_small_and_still_differ() -> None:
    own = {
        layer: {"head_dim": 512, "num_key_value_heads": 2} for layer in range(10) if layer % 5 == 4
    }
    fields = {
        "num_hidden_layers": 10,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "head_dim": 256,
        "layer_types": ["sliding", "sliding", "sliding", "sliding", "full"] * 2,
        "per_layer_config": own,
    }
    small = shrink(fields)

    assert small["layer_types"] == ["sliding", "full"]
    assert small["per_layer_config"] == {1: {"head_dim": 32, "num_key_value_heads": 2}}


def test_one_layer_of_each_set_of_own_sizes_stays() -> None:
    fields = {
        "num_hidden_layers": 6,
        "sliding_window": 512,
        "per_layer_config": {3: {"sliding_window": 1024}, 5: {"sliding_window": None}},
    }
    small = shrink(fields)

    assert small["num_hidden_layers"] == 2
    assert small["per_layer_config"] == {1: {"sliding_window": 32}}


def test_parts_that_make_up_a_head_of_one_layer_still_do() -> None:
    fields = {
        "num_hidden_layers": 2,
        "head_dim": 256,
        "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64,
        "per_layer_config": {1: {"qk_nope_head_dim": 192}},
    }
    own = shrink(fields)["per_layer_config"][1]

    assert own == {"qk_nope_head_dim": 24, "head_dim": 40}


@pytest.mark.parametrize("keeps_all", [False, True])
def test_layers_of_a_configuration_that_names_no_depth_keep_their_numbers(keeps_all: bool) -> None:
    fields = {"hidden_size": 1024, "per_layer_config": {7: {"hidden_size": 512}}}
    assert list(shrink(fields, keeps_all=keeps_all)["per_layer_config"]) == [7]


def test_layers_that_are_listed_by_their_places_never_vanish() -> None:
    fields = {"num_hidden_layers": 40, "cross_attention_layers": [3, 8, 13, 38]}
    small = shrink(fields)
    assert small["num_hidden_layers"] == 2
    assert small["cross_attention_layers"] == [1]
    assert shrink({**fields, "moe_layers": list(range(30))})["moe_layers"] == [0, 1]


@pytest.mark.parametrize("counts", [[4, 4], [6, 3], []])
def test_lists_over_stages_are_no_places_of_layers(counts: list[int]) -> None:
    assert shrink({"num_hidden_layers": 40, "stage_layers": counts})["stage_layers"] == counts
