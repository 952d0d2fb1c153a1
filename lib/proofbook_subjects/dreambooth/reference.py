"""A tiny Stable Diffusion, built and briefly trained here, in the layout of the real ones.

Real classes of diffusers and transformers with small widths. It has seen many drawn animals of one
colour each, and been told the colours, so that it can learn in seconds what a prompt stands for. It
predicts velocities, which count colours and shapes for more than noise does. Cached by the hash of
what it is made from.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from proofbook.caching import cached_folder
from proofbook.files import hash_file
from proofbook_subjects.dreambooth import drawing
from proofbook_subjects.dreambooth.drawing import COLOURS, draw_animal, draw_plain_animal

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

__all__ = ["SIZE", "build_reference", "build_tokenizer", "recipe", "reference_folder"]

SIZE = 32
"""Pixels of a side."""

_TEMPLATES = (
    "a photo of {}", "a drawing of {}", "a painting of {}", "{}", "a photo of {} by day",
    "a photo of {} at night", "a photo of {}, happy face",
)  # fmt: skip
_WORDS = [
    "a", "an", "animal", "at", "butcher", "by", "day", "dog", "drawing", "expression", "face",
    "happy", "in", "mouse", "night", "of", "on", "painting", "photo", "photography",
    "professional", "sad", "sks", "surprised", "the", "with", *COLOURS,
]  # fmt: skip
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789,.'-!?"
_LONGEST = 16
_PICTURES = 768
_VAE_STEPS, _UNET_STEPS = 1000, 800
_VAE_BATCH, _UNET_BATCH = 8, 16
_SEED = 20


def reference_folder(cache: Path) -> Path:
    """Return the folder of the tiny model below ``cache``, building it if it is not there."""
    return cached_folder(cache / "dreambooth", "tiny", recipe(), build_reference)


def recipe() -> dict[str, str]:
    """Return everything that the model follows from."""
    import diffusers
    import torch
    import transformers

    sources = {path.name: hash_file(path) for path in (Path(__file__), Path(drawing.__file__))}
    packages = (torch, diffusers, transformers)
    return sources | {package.__name__: str(package.__version__) for package in packages}


def build_reference(
    folder: Path, *, vae_steps: int = _VAE_STEPS, unet_steps: int = _UNET_STEPS
) -> None:
    """Build, train and save the model; this process's random state is as before afterwards."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    with _seeded():
        tokenizer = build_tokenizer(_LONGEST)
        text_encoder, vae, unet = _networks(len(tokenizer))
        _train_vae(vae, vae_steps)
        _train_unet(unet, vae, text_encoder, tokenizer, unet_steps)
    pipeline = StableDiffusionPipeline(
        vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet,
        scheduler=DDIMScheduler(clip_sample=False, **_SCHEDULE), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.save_pretrained(folder)


_SCHEDULE: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
    "prediction_type": "v_prediction",
}


@contextmanager
def _seeded() -> Iterator[None]:
    """Compute with a seed, and in one thread: networks this small lose time in more."""
    import torch

    threads = torch.get_num_threads()
    with torch.random.fork_rng():
        torch.manual_seed(_SEED)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def build_tokenizer(longest: int) -> Any:
    """Return a CLIP tokenizer that knows a few words, and spells all others."""
    from transformers import CLIPTokenizer

    entries = ["<|startoftext|>", "<|endoftext|>"]
    entries += [*_LETTERS, *(f"{letter}</w>" for letter in _LETTERS)]
    merges: list[tuple[str, str]] = []
    for word in _WORDS:
        parts = [*word[:-1], f"{word[-1]}</w>"]
        while len(parts) > 1:
            if (parts[0], parts[1]) not in merges:
                merges.append((parts[0], parts[1]))
            parts[:2] = ["".join(parts[:2])]
            if parts[0] not in entries:
                entries.append(parts[0])
    with tempfile.TemporaryDirectory() as folder:
        vocabulary, rules = Path(folder) / "vocab.json", Path(folder) / "merges.txt"
        vocabulary.write_text(json.dumps({entry: number for number, entry in enumerate(entries)}))
        lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
        rules.write_text("\n".join(lines) + "\n")
        return CLIPTokenizer(str(vocabulary), str(rules), model_max_length=longest)


