"""Names and shapes of the tensors of a MusicGen of any size, as audiocraft writes them.

Knows no values: a large model's names cost nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["codec_shapes", "language_shapes"]

_RATIOS = (8, 5, 4, 4)
_Named = Iterator[tuple[str, tuple[int, ...]]]


def language_shapes(
    *, width: int, layers: int, codebooks: int = 4, codes: int = 2048, text_width: int = 768
) -> dict[str, tuple[int, ...]]:
    """Return name and shape of each tensor in a language model's checkpoint."""
    return dict(_language(width, layers, codebooks, codes, text_width))


def codec_shapes(
    *, filters: int = 64, dimension: int = 128, codebooks: int = 4, codes: int = 2048
) -> dict[str, tuple[int, ...]]:
    """Return name and shape of each tensor in a codec's checkpoint, weight norm as a pair."""
    return {
        **dict(_side("encoder", filters, dimension)),
        **dict(_side("decoder", filters, dimension)),
        **dict(_codebooks(codebooks, codes, dimension)),
    }


def _language(width: int, layers: int, codebooks: int, codes: int, text_width: int) -> _Named:
    for k in range(codebooks):
        yield f"emb.{k}.weight", (codes + 1, width)
        yield f"linears.{k}.weight", (codes, width)
    for n in range(layers):
        stem = f"transformer.layers.{n}"
        for attention in ("self_attn", "cross_attention"):
            yield f"{stem}.{attention}.in_proj_weight", (3 * width, width)
            yield f"{stem}.{attention}.out_proj.weight", (width, width)
        yield f"{stem}.linear1.weight", (4 * width, width)
        yield f"{stem}.linear2.weight", (width, 4 * width)
        for norm in ("norm1", "norm_cross", "norm2"):
            yield from _affine(f"{stem}.{norm}", (width,), width)
    yield from _affine("out_norm", (width,), width)
    description = "condition_provider.conditioners.description.output_proj"
    yield from _affine(description, (width, text_width), width)


def _affine(stem: str, weight: tuple[int, ...], bias: int) -> _Named:
    yield f"{stem}.weight", weight
    yield f"{stem}.bias", (bias,)


def _convolution(stem: str, weight: tuple[int, int, int], bias: int) -> _Named:
    yield f"{stem}.weight_g", (weight[0], 1, 1)
    yield f"{stem}.weight_v", weight
    yield f"{stem}.bias", (bias,)


def _side(side: str, filters: int, dimension: int) -> _Named:
    """Yield one half of the codec: sixteen modules, those without weights left out."""
    stem, widest = f"{side}.model", filters * 2 ** len(_RATIOS)
    encodes = side == "encoder"
    first = (filters, 1, 7) if encodes else (widest, dimension, 7)
    last = (dimension, widest, 7) if encodes else (1, filters, 7)
    yield from _convolution(f"{stem}.0.conv.conv", first, first[0])
    yield from _lstm(f"{stem}.{13 if encodes else 1}.lstm", widest)
    for i in range(len(_RATIOS)):
        if encodes:
            width, ratio = filters * 2**i, _RATIOS[-1 - i]
            yield from _block(f"{stem}.{3 * i + 1}.block", width)
            down = (2 * width, width, 2 * ratio)
            yield from _convolution(f"{stem}.{3 * i + 3}.conv.conv", down, 2 * width)
        else:
            width, ratio = widest // 2**i, _RATIOS[i]
            up = (width, width // 2, 2 * ratio)
            yield from _convolution(f"{stem}.{3 * i + 3}.convtr.convtr", up, width // 2)
            yield from _block(f"{stem}.{3 * i + 4}.block", width // 2)
    yield from _convolution(f"{stem}.15.conv.conv", last, last[0])


def _block(stem: str, width: int) -> _Named:
    yield from _convolution(f"{stem}.1.conv.conv", (width // 2, width, 3), width // 2)
    yield from _convolution(f"{stem}.3.conv.conv", (width, width // 2, 1), width)


def _lstm(stem: str, width: int) -> _Named:
    for layer in (0, 1):
        for way in ("ih", "hh"):
            yield f"{stem}.weight_{way}_l{layer}", (4 * width, width)
            yield f"{stem}.bias_{way}_l{layer}", (4 * width,)


def _codebooks(codebooks: int, codes: int, dimension: int) -> _Named:
    for k in range(codebooks):
        stem = f"quantizer.vq.layers.{k}._codebook"
        yield f"{stem}.inited", (1,)
        yield f"{stem}.cluster_size", (codes,)
        yield f"{stem}.embed", (codes, dimension)
        yield f"{stem}.embed_avg", (codes, dimension)
