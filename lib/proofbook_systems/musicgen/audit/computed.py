"""Compute with a model, and judge what every right one does: each part of it has an effect.

Sounds that are made here go through the encoder and back. How near they come, and how the language
model takes their codes, tells much of trained weights and nothing of others: that is measured, and
not judged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proofbook_systems.musicgen.audit.claims import Claim
from proofbook_systems.musicgen.generation import Model

if TYPE_CHECKING:
    import torch

__all__ = ["Computed", "audit_network"]

_SECONDS = 1.0
_STEPS = 8
_NOTHING = 1e-6
"""Below this share, a difference is rounding."""
_UNHEARD = 1e-4
"""The same for prompts: of other lengths, they round otherwise; any text projection does more."""
_PROMPTS = ("a calm piano", "loud drums and a distorted guitar")


@dataclass(frozen=True, kw_only=True)
class Computed:
    """What a model did."""

    claims: tuple[Claim, ...]
    round_trip: float
    """Correlation of a sound's spectrum with that of what came back: near 1 for a trained codec,
    anything for another."""
    surprise: float
    """Nats for each code of the sound; guessing takes ``guess``, a trained model far less."""
    guess: float


def audit_network(model: Model) -> Computed:
    """Encode, decode and continue sounds; needs the whole model in memory."""
    import torch

    with torch.inference_mode():
        sounds = _sounds(model)
        codec = model.network.audio_encoder
        codes = codec.encode(sounds).audio_codes[0]
        back = codec.decode(codes[None], [None] * len(sounds)).audio_values
        claims = (
            Claim(
                name="encoder-computes",
                findings=tuple(_encoder_faults(codec, sounds, back)),
                why="an encoder or decoder that answers every sound alike has lost a layer",
            ),
            Claim(
                name="text-is-heard",
                findings=tuple(_text_faults(model)),
                why="a model whose answer no prompt changes has lost its text projection",
            ),
            Claim(
                name="codebooks-are-heard",
                findings=tuple(_codebook_faults(model)),
                why="an embedding that changes nothing is not the model's",
            ),
        )
        return Computed(
            claims=claims,
            round_trip=_round_trip(sounds, back),
            surprise=_surprise(model, codes),
            guess=math.log(model.network.config.decoder.vocab_size),
        )


def _sounds(model: Model) -> torch.Tensor:
    """Return a decaying chord, and a sweep under noise, shape (2, channels, samples)."""
    import torch

    count = round(_SECONDS * model.rate)
    time = torch.arange(count) / model.rate
    chord = sum(torch.sin(2 * math.pi * f * time) for f in (220.0, 277.2, 329.6))
    noise = torch.randn(count, generator=torch.Generator().manual_seed(0))
    sweep = torch.sin(2 * math.pi * (200 * time + 1500 * time**2)) + 0.1 * noise
    sounds = torch.stack([0.2 * chord * torch.exp(-2 * (time * 2 % 1)), 0.3 * sweep])
    channels = int(model.network.config.audio_encoder.audio_channels)
    weight = next(model.network.audio_encoder.parameters())
    return sounds[:, None].expand(-1, channels, -1).to(weight.device, weight.dtype).contiguous()


def _encoder_faults(codec: Any, sounds: torch.Tensor, back: torch.Tensor) -> list[str]:
    inner = codec.encoder(sounds)
    faults = [
        f"{name} makes values that are not finite"
        for name, value in (("the encoder", inner), ("the decoder", back))
        if not bool(value.isfinite().all())
    ]
    if faults:
        return faults
    for name, value in (("the encoder", inner), ("the decoder", back)):
        if _share(value[0], value[1]) < _NOTHING and name == "the encoder":
            faults.append(f"{name} makes the same of two different sounds")
        if _share(value[..., 1:], value[..., :-1]) < _NOTHING:
            faults.append(f"{name} makes one value, whatever it is given")
    if back.shape[-1] < sounds.shape[-1] * 0.95:
        faults.append(f"{sounds.shape[-1]} samples come back as {back.shape[-1]}")
    return faults


def _text_faults(model: Model) -> list[str]:
    first, second = (_logits(model, prompt, _tokens(model)) for prompt in _PROMPTS)
    if not bool(first.isfinite().all() & second.isfinite().all()):
        return ["the language model makes values that are not finite"]
    if _share(first, second) < _UNHEARD:
        return ["two different prompts change nothing that the language model computes"]
    return []


def _codebook_faults(model: Model) -> list[str]:
    faults = []
    tokens = _tokens(model)
    usual = _logits(model, _PROMPTS[0], tokens)
    if not bool(usual.isfinite().all()):
        return []  # told of the text already
    for book in range(model.codebooks):
        other = tokens.clone()
        other[book, 2] = (other[book, 2] + 1) % model.network.config.decoder.vocab_size
        if _share(usual[:, 2:], _logits(model, _PROMPTS[0], other)[:, 2:]) < _NOTHING:
            faults.append(f"emb.{book}.weight changes nothing that the language model computes")
        if float(usual[book].std(-1).max()) < _NOTHING * float(usual.abs().max()):
            faults.append(f"linears.{book}.weight gives all codes the same chance")
    return faults


def _tokens(model: Model) -> torch.Tensor:
    import torch

    chance = torch.Generator().manual_seed(1)
    codes = int(model.network.config.decoder.vocab_size)
    return torch.randint(codes, (model.codebooks, _STEPS), generator=chance)


def _logits(model: Model, prompt: str, tokens: torch.Tensor) -> torch.Tensor:
    """Return logits (codebooks, steps, codes)."""
    inputs = model.processor(text=[prompt], padding=True, return_tensors="pt").to(model.device)
    logits: torch.Tensor = model.network(
        **inputs, decoder_input_ids=tokens.to(model.device)
    ).logits.float()
    return logits


def _share(first: torch.Tensor, second: torch.Tensor) -> float:
    size = float(first.abs().max())
    return float((first - second).abs().max()) / size if size else 0.0


def _round_trip(sounds: torch.Tensor, back: torch.Tensor) -> float:
    """Return the correlation of both spectra; 0 where one is not finite or has no shape."""
    import torch

    count = min(sounds.shape[-1], back.shape[-1])
    window = torch.hann_window(1024, device=sounds.device)
    spectra = [
        torch.stft(x[:, 0, :count].float(), 1024, window=window, return_complex=True)
        .abs().clamp_min(1e-4).log().flatten()
        for x in (sounds, back)
    ]  # fmt: skip
    together = float(torch.corrcoef(torch.stack(spectra))[0, 1])
    return together if math.isfinite(together) else 0.0


def _surprise(model: Model, codes: torch.Tensor) -> float:
    """Return nats for each code of the first sound, each codebook a step after the one before."""
    import torch

    sides = model.codebooks // codes.shape[1]
    spoken = codes[0].repeat_interleave(sides, 0)
    spoken = spoken.to(model.device)
    books, frames = spoken.shape
    late = books // sides
    tokens = torch.full((books, frames + late), model.network.config.decoder.vocab_size)
    tokens = tokens.to(model.device)
    for book in range(books):
        start = book // sides + 1
        tokens[book, start : start + frames] = spoken[book, : frames + late - start]
    chances = _logits(model, _PROMPTS[0], tokens).log_softmax(-1)
    losses = [
        -chances[book, book // sides : book // sides + frames]
        .gather(-1, spoken[book, :, None]).mean()
        for book in range(books)
    ]  # fmt: skip
    return float(torch.stack(losses).mean())
