"""Inputs of each modality by the name of the parameter, in the layouts that models expect.

A name may have several layouts (``input_features`` is mel by time here, time by mel there): they
are offered one after the other, the commonest first. Every tensor is one sample, with the batch
in its first dimension, or what is joined along it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from proofbook_systems.models.maker import AUDIO, VISION, Maker, find_field

__all__ = [
    "DECODER_LENGTH",
    "MODALITIES",
    "OTHER_LENGTH",
    "PRIMARY",
    "RULES",
    "SINGLE",
    "TEXT_LENGTH",
]

Tensor = torch.Tensor
TEXT_LENGTH, DECODER_LENGTH, GRID = 8, 6, 4
OTHER_LENGTH = 5
"""Of what another encoder has made beside a text; were it as long, it would be taken for words."""
_SOUND_LENGTHS = (4096, 1920, 16000)

MODALITIES: dict[str, str] = {
    "pixel_values": "image",
    "pixel_values_videos": "video",
    "input_features": "audio",
    "input_values": "audio",
    "past_values": "time series",
    "input_ids": "text",
    "flattened_patches": "image",
    "audio_codes": "audio",
    "spectrogram": "audio",
    "pixel_values_images": "image",
    "image": "image",
    "visual_feats": "image",
    "bbox": "layout",
    "audio_input_ids": "audio",
    "decoder_input_ids": "text",
    "visual_embeds": "image",
    "audio_mel": "audio",
    "mel_spectrogram": "audio",
    "image_embeddings": "image",
    "hidden_states": "hidden states",
    "inputs_embeds": "hidden states",
    "states": "states",
    "res_type": "protein",
}
"""Parameters that carry what a model looks at, and its kind."""

PRIMARY = (
    "pixel_values",
    "pixel_values_videos",
    "input_features",
    "input_values",
    "past_values",
    "hidden_states",
    "inputs_embeds",
)
"""Parameters with more than one layout."""


def _patches(maker: Maker, *, key: str, videos: bool = False) -> dict[str, Tensor]:
    """Return flattened patches with their grid, as Qwen2-VL and its relatives take them."""
    patch = maker.patch()
    time = maker.number(
        "temporal_patch_size", "tubelet_size", "patch_temporal", default=1, first=VISION
    )
    merge = maker.number("spatial_merge_size", "merge_size", default=2, first=VISION)
    side = GRID if GRID % max(merge, 1) == 0 else 2 * merge
    width = maker.channels() * time * patch * patch
    grid = (
        "video_grid_thw"
        if videos
        else next(
            (n for n in ("image_grid_thw", "grid_thw", "image_grid_hws") if n in maker.signature),
            "grid_thw",
        )
    )
    return {key: maker.noise(side * side, width), grid: torch.tensor([[1, side, side]])}


def _image(maker: Maker) -> dict[str, Tensor]:
    return {"pixel_values": maker.noise(1, maker.channels(), *maker.image_size())}


def _tiles(maker: Maker) -> dict[str, Tensor]:
    height, width = maker.image_size()
    pinpoints = find_field(maker.config, "image_grid_pinpoints")
    tiles = 3 if pinpoints else 2
    made = {"pixel_values": maker.noise(1, tiles, maker.channels(), height, width)}
    if "pixel_attention_mask" in maker.signature:
        made["pixel_attention_mask"] = torch.ones(1, tiles, height, width, dtype=torch.bool)
    return made


def _frames(maker: Maker, key: str = "pixel_values") -> dict[str, Tensor]:
    frames = maker.number("num_frames", "frames_per_clip", default=2, first=VISION)
    return {key: maker.noise(1, min(frames, 64), maker.channels(), *maker.image_size())}


def _naflex(maker: Maker) -> dict[str, Tensor]:
    """Return patches padded to a number, with the image's shape in patches."""
    count = maker.number("num_patches", default=GRID * GRID, first=VISION)
    side = max(1, int(count**0.5))
    width = maker.channels() * maker.patch() ** 2
    made = {
        "pixel_values": maker.noise(1, side * side, width),
        "pixel_attention_mask": torch.ones(1, side * side, dtype=torch.int64),
        "spatial_shapes": torch.tensor([[side, side]]),
        "image_position_ids": _positions(side),
        "pixel_position_ids": _positions(side),
    }
    return {name: value for name, value in made.items() if name in maker.signature}


def _positions(side: int) -> Tensor:
    place = torch.arange(side)
    return torch.stack(torch.meshgrid(place, place, indexing="xy"), -1).reshape(1, -1, 2)


