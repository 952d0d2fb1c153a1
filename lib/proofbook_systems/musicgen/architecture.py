"""Derive transformers' configuration of a MusicGen from audiocraft's checkpoints.

What ``xp.cfg`` says is taken and compared with the shapes of the tensors; what it does not say is
read off the shapes; what neither says is assumed to be as in the published models, and listed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.checkpoints import Checkpoint
from proofbook_systems.musicgen.keymap.names import canonical

__all__ = ["Architecture", "musicgen_config"]

_HEAD_WIDTH = 64
"""Of every published model."""
_TEXT_KINDS = (None, "t5", "mt5")
"""What a text encoder's configuration may call itself; the oldest have no name."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What a model is made of."""

    config: Any
    """``MusicgenConfig``."""
    assumptions: tuple[str, ...]
    """What neither configuration nor shapes say."""
    contradictions: tuple[str, ...]
    """Where the configuration says one thing and a tensor's shape another."""


@dataclass(kw_only=True)
class _Reading:
    """One checkpoint while it is read: what it says of itself, and what its tensors show."""

    config: Mapping[str, Any]
    """``xp.cfg``."""
    shapes: Mapping[str, tuple[int, ...]]
    assumptions: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)

    def pick(self, name: str, seen: Any, usual: Any) -> Any:
        """Return what the configuration says, else the shapes, else what is usual."""
        section, _, key = name.partition(".")
        stated = (self.config.get(section) or {}).get(key) if key else self.config.get(section)
        if isinstance(stated, float) and stated.is_integer() and not isinstance(usual, float):
            stated = int(stated)
        if stated is not None and seen is not None and stated != seen:
            self.contradictions.append(f"{name} is {stated} in xp.cfg and {seen} by the tensors")
        if stated is None and seen is None:
            self.assumptions.append(f"{name} is {usual}")
        return next(value for value in (stated, seen, usual) if value is not None)

    def shape(self, pattern: str) -> tuple[int, ...] | None:
        """Return the shape of the first tensor whose canonical name matches."""
        return next((s for n, s in self.shapes.items() if re.fullmatch(pattern, n)), None)

    def count(self, pattern: str) -> int | None:
        """Return one more than the highest number that a name has where the pattern has its group.

        A tensor that is missing in between leaves the count as it is, and is told as missing.
        """
        places = [int(m[1]) for n in self.shapes if (m := re.fullmatch(pattern, n))]
        return max(places, default=-1) + 1 or None


def musicgen_config(language: Checkpoint, codec: Checkpoint, text: Path) -> Architecture:
    """Return the configuration of the model that both checkpoints and a T5 make.

    Raises:
        SubjectError: The text encoder has no configuration, or a checkpoint is a pointer.
    """
    from transformers import MusicgenConfig

    readings = [_read(checkpoint) for checkpoint in (language, codec)]
    config = MusicgenConfig(
        text_encoder=_text_config(text),
        audio_encoder=_codec_config(readings[1]).to_dict(),
        decoder=_decoder_config(readings[0]).to_dict(),
    )
    return Architecture(
        config=config,
        assumptions=tuple(a for reading in readings for a in reading.assumptions),
        contradictions=tuple(c for reading in readings for c in reading.contradictions),
    )


def _read(checkpoint: Checkpoint) -> _Reading:
    if checkpoint.pretrained:
        raise SubjectError(
            f"{checkpoint.path} only points to {checkpoint.pretrained}; give the checkpoint itself"
        )
    shapes = {canonical(name): tuple(t.shape) for name, t in checkpoint.tensors.items()}
    return _Reading(config=checkpoint.config or {}, shapes=shapes)