def _networks(words: int) -> tuple[Any, Any, Any]:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    text = CLIPTextConfig(
        vocab_size=words, hidden_size=32, intermediate_size=64, projection_dim=32,
        num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=_LONGEST,
        bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(16, 32, 64, 64), layers_per_block=1, latent_channels=16,
        norm_num_groups=8, sample_size=SIZE, scaling_factor=1.0,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=SIZE // 8, in_channels=16, out_channels=16, block_out_channels=(64, 96),
        layers_per_block=1, cross_attention_dim=32, attention_head_dim=16, norm_num_groups=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    text_encoder = CLIPTextModel(text)
    text_encoder.get_input_embeddings().weight.data.normal_(0, 0.5)  # so that words differ
    return text_encoder, vae, unet


def _tensor(pictures: Sequence[Image]) -> torch.Tensor:
    """Return pictures as values of shape (pictures, 3, SIZE, SIZE), from -1 to 1."""
    import numpy as np
    import torch

    values = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures]))
    return values.permute(0, 3, 1, 2).float() / 127.5 - 1


def _train_vae(vae: Any, steps: int) -> None:
    """Teach it to keep pictures; colour counts more, as it is learnt last and seen first."""
    import torch
    from torch.nn import functional

    pictures = _tensor([draw_animal(number, SIZE) for number in range(_PICTURES)])
    optimizer = torch.optim.AdamW(vae.parameters())
    pace = _pace(optimizer, 6e-4, steps)
    for _ in range(steps):
        batch = pictures[torch.randint(len(pictures), (_VAE_BATCH,))]
        posterior = vae.encode(batch).latent_dist
        again = vae.decode(posterior.mean + 0.05 * torch.randn_like(posterior.mean)).sample
        loss = functional.mse_loss(again, batch) + 6 * functional.mse_loss(
            again - again.mean(1, keepdim=True), batch - batch.mean(1, keepdim=True)
        )
        loss = loss + 1e-3 * posterior.mean.square().mean()
        loss = loss + 1e-4 * (posterior.logvar + 4).square().mean()
        _follow(loss, optimizer, pace)
    with torch.no_grad():
        spread = vae.encode(pictures[:64]).latent_dist.mean.std()
    vae.register_to_config(scaling_factor=float(1 / spread))


def _train_unet(unet: Any, vae: Any, text_encoder: Any, tokenizer: Any, steps: int) -> None:
    """Teach it and the text encoder what animals look like, and what colours are called."""
    import torch
    from diffusers import DDPMScheduler
    from torch.nn import functional

    scheduler, random = DDPMScheduler(**_SCHEDULE), Random(_SEED)
    pictures, colours = zip(*(draw_plain_animal(n, SIZE) for n in range(_PICTURES)), strict=True)
    with torch.no_grad():
        latents = vae.encode(_tensor(pictures)).latent_dist.mean * vae.config.scaling_factor
    optimizer = torch.optim.AdamW([*unet.parameters(), *text_encoder.parameters()])
    pace = _pace(optimizer, 2e-3, steps)
    for _ in range(steps):
        chosen = torch.randint(len(latents), (_UNET_BATCH,))
        prompts = [_caption(colours[number], random) for number in chosen.tolist()]
        tokens = tokenizer(prompts, padding="max_length", max_length=_LONGEST, return_tensors="pt")
        clean = latents[chosen]
        noise, times = torch.randn_like(clean), torch.randint(1000, (_UNET_BATCH,))
        noisy = scheduler.add_noise(clean, noise, times)
        guess = unet(noisy, times, text_encoder(tokens.input_ids)[0]).sample
        velocity = scheduler.get_velocity(clean, noise, times)
        _follow(functional.mse_loss(guess, velocity), optimizer, pace)


def _caption(colour: str, random: Random) -> str:
    """Return what a picture is called: nothing at times, as guidance needs it."""
    if random.random() < 0.1:
        return ""
    what = "an animal" if random.random() < 0.3 else f"a {colour} animal"
    return random.choice(_TEMPLATES).format(what)


def _pace(optimizer: Any, rate: float, steps: int) -> Any:
    import torch

    return torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, max(1, steps), pct_start=0.1)


def _follow(loss: torch.Tensor, optimizer: Any, pace: Any) -> None:
    import torch

    optimizer.zero_grad()
    torch.autograd.backward(loss)
    optimizer.step()
    pace.step()
