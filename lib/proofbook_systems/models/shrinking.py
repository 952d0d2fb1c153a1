"""Make a configuration small: a pure walk over its fields, each shrunk by its kind.

Equal numbers stay equal and ratios stay whole where a kind allows it, so that what has to fit
still fits. Knows no single model type: those are rows of :mod:`hints`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proofbook_systems.models.fitting import DEPTH_LISTS, LAYERS, count_heads, count_layers, fit

__all__ = ["PER_LAYER", "Shrinker", "shrink"]

Fields = dict[str, Any]
Layers = list[int] | None
"""Which layers stay; None where a configuration names none."""
Overrides = Mapping[int, Fields]

PER_LAYER = "per_layer_config"
"""The field with what single layers have instead of the configuration's own values, by layer."""

WIDTH, HEADS, VOCABULARY, POSITIONS = 64, 4, 256, 128

_SKIPPED = {
    "transformers_version",
    "architectures",
    "dtype",
    "id2label",
    "label2id",
    "name_or_path",
    "torch_dtype",
    "return_dict",
    "output_hidden_states",
    "problem_type",
    "rope_scaling",
    "ignore_keys_at_rope_validation",
}
"""Not part of a model's shape, or set by transformers itself."""

_TOKEN_ID = re.compile(r"token_(id|index|ids)s?$|^(pad|bos|eos|sep|cls|unk)_idx$|_token_idx$")
_LAYERS = re.compile(
    r"^(?!num_feat_extract)(num_)?(\w*_)?(hidden_layers|layers|n_layers?|n_layer|depth|num_blocks|num_layers|layer_num)$"
    r"|^(encoder|decoder)_layers$|^num_encoder_blocks$|^layers$|resampler_depth$"
)
_KV_HEADS = re.compile(r"key_value_heads$|^num_kv_heads$|kv_heads$|^n_kv")
_HEADS = re.compile(
    r"(attention_heads|num_heads|n_heads?|_heads|attn_heads)$|^num_attention_heads\w*$"
)
_HEAD_WIDTH = re.compile(r"head_dim$|^d_kv$|_head_dim$|^dim_head$|attention_head_size$|d_head$")
_PARTS = ("qk_nope_head_dim", "qk_rope_head_dim")
"""Those parts of a head that are rotated, and that are not."""
_INNER = re.compile(
    r"intermediate|ffn_dim|ffn_hidden|mlp_dim|feed_forward|^d_ff$|n_inner|^d_inner$"
)
_VOCABULARY = re.compile(
    r"vocab_size\w*$|^codebook_size$|^num_embeddings$|^vocabulary_map_size$|_vocab$"
)
_POSITIONS = re.compile(
    r"position_embeddings$|max_\w*positions$|^n_positions$|^n_ctx$|max_seq_len$|context_length$"
    r"|max_sequence_length$|^max_2d_position|max_position"
)
_EXPERTS = re.compile(
    r"^(n_routed_experts|num_experts|num_local_experts|moe_num_experts|n_experts)$"
)
_CHOSEN_EXPERTS = re.compile(r"experts_per_tok(en)?$|^moe_topk$|^moe_k$|^top_k_experts$")
_WINDOW = re.compile(r"^(sliding_window|attention_window|local_attention|attention_chunk_size)")
_PERIOD = re.compile(r"(_period|_interval|_pattern|sparse_step|_frequency|_every_n\w*)$")
_WIDTH = re.compile(
    r"hidden_size|hidden_dim|^d_model$|embed_dim|embedding_size|embedding_dim|emb_dim|n_embd"
    r"|_width$|^width$|projection_dim|projection_size|_hidden|^dim$|lora_rank|^q_rank|latent_dim"
    r"|output_dim|output_size|^input_dim$|fpn_feature|pooler_output|conv_dim$|projector|dim$"
    r"|^num_filters$|base_channels|latent_channels|stem_channels|_channels$|^embedding_dimension"
    r"|classifier_proj_size|attention_hidden|_units$|inner_dim|channels|initial_channel$"
)
_KEPT = re.compile(
    r"^num_channels$|in_channels$|^in_chans$|^input_channels$|audio_channels|^num_mel|mel_bins"
    r"|^n_mels|kernel|stride|padding|_rate|dropout|_ratio|_factor|mel_dim$|^out_channels$"
)
_WIDTH_LISTS = re.compile(
    r"(hidden_sizes?|embed_dims?|channels|dims?|hidden_sizes|conv_dim|out_channels|sizes"
    r"|channel_list|_dim|tdnn_dim|encoder_hidden_sizes|_per_stage)$"
)


