"""The reference MusicGen: a tiny random model in the real format, built in a second and cached.

Everything has the real one's shape except the widths: a T5 encoder with a T5 tokenizer, a decoder
over 4 codebooks of 2,048 codes at 50 frames a second, an EnCodec at 32 kHz, saved as safetensors
with processor and generation config. It emits noise like surf, around -20 dBFS: its codec is
initialised so that random codes decode to a sound that is audible, centred and unclipped.
"""

from __future__ import annotations

import string
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofbook.caching import cache_root, cached_folder

if TYPE_CHECKING:
    import torch

__all__ = ["SIZES", "ReferenceSize", "build_reference", "reference_folder", "save_text_encoder"]

_WORDS = (
    "piano jazz guitar drum bass trio band rock pop folk blues synth string flute violin song "
    "grand short long slow fast warm soft loud calm happy sad track beat solo minute second "
    "improvisation the a an and with of in for on"
)
_LOUDNESS = 0.1
_CODEBOOK_SPREAD = 3.0
_REAL_GENERATION = {
    "bos_token_id": 2048,
    "decoder_start_token_id": 2048,
    "do_sample": True,
    "guidance_scale": 3.0,
    "max_length": 1500,
    "pad_token_id": 2048,
}


@dataclass(frozen=True, kw_only=True)
class ReferenceSize:
    """What one size of the reference model is made of."""

    hidden_size: int
    layers: int
    heads: int
    codec_filters: int = 4
    seed: int = 20230608
    version: int = 2
    """Raised whenever :func:`build_reference` would build other files from the same sizes."""


SIZES = {
    "small": ReferenceSize(hidden_size=64, layers=2, heads=4),
    "medium": ReferenceSize(hidden_size=96, layers=4, heads=6),
}


def reference_folder(size: str, cache: Path | None = None) -> Path:
    """Return the folder of the reference model, built first where the cache lacks it."""
    recipe = SIZES[size]
    return cached_folder(
        (cache or cache_root()) / "musicgen",
        f"reference-{size}",
        asdict(recipe),
        lambda folder: build_reference(recipe, folder),
    )


def build_reference(recipe: ReferenceSize, folder: Path) -> None:
    """Build one model with its processor and save it into ``folder``; the same each time."""
    import torch
    from transformers import (
        EncodecFeatureExtractor,
        GenerationConfig,
        MusicgenForConditionalGeneration,
        MusicgenProcessor,
    )

    tokenizer = _tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = MusicgenForConditionalGeneration(_config(recipe, len(tokenizer))).eval()
        _voice(model.audio_encoder)
    model.generation_config = GenerationConfig(**_REAL_GENERATION)
    model.save_pretrained(folder)
    extractor = EncodecFeatureExtractor(
        feature_size=1, sampling_rate=model.config.audio_encoder.sampling_rate, padding_side="left"
    )
    MusicgenProcessor(extractor, tokenizer).save_pretrained(folder)


def save_text_encoder(
    folder: Path, seed: int, width: int = 48, *, layers: int = 2, heads: int = 4
) -> None:
    """Save a random T5 encoder with a small tokenizer into ``folder``; the same each time."""
    import torch
    from transformers import T5EncoderModel

    tokenizer = _tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = T5EncoderModel(_text_config(len(tokenizer), width, layers, heads))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _text_config(vocabulary: int, width: int, layers: int = 2, heads: int = 4) -> Any:
    from transformers import T5Config

    return T5Config(
        vocab_size=vocabulary, d_model=width, d_kv=width // heads, d_ff=2 * width,
        num_layers=layers, num_heads=heads,
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip


def _config(recipe: ReferenceSize, vocabulary: int) -> Any:
    from transformers import EncodecConfig, MusicgenConfig, MusicgenDecoderConfig

    codec = EncodecConfig(
        target_bandwidths=[2.2], sampling_rate=32_000, upsampling_ratios=[8, 5, 4, 4],
        codebook_size=2048, codebook_dim=32, hidden_size=32, num_filters=recipe.codec_filters,
        use_causal_conv=False, use_conv_shortcut=False,
    )  # fmt: skip
    decoder = MusicgenDecoderConfig(
        hidden_size=recipe.hidden_size, num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads, ffn_dim=4 * recipe.hidden_size,
    )  # fmt: skip
    return MusicgenConfig(
        text_encoder=_text_config(vocabulary, 48).to_dict(),
        audio_encoder=codec.to_dict(),
        decoder=decoder.to_dict(),
    )


def _tokenizer() -> Any:
    from transformers import T5Tokenizer

    letters = string.ascii_letters + string.digits + string.punctuation
    specials = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    words = [(f"▁{word}", -5.0) for word in dict.fromkeys(_WORDS.split())]
    pieces = [(letter, -8.0) for letter in letters]
    sentinels = [(f"<extra_id_{i}>", 0.0) for i in reversed(range(100))]
    return T5Tokenizer(vocab=[*specials, *words, *pieces, *sentinels], extra_ids=100)


def _voice(codec: Any) -> None:
    """Give the codec codebooks, and a decoder that turns random codes into surf-like noise."""
    import torch

    for layer in codec.quantizer.layers:
        torch.nn.init.normal_(layer.codebook.embed, std=_CODEBOOK_SPREAD)
        layer.codebook.embed_avg.copy_(layer.codebook.embed)
        torch.nn.init.ones_(layer.codebook.cluster_size)
    with torch.no_grad():
        # Biases alone, upsampled, are a steady whine that drowns what the codes say.
        for name, parameter in codec.decoder.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
        _smooth_upsampling(codec.decoder)
        last = codec.decoder.layers[-1].conv
        # A kernel that sums to zero passes no constant, whatever the layers before it emit.
        last.weight = last.weight - last.weight.mean(dim=-1, keepdim=True)
        last.weight = last.weight * (_LOUDNESS / _random_decode(codec).std())


def _smooth_upsampling(decoder: Any) -> None:
    """Let the last two upsampling layers interpolate, so that most energy is around 1 kHz."""
    import torch

    layers = [m for m in decoder.modules() if isinstance(m, torch.nn.ConvTranspose1d)]
    for layer in layers[-2:]:
        width = layer.weight.shape[-1]
        window = torch.hann_window(width + 2, periodic=False)[1:-1] * width**0.5
        layer.weight = layer.weight.mean(dim=-1, keepdim=True) * window


def _random_decode(codec: Any) -> torch.Tensor:
    import torch

    codes = torch.randint(codec.config.codebook_size, (1, 1, codec.config.num_quantizers, 100))
    audio: torch.Tensor = codec.decode(codes, [None]).audio_values
    return audio
