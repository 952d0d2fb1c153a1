"""A tiny Stable Diffusion, built and briefly trained here, in the layout of the real ones.

Real classes of diffusers and transformers with small widths. It has seen many drawn animals, so
that it can learn one more in seconds. Cached by the hash of what it is made from.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofbook.systems.dreambooth.drawing import draw_animal

if TYPE_CHECKING:
    import torch

__all__ = ["CLASS_PROMPT", "SIZE", "build_reference", "reference_folder"]

SIZE = 64
"""Pixels of a side."""
CLASS_PROMPT = "a photo of an animal"

_WORDS = [
    "a", "an", "animal", "at", "butcher", "by", "day", "dog", "drawing", "face", "happy", "in",
    "mouse", "night", "of", "on", "painting", "photo", "sad", "sks", "surprised", "the", "with",
]  # fmt: skip
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789,.'-!?"
_LONGEST = 24
_PICTURES = 512
_VAE_STEPS, _UNET_STEPS, _BATCH = 250, 500, 8
_SEED = 20


def reference_folder(cache: Path) -> Path:
    """Return the folder of the tiny model below ``cache``, building it if it is not there."""
    from filelock import FileLock

    root = cache / "dreambooth"
    place = root / f"tiny-{_recipe_hash()}"
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f".{place.name}.lock"):
        if not place.is_dir():
            beside = Path(tempfile.mkdtemp(dir=root, prefix=f".{place.name}."))
            try:
                build_reference(beside)
                beside.chmod(0o755)
                os.replace(beside, place)  # noqa: PTH105 - a whole folder appears at once
            except BaseException:
                shutil.rmtree(beside, ignore_errors=True)
                raise
    return place


def build_reference(
    folder: Path, *, vae_steps: int = _VAE_STEPS, unet_steps: int = _UNET_STEPS
) -> None:
    """Build, train and save the model; this process's random state is as before afterwards."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    with _seeded():
        tokenizer = _tokenizer()
        text_encoder, vae, unet = _networks(len(tokenizer))
        pictures = _pictures()
        _train_vae(vae, pictures, vae_steps)
        _train_unet(unet, vae, text_encoder, tokenizer, pictures, unet_steps)
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
}


def _recipe_hash() -> str:
    import diffusers
    import torch
    import transformers

    digest = hashlib.sha256()
    for module in (Path(__file__), Path(__file__).with_name("drawing.py")):
        digest.update(module.read_bytes())
    for package in (torch, diffusers, transformers):
        digest.update(str(package.__version__).encode())
    return digest.hexdigest()[:16]


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


def _tokenizer() -> Any:
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
        return CLIPTokenizer(str(vocabulary), str(rules), model_max_length=_LONGEST)


def _networks(words: int) -> tuple[Any, Any, Any]:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    text = CLIPTextConfig(
        vocab_size=words, hidden_size=32, intermediate_size=64, projection_dim=32,
        num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=_LONGEST,
        bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(8, 16, 16), layers_per_block=1, latent_channels=4,
        norm_num_groups=4, sample_size=SIZE, scaling_factor=1.0,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
    )  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=SIZE // 4, block_out_channels=(32, 64), layers_per_block=1,
        cross_attention_dim=32, attention_head_dim=4, norm_num_groups=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    return CLIPTextModel(text), vae, unet


def _pictures() -> torch.Tensor:
    """Return drawn animals of shape (pictures, 3, SIZE, SIZE), from -1 to 1."""
    import numpy as np
    import torch

    drawn = np.stack([np.asarray(draw_animal(number, SIZE)) for number in range(_PICTURES)])
    return torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 127.5 - 1


def _train_vae(vae: Any, pictures: torch.Tensor, steps: int) -> None:
    import torch
    from torch.nn import functional

    optimizer = torch.optim.AdamW(vae.parameters(), lr=2e-3)
    for _ in range(steps):
        batch = pictures[torch.randint(len(pictures), (_BATCH,))]
        posterior = vae.encode(batch).latent_dist
        again = vae.decode(posterior.sample()).sample
        loss = functional.mse_loss(again, batch) + 1e-4 * posterior.kl().mean() / batch[0].numel()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    with torch.no_grad():
        spread = vae.encode(pictures[:64]).latent_dist.mean.std()
    vae.register_to_config(scaling_factor=float(1 / spread))


def _train_unet(
    unet: Any, vae: Any, text_encoder: Any, tokenizer: Any, pictures: torch.Tensor, steps: int
) -> None:
    import torch
    from diffusers import DDPMScheduler
    from torch.nn import functional

    scheduler = DDPMScheduler(**_SCHEDULE)
    prompts = ["", CLASS_PROMPT]
    tokens = tokenizer(prompts, padding="max_length", max_length=_LONGEST, return_tensors="pt")
    with torch.no_grad():
        latents = vae.encode(pictures).latent_dist.mean * vae.config.scaling_factor
        empty, named = text_encoder(tokens.input_ids)[0]
    optimizer = torch.optim.AdamW(unet.parameters(), lr=2e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
    for _ in range(steps):
        clean = latents[torch.randint(len(latents), (_BATCH,))]
        noise, times = torch.randn_like(clean), torch.randint(1000, (_BATCH,))
        kept = (torch.rand(_BATCH) > 0.1).view(-1, 1, 1)
        noisy = scheduler.add_noise(clean, noise, times)
        guess = unet(noisy, times, torch.where(kept, named, empty)).sample
        loss = functional.mse_loss(guess, noise)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        decay.step()