def _decoder_config(reading: _Reading) -> Any:
    from transformers import MusicgenDecoderConfig

    embedding = reading.shape(r"(?:.*\.)?emb\.0\.weight")
    fc1 = reading.shape(r"(?:.*\.)?transformer\.layers\.0\.linear1\.weight")
    width = reading.pick("transformer_lm.dim", embedding and embedding[1], 1024)
    scale = reading.pick("transformer_lm.hidden_scale", fc1 and fc1[0] // fc1[1], 4)
    layers = reading.count(r"(?:.*\.)?transformer\.layers\.(\d+)\.linear1\.weight")
    codebooks = reading.count(r"(?:.*\.)?(?:emb|linears)\.(\d+)\.weight")
    codes = reading.pick("transformer_lm.card", embedding and embedding[0] - 1, 2048)
    channels = _channels(reading)
    return MusicgenDecoderConfig(
        vocab_size=codes, hidden_size=width, ffn_dim=scale * width,
        num_hidden_layers=reading.pick("transformer_lm.num_layers", layers, 24),
        num_attention_heads=reading.pick("transformer_lm.num_heads", None, _heads(width)),
        num_codebooks=reading.pick("transformer_lm.n_q", codebooks, 4),
        audio_channels=channels, pad_token_id=codes, bos_token_id=codes,
        activation_function=_activation(reading),
    )  # fmt: skip


def _channels(reading: _Reading) -> int:
    """Return 2 for a stereo model, whose codebooks interleave both sides."""
    return int((reading.config.get("interleave_stereo_codebooks") or {}).get("use", False)) + 1


def _activation(reading: _Reading) -> str:
    return str((reading.config.get("transformer_lm") or {}).get("activation") or "gelu")


def _heads(width: int) -> int:
    return max(1, width // _HEAD_WIDTH)


def _codec_config(reading: _Reading) -> Any:
    from transformers import EncodecConfig

    first = reading.shape(r"(?:.*\.)?encoder\.model\.0\.conv\.conv\.weight(_v)?")
    book = reading.shape(r"(?:.*\.)?quantizer\.vq\.layers\.0\._codebook\.embed")
    books = reading.count(r"(?:.*\.)?quantizer\.vq\.layers\.(\d+)\._codebook\.embed")
    pick = reading.pick
    rate, ratios = pick("sample_rate", None, 32_000), _ratios(reading)
    dimension = pick("seanet.dimension", book and book[1], 128)
    codes = pick("rvq.bins", book and book[0], 2048)
    return EncodecConfig(
        sampling_rate=rate, audio_channels=pick("channels", first and first[1], 1),
        upsampling_ratios=ratios, hidden_size=dimension, codebook_dim=dimension,
        codebook_size=codes, num_filters=pick("seanet.n_filters", first and first[0], 64),
        num_residual_layers=pick("seanet.n_residual_layers", None, 1),
        kernel_size=pick("seanet.kernel_size", first and first[2], 7),
        last_kernel_size=pick("seanet.last_kernel_size", None, 7),
        residual_kernel_size=pick("seanet.residual_kernel_size", None, 3),
        dilation_growth_rate=pick("seanet.dilation_base", None, 2),
        compress=pick("seanet.compress", None, 2),
        num_lstm_layers=pick("seanet.lstm", None, 2),
        use_causal_conv=pick("seanet.causal", None, False),
        use_conv_shortcut=not pick("seanet.true_skip", None, True),
        pad_mode=pick("seanet.pad_mode", None, "reflect"),
        trim_right_ratio=_trim(reading),
        normalize=bool((reading.config.get("encodec") or {}).get("renormalize", False)),
        target_bandwidths=[_bandwidth(rate, ratios, codes, pick("rvq.n_q", books, 4))],
    )  # fmt: skip


def _trim(reading: _Reading) -> float:
    decoder = (reading.config.get("seanet") or {}).get("decoder") or {}
    return float(decoder.get("trim_right_ratio", 1.0))


def _ratios(reading: _Reading) -> list[int]:
    """Return the upsampling ratios; a transposed convolution's kernel is twice as long."""
    pattern = re.compile(r"(?:.*\.)?decoder\.model\.(\d+)\.convtr\.convtr\.weight(_v)?")
    kernels = {int(m[1]): s[-1] for n, s in reading.shapes.items() if (m := pattern.fullmatch(n))}
    seen = [kernels[number] // 2 for number in sorted(kernels)] or None
    return list(reading.pick("seanet.ratios", seen, [8, 5, 4, 4]))


def _bandwidth(rate: int, ratios: Iterable[int], codes: int, books: int) -> float:
    """Return the thousands of bits a second that this many codebooks take.

    transformers derives the number of codebooks from it by rounding down.
    """
    hop = 1
    for ratio in ratios:
        hop *= ratio
    frames = -(-rate // hop)
    bits = (codes - 1).bit_length()
    return books * bits * frames / 1000


def _text_config(folder: Path) -> dict[str, Any]:
    from transformers import T5Config

    if not (folder / "config.json").is_file():
        raise SubjectError(
            f"text encoder {folder} has no config.json; give a T5 folder, such as one of t5-base"
        )
    try:
        kind = json.loads((folder / "config.json").read_bytes()).get("model_type")
    except (ValueError, AttributeError) as error:
        raise SubjectError(
            f"text encoder {folder}: config.json cannot be read ({error}); download it again"
        ) from error
    if kind not in _TEXT_KINDS:
        raise SubjectError(
            f"text encoder {folder}: config.json describes a {kind}; give a T5 folder, such as one "
            "of t5-base"
        )
    config: dict[str, Any] = T5Config.from_pretrained(folder, local_files_only=True).to_dict()
    return config