def _pixel_layouts(maker: Maker) -> Iterator[dict[str, Tensor]]:
    names = maker.signature
    if "image_grid_thw" in names or "grid_thw" in names:
        made = _patches(maker, key="pixel_values")
        yield made
        yield made | {"pixel_values": made["pixel_values"][None]}
        small = made["pixel_values"].reshape(
            len(made["pixel_values"]), maker.channels(), -1, maker.patch()
        )
        yield made | {"pixel_values": small}
        yield made | {"pixel_values": small[None]}
    if "image_grid_hw" in names:
        flat = maker.noise(GRID * GRID, maker.channels() * maker.patch() ** 2)
        yield {"pixel_values": flat, "image_grid_hw": torch.tensor([[GRID, GRID]])}
    if "target_sizes" in names:
        row = maker.noise(1, maker.channels(), maker.patch(), maker.patch() * GRID * GRID)
        yield {"pixel_values": row, "target_sizes": torch.tensor([[GRID, GRID]])}
    if "spatial_shapes" in names or "image_position_ids" in names or "pixel_position_ids" in names:
        yield _naflex(maker)
    if "aspect_ratio_ids" in names:
        yield _aspect_tiles(maker)
    if "image_sizes" in names or "pixel_attention_mask" in names:
        yield _tiles(maker) | _sizes(maker)
        yield _image(maker) | _sizes(maker)
    if "pixel_attention_mask" in names:
        tiles = _tiles(maker)
        whole = torch.ones(tiles["pixel_values"].shape[:2], dtype=torch.bool)
        yield tiles | {"pixel_attention_mask": whole}
    if find_field(maker.config, "num_frames", "frames_per_clip", "tubelet_size", first=VISION):
        yield _frames(maker)
        yield {"pixel_values": _frames(maker)["pixel_values"][0]}  # frames as if they were images
    yield _image(maker)
    yield _tiles(maker)
    yield _frames(maker)
    yield {"pixel_values": maker.noise(1, maker.channels(), 64, 64)}
    yield {"pixel_values": maker.noise(1, maker.channels(), 224, 224)}
    yield {"pixel_values": maker.noise(GRID * GRID, maker.channels() * maker.patch() ** 2)}


def _sizes(maker: Maker) -> dict[str, Tensor]:
    height, width = maker.image_size()
    if find_field(maker.config, "image_grid_pinpoints"):
        width *= 2
    return (
        {"image_sizes": torch.tensor([[height, width]])} if "image_sizes" in maker.signature else {}
    )


def _aspect_tiles(maker: Maker) -> dict[str, Tensor]:
    tiles = maker.number("max_num_tiles", default=4, first=VISION)
    shape = (1, tiles, maker.channels(), *maker.image_size())
    pixels = maker.noise(shape[0], 1, *shape[1:])
    return {
        "pixel_values": pixels,
        "aspect_ratio_ids": torch.ones(1, 1, dtype=torch.int64),
        "aspect_ratio_mask": torch.ones(1, 1, tiles, dtype=torch.int64),
    }


def _mels(maker: Maker) -> tuple[int, int]:
    """Return bins and frames of a spectrogram."""
    bins = maker.number(
        "num_mel_bins",
        "feature_size",
        "n_mels",
        "input_feat_size",
        "mel_bins",
        "mel_dim",
        "feature_projection_input_dim",
        "input_size",
        "input_dim",
        "spec_num_mel_bins",
        default=80,
        first=AUDIO,
    )
    source = maker.number("max_source_positions", default=0, first=AUDIO)
    window = maker.number("n_window", default=0, first=AUDIO)
    if window:
        return bins, 4 * window
    return bins, 2 * source if 0 < source <= 1500 else 128


def _feature_layouts(maker: Maker) -> Iterator[dict[str, Tensor]]:
    bins, frames = _mels(maker)
    extra = {}
    for name in ("input_features_mask", "feature_attention_mask", "padding_mask"):
        if name in maker.signature:
            extra[name] = torch.ones(1, frames, dtype=torch.int64)
    yield {"input_features": maker.noise(1, bins, frames), **extra}
    yield {"input_features": maker.noise(1, frames, bins), **extra}
    yield {"input_features": maker.noise(1, frames, 2 * bins), **extra}
    yield {"input_features": maker.noise(1, 1, frames, bins), **extra}
    yield {"input_features": maker.noise(1, 1, 1024, bins)}
    yield {"input_features": maker.noise(bins, frames), "feature_lens": torch.tensor([frames])}
    yield {"input_features": maker.noise(1, 4096)}


