"""Make the fields of a small configuration fit each other: images, rotary embeddings, layers.

Pure, as the shrinking before it; each function changes the fields that it is given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["DEPTH_LISTS", "IMAGE", "LAYERS", "count_heads", "count_layers", "fit"]

Fields = dict[str, Any]

LAYERS, IMAGE = 2, 64
DEPTH_LISTS = re.compile(
    r"^(depths|num_blocks|stage_num_blocks|stage_numb_of_layers|layers|blocks_per_stage"
    r"|num_block_repeats|block_repeats|depth)$"
)
"""Fields that say how many blocks each stage has."""


def count_layers(fields: Mapping[str, Any]) -> int | None:
    """Return how many layers fields name; None where they do not."""
    names = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "depth")
    found = [fields[n] for n in names if isinstance(fields.get(n), int)]
    return found[0] if found else None


def count_heads(fields: Mapping[str, Any]) -> int | None:
    """Return how many heads fields name; None where they do not."""
    names = ("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads")
    found = [fields[n] for n in names if isinstance(fields.get(n), int)]
    return found[0] if found else None


def _fit_image(small: Fields) -> None:
    """Make images small: some whole patches."""
    patch = small.get("patch_size")
    patch = patch[0] if isinstance(patch, (list, tuple)) and patch else patch
    patch = patch if isinstance(patch, int) and patch > 0 else 1
    merge = small.get("spatial_merge_size") or small.get("merge_size") or 1
    for stride in (small.get("patch_stride"), small.get("patch_strides")):
        if isinstance(stride, (list, tuple)) and stride and isinstance(stride[0], int):
            patch = stride[0]
    unit = patch * (merge if isinstance(merge, int) else 1)
    if small.get("image_grid_pinpoints") and isinstance(small.get("vision_config"), dict):
        side = small["vision_config"].get("image_size") or IMAGE
        small["image_grid_pinpoints"] = [[side, 2 * side], [2 * side, side]]
    for name in ("image_size", "pretrain_image_size", "img_size"):
        value = small.get(name)
        size = max(unit * 2, IMAGE // unit * unit)
        if isinstance(value, int) and value > size:
            small[name] = size
        elif isinstance(value, (list, tuple)) and value and all(isinstance(v, int) for v in value):
            small[name] = [min(v, size) for v in value]
    if isinstance(small.get("image_embedding_size"), int) and isinstance(
        small.get("image_size"), int
    ):
        small["image_embedding_size"] = small["image_size"] // patch


_WINDOW_SIZES = 3


def _fit_window(small: Fields) -> None:
    """Let a window of attention fit into the last stage, each of which halves the image."""
    named = (small.get(name) for name in ("window_size", "image_size", "patch_size"))
    sizes = [each for each in named if isinstance(each, int) and each > 0]
    stages = [len(v) for k, v in small.items() if DEPTH_LISTS.search(k) and isinstance(v, list)]
    if stages and len(sizes) == _WINDOW_SIZES:
        window, image, patch = sizes
        small["window_size"] = min(window, max(1, (image // patch) >> (stages[0] - 1)))


def _fit_pooling(small: Fields) -> None:
    """Let an image be pooled to no more tokens than it has patches."""
    vision, tokens = small.get("vision_config"), small.get("mm_tokens_per_image")
    if isinstance(vision, dict) and isinstance(tokens, int):
        size, patch = vision.get("image_size"), vision.get("patch_size")
        if isinstance(size, int) and isinstance(patch, int):
            small["mm_tokens_per_image"] = min(tokens, (size // patch) ** 2)


def _fit_stages(small: Fields) -> None:
    """Let a plain transformer that shows several of its layers have as many."""
    if "_out_indices" in small:
        small["out_indices"] = small.pop("_out_indices")
    if any(DEPTH_LISTS.search(k) and isinstance(v, list) for k, v in small.items()):
        return
    for name in ("out_indices", "backbone_out_indices"):
        shown = small.get(name)
        if isinstance(shown, (list, tuple)) and shown and "num_hidden_layers" in small:
            small["num_hidden_layers"] = max(len(shown), LAYERS)
            small[name] = list(range(1, len(shown) + 1))
            if name == "backbone_out_indices":
                small[name] = list(range(len(shown)))
            for other in ("out_features", "_out_features", "stage_names"):
                small.pop(other, None)


def _fit_mamba(small: Fields) -> None:
    """Let the heads of a state space model make up its inner width."""
    width = small.get("hidden_size")
    for expand, heads, head in _MAMBA:
        if (
            width
            and isinstance(small.get(expand), (int, float))
            and small.get(heads)
            and small.get(head)
        ):
            small[heads] = int(width * small[expand]) // small[head]


_PLACEHOLDERS = {
    "image_token_id": 17,
    "image_token_index": 17,
    "video_token_id": 18,
    "audio_token_id": 19,
    "vocab_size": 256,
}
"""Tokens that stand for something else, where a configuration leaves them out."""
_MAMBA = [
    ("expand", "num_heads", "head_dim"),
    ("mamba_expand", "mamba_n_heads", "mamba_d_head"),
    ("expand", "mamba_num_heads", "mamba_head_dim"),
    ("mamba_expand", "n_mamba_heads", "mamba_headdim"),
]
_INDICES = re.compile(
    r"feature_layer|_indexes$|_indices$|_idxs$|_indexs$|hook_ids$|^extract_layers$"
)
_PLACES = re.compile(r"^(?!num_)\w+_layers$")
"""Lists of the layers that have something of their own, as attention to an image."""


def _fit_indices(small: Fields) -> None:
    """Let what names single layers name layers that are there."""
    for place in [small, *(v for v in small.values() if isinstance(v, dict))]:
        inner = small.get("vision_config") if place is small else place
        inner = inner if isinstance(inner, dict) else place
        seen = small.get("vision_config")
        for name, value in place.items():
            sees = str(name).startswith("vision_feature") and isinstance(seen, dict)
            depth = (
                count_layers(seen or {}) if sees else (count_layers(inner) or count_layers(place))
            )
            if depth and _INDICES.search(str(name)) and "out_indices" not in name:
                place[name] = _within(value, depth)
            elif depth and _PLACES.search(str(name)) and _is_rising(value):
                place[name] = sorted(set(_within(value, depth)))


def _is_rising(value: Any) -> bool:
    """Say whether a list can be of places: whole numbers, each larger than the one before."""
    if not isinstance(value, (list, tuple)) or any(type(each) is not int for each in value):
        return False
    return list(value) == sorted(set(value)) and all(each >= 0 for each in value)


def _within(value: Any, depth: int) -> Any:
    if isinstance(value, (list, tuple)):
        return [_within(each, depth) for each in value]
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    return value if -depth <= value < depth else (-1 if value < 0 else depth - 1)


def _fit_rope(small: Fields) -> None:
    """Divide the half of a rotated head into the sections of multimodal rotary embeddings."""
    width, heads = small.get("hidden_size"), count_heads(small)
    head = small.get("head_dim") or (width // heads if width and heads else None)
    for rope in (small.get("rope_parameters"), small.get("rope_scaling")):
        for each in [rope, *(rope.values() if isinstance(rope, dict) else [])]:
            if isinstance(each, dict) and each.get("mrope_section") and head:
                share = each.get("partial_rotary_factor") or small.get("partial_rotary_factor") or 1
                each["mrope_section"] = _sections(each["mrope_section"], int(head * share) // 2)


def _sections(sections: Sequence[int], whole: int) -> list[int]:
    parts = [each * whole // sum(sections) for each in sections]
    for index in range(whole - sum(parts)):
        parts[index % len(parts)] += 1
    return parts


def fit(small: Fields, *, keeps_images: bool = False) -> None:
    """Make fields fit each other."""
    for name, token in _PLACEHOLDERS.items():
        if name in small and small[name] is None:
            small[name] = token
    if not keeps_images:
        _fit_image(small)
        _fit_window(small)
    for step in (_fit_pooling, _fit_rope, _fit_stages, _fit_mamba, _fit_indices, _fit_head):
        step(small)


def _fit_head(small: Fields) -> None:
    width, heads = small.get("hidden_size"), count_heads(small)
    if "head_dim" in small and small["head_dim"] is None and width and heads:
        small["head_dim"] = width // heads
    if "num_key_value_heads" in small and small["num_key_value_heads"] is None and heads:
        small["num_key_value_heads"] = heads