@dataclass
class Shrinker:
    """Shrinks the fields of one configuration and of those inside it."""

    width: int = WIDTH
    heads: int = HEADS
    layers: int = LAYERS
    vocabulary: int = VOCABULARY
    head_width: int = WIDTH // HEADS
    keeps_widths: bool = False
    """Whether only depth, vocabulary, positions and images shrink."""
    keeps_images: bool = False
    keeps_all: bool = False
    """Whether only the vocabulary shrinks, and the ids of tokens with it."""
    _ids: dict[int, int] = field(default_factory=dict)

    def shrink(self, fields: Mapping[str, Any]) -> Fields:
        """Return smaller fields; what is not known to be a size stays as it is."""
        chosen = None if self.keeps_all else self._choose_layers(fields)
        listed = any(_HEADS.search(k) and _is_numbers(v) for k, v in fields.items())
        small: Fields = {}
        for name, value in fields.items():
            if (
                name in _SKIPPED
                or name == PER_LAYER
                or (name.startswith("_") and name != "_out_indices")
            ):
                continue
            small[name] = self._one(name, value, fields, chosen, listed)
        fit(small, keeps_images=self.keeps_images or self.keeps_all)
        if overrides := fields.get(PER_LAYER):
            small[PER_LAYER] = self._per_layer(overrides, fields, small, chosen)
        return small

    def _per_layer(
        self, overrides: Overrides, fields: Mapping[str, Any], small: Fields, chosen: Layers
    ) -> dict[int, Fields]:
        """Return what the layers that stay have of their own, under their new numbers.

        A size keeps its ratio to the configuration's own, so that what differs still differs.
        """
        made = {}
        for layer, own in overrides.items():
            if chosen is not None and layer not in chosen:
                continue
            few = {
                name: _in_ratio(value, fields.get(name), small.get(name))
                or self._one(name, value, fields, chosen, False)
                for name, value in own.items()
            }
            _fit_head_parts(few, {**fields, **own}, small)
            made[layer if chosen is None else chosen.index(layer)] = few
        return made

    def _one(
        self,
        name: str,
        value: Any,
        fields: Mapping[str, Any],
        chosen: Layers,
        listed: bool,
    ) -> Any:
        if isinstance(value, Mapping):
            nested = "model_type" in value or name.endswith("_config")
            return self.shrink(value) if nested else copy.deepcopy(dict(value))
        if isinstance(value, bool) or value is None or isinstance(value, str):
            return value
        if isinstance(value, float):
            return _float(name, value)
        if _TOKEN_ID.search(name):
            return self._token(value)
        if isinstance(value, (list, tuple)):
            return self._list(name, list(value), fields, chosen)
        if isinstance(value, int):
            return self._number(name, value, fields, chosen, listed)
        return value

    def _token(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [self._token(each) for each in value]
        if not isinstance(value, int) or value < 16:
            return value
        return self._ids.setdefault(value, 20 + len(self._ids))

    def _number(
        self,
        name: str,
        value: int,
        fields: Mapping[str, Any],
        chosen: Layers,
        listed: bool,
    ) -> int:
        if _KEPT.search(name) or value <= 1:
            return value
        if self.keeps_all:
            return min(value, VOCABULARY) if _VOCABULARY.search(name) else value
        if _LAYERS.search(name):
            same = chosen is not None and value == count_layers(fields)
            return len(chosen or []) if same else min(value, self.layers)
        if self.keeps_widths:
            return _limited(name, value)
        if _KV_HEADS.search(name):
            return self.heads if value == count_heads(fields) else min(value, 2)
        if _HEADS.search(name):
            return min(value, self.heads)
        if _HEAD_WIDTH.search(name):
            return min(value, self.head_width)
        if (limited := _limited(name, value)) != value:
            return limited
        if _INNER.search(name):
            return min(value, 2 * self.width)
        if _WIDTH.search(name):
            return _divided(value) if listed else min(value, self.width)
        return value

    def _list(self, name: str, value: list[Any], fields: Mapping[str, Any], chosen: Layers) -> Any:
        if self.keeps_all and _is_numbers(value):
            return value
        if (
            chosen is not None
            and len(value) == count_layers(fields)
            and not _is_widths(name, value)
        ):
            return [value[index] for index in chosen]
        if not _is_numbers(value):
            return [
                self.shrink(v) if isinstance(v, Mapping) and "model_type" in v else v for v in value
            ]
        if DEPTH_LISTS.search(name):
            return [min(each, 2) for each in value]
        if _is_widths(name, value) and not self.keeps_widths:
            return [_divided(each) for each in value]
        return value

    def _choose_layers(self, fields: Mapping[str, Any]) -> Layers:
        """Return which layers stay: the first of each kind, at least two."""
        depth = count_layers(fields)
        if depth is None or depth < self.layers:
            return None
        lists = [
            v
            for k, v in fields.items()
            if isinstance(v, (list, tuple))
            and len(v) == depth
            and not _is_widths(k, v)
            and all(isinstance(each, (str, int, bool)) for each in v)
        ]
        overrides = fields.get(PER_LAYER, {})
        lists.append([tuple(overrides.get(layer, ())) for layer in range(depth)])
        kinds = list(zip(*lists, strict=True))
        first = sorted({kinds.index(kind) for kind in kinds})[:6]
        rest = [index for index in range(depth) if index not in first]
        return sorted(first + rest[: max(0, self.layers - len(first))])


def _in_ratio(value: Any, whole: Any, small: Any) -> int | None:
    """Return ``small`` in the ratio of ``value`` to ``whole``; None where that is no whole size."""
    if any(not isinstance(each, int) or isinstance(each, bool) for each in (value, whole, small)):
        return None
    return value * small // whole if whole and value * small % whole == 0 else None


def _fit_head_parts(few: Fields, whole: Fields, small: Fields) -> None:
    """Let the parts of a head of one layer make up its width, where they did before."""
    parts = sum(whole.get(name) or 0 for name in _PARTS)
    if any(name in few for name in _PARTS) and whole.get("head_dim") == parts:
        few["head_dim"] = sum({**small, **few}[name] for name in _PARTS)


def _limited(name: str, value: int) -> int:
    return next((min(value, most) for kind, most in _LIMITS if kind.search(name)), value)


_LIMITS: list[tuple[re.Pattern[str], int]] = [
    (_VOCABULARY, VOCABULARY),
    (_CHOSEN_EXPERTS, 2),
    (_EXPERTS, 4),
    (_POSITIONS, POSITIONS),
    (_WINDOW, 16),
    (_PERIOD, 2),
    (re.compile(r"^canvas_length$"), 16),
    (re.compile(r"layer_offset$"), 1),
    (re.compile(r"^n_group$|^topk_group$|^num_(expert_)?group$"), 1),
    (re.compile("num_queries|num_query_tokens"), 8),
    (re.compile(r"^num_filters$"), 8),  # doubled at every step
]


def _float(name: str, value: float) -> float:
    if name in ("layer_scale_init_value", "layerscale_value") and 0 < value < 0.1:
        return 0.5  # the tiny start value of a training would hide the whole layer
    return value


def _is_numbers(value: object) -> bool:
    return (
        isinstance(value, (list, tuple))
        and bool(value)
        and all(isinstance(v, int) and not isinstance(v, bool) for v in value)
    )


def _is_widths(name: str, value: Sequence[Any]) -> bool:
    named = _WIDTH_LISTS.search(name) and not re.search(r"kernel|patch|image_size|window", name)
    return bool(named) and _is_numbers(value) and max(value) >= 32


def _divided(value: int) -> int:
    """Return a quarter of a width, of which ratios have to stay whole."""
    return value // 4 if value % 4 == 0 and value >= 32 else value


def shrink(fields: Mapping[str, Any], **sizes: Any) -> Fields:
    """Return ``fields`` of a configuration, small."""
    return Shrinker(**sizes).shrink(fields)