def _sound_layouts(maker: Maker) -> Iterator[dict[str, Tensor]]:
    channels = maker.number("audio_channels", default=1)
    bins = find_field(maker.config, "num_mel_bins", "feature_size")
    length = find_field(maker.config, "max_length")
    if isinstance(bins, int) and isinstance(length, int) and length > 1:
        yield {"input_values": maker.noise(1, length, bins)}
    for count in _SOUND_LENGTHS:
        yield {"input_values": maker.noise(1, count) * 0.3}
        yield {"input_values": maker.noise(1, channels, count) * 0.3}
    if isinstance(bins, int):
        yield {"input_values": maker.noise(1, 32, bins)}


def _series_layouts(maker: Maker) -> Iterator[dict[str, Tensor]]:
    context = maker.number("context_length", default=32)
    channels = maker.number("num_input_channels", "input_size", default=1)
    lags = find_field(maker.config, "lags_sequence")
    length = context + (max(lags) if isinstance(lags, (list, tuple)) and lags else 0)
    if "past_time_features" in maker.signature:
        yield _series_with_features(maker, length, channels)
    yield {"past_values": maker.noise(1, length, channels)}
    yield {"past_values": maker.noise(1, length)}


def _series_with_features(maker: Maker, length: int, channels: int) -> dict[str, Tensor]:
    ahead = maker.number("prediction_length", default=4)
    times = maker.number("num_time_features", default=0) or 0
    shape = (channels,) if channels > 1 else ()
    made = {
        "past_values": maker.noise(1, length, *shape),
        "past_time_features": maker.noise(1, length, times),
        "past_observed_mask": torch.ones(1, length, *shape),
        "future_values": maker.noise(1, ahead, *shape),
        "future_time_features": maker.noise(1, ahead, times),
    }
    if categories := maker.number("num_static_categorical_features", default=0):
        made["static_categorical_features"] = torch.zeros(1, categories, dtype=torch.int64)
    if reals := maker.number("num_static_real_features", default=0):
        made["static_real_features"] = maker.noise(1, reals)
    return made


def _hidden_layouts(maker: Maker, name: str) -> Iterator[dict[str, Tensor]]:
    width = maker.number(
        "hidden_size", "d_model", "embed_dim", "hidden_dim", "width", "in_channels", default=64
    )
    if name == "hidden_states" and "grid_thw" in maker.signature:
        yield _patches(maker, key=name)
    yield {name: maker.noise(1, TEXT_LENGTH, width)}
    yield {name: maker.noise(1, width, TEXT_LENGTH)}
    yield {name: maker.noise(1, width, 8, 8)}
    yield {name: maker.noise(1, 4, 4, width)}
    yield {name: maker.noise(TEXT_LENGTH, width)}
    yield {name: maker.noise(1, 1, width)}


def _box(maker: Maker) -> Tensor:
    corner = torch.randint(0, 40, (1, TEXT_LENGTH, 2), generator=maker.random)
    return torch.cat([corner, corner + 20], -1)


RULES: dict[str, Callable[[Maker], Iterator[dict[str, Tensor]]]] = {
    "pixel_values": _pixel_layouts,
    "pixel_values_videos": lambda maker: iter(
        [_patches(maker, key="pixel_values_videos", videos=True)]
        if "video_grid_thw" in maker.signature
        else [_frames(maker, "pixel_values_videos")]
    ),
    "input_features": _feature_layouts,
    "input_values": _sound_layouts,
    "past_values": _series_layouts,
    "hidden_states": lambda maker: _hidden_layouts(maker, "hidden_states"),
    "inputs_embeds": lambda maker: _hidden_layouts(maker, "inputs_embeds"),
}
"""Layouts of a parameter, the commonest first."""

SINGLE: dict[str, Callable[[Maker], Tensor]] = {
    "bbox": _box,
    "flattened_patches": lambda m: torch.cat(
        [
            _positions(4).float() + 1,
            m.noise(1, 16, m.number("patch_embed_hidden_size", default=768)),
        ],
        -1,
    ),
    "audio_mel": lambda m: m.noise(1, 64, _mels(m)[0]),
    "spectrogram": lambda m: m.noise(1, 32, m.number("model_in_dim", "num_mel_bins", default=80)),
    "mel_spectrogram": lambda m: m.noise(1, m.number("mel_dim", default=80), 32),
    "image": lambda m: m.noise(1, m.channels(), *m.image_size()),
}
