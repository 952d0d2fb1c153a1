"""Draw with Stable Diffusion: a tiny one with random weights, or one that a folder holds.

The tiny one has the classes of the real ones and widths of a few channels; it has learnt nothing.
What it draws are blots, another one for each prompt and each seed, and the same for the same.
Knows nothing about characters.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from proofbook_subjects.pipeline.errors import InputError, SettingsError

__all__ = ["INSTALL", "draw", "lacking"]

INSTALL = "pip install 'proofbook[dreambooth]'"
_MODULES = ("torch", "diffusers", "transformers")
_WEIGHTS_SEED = 16
_STEPS = 4
_WIDTH, _HEIGHT = 72, 128
"""Pixels that the tiny model draws; they are enlarged to the film's."""
_LONGEST = 77
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789,.'-!?"


def lacking() -> str:
    """Return what is not installed, and the command that brings it; empty where all is there."""
    from importlib.util import find_spec

    missing = [name for name in _MODULES if find_spec(name) is None]
    return f"images are drawn with {', '.join(missing)}: {INSTALL}" if missing else ""


def draw(prompt: str, seed: int, *, size: tuple[int, int], model: Path | None = None) -> Any:
    """Return a picture for a prompt; the same for the same seed, in this process and in others.

    Args:
        prompt: What the model is told.
        seed: Of the noise that it begins with.
        size: Width and height of the picture.
        model: A folder in diffusers' layout; by default the tiny model.

    Raises:
        SettingsError: The packages are missing.
        InputError: The folder holds no model.
    """
    if reason := lacking():
        raise SettingsError(reason)
    import torch

    with _quiet(), _seeded():
        pipeline = _loaded(model) if model else _tiny()
        pipeline.set_progress_bar_config(disable=True)
        own = {} if model else {"width": _WIDTH, "height": _HEIGHT}
        pictures = pipeline(
            prompt, generator=torch.Generator().manual_seed(seed), num_inference_steps=_STEPS,
            guidance_scale=3.0, **own,
        ).images  # fmt: skip
    return _enlarged(pictures[0], size, is_flat=model is None)


@contextmanager
def _seeded() -> Iterator[None]:
    """Compute in one thread, with weights of one seed; this process is as before afterwards."""
    import torch

    threads = torch.get_num_threads()
    with torch.random.fork_rng():
        torch.manual_seed(_WEIGHTS_SEED)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep off standard error what transformers says of packages that nothing here needs."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


def _enlarged(picture: Any, size: tuple[int, int], *, is_flat: bool) -> Any:
    """Return a picture that fills the size; one without contrast gets some."""
    from PIL import Image, ImageOps

    full = ImageOps.autocontrast(picture, cutoff=1) if is_flat else picture
    return ImageOps.fit(full, size, Image.Resampling.BICUBIC)


def _loaded(model: Path) -> Any:
    from diffusers import StableDiffusionPipeline

    try:
        return StableDiffusionPipeline.from_pretrained(
            model, safety_checker=None, local_files_only=True, use_safetensors=True
        )
    except (OSError, ValueError) as error:
        what = " ".join(str(error).split())[:300]
        raise InputError(f"--model {model} holds no Stable Diffusion: {what}") from error


def _tiny() -> Any:
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    tokenizer = _tokenizer()
    text_encoder, vae, unet = _networks(len(tokenizer))
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
        steps_offset=1,
    )  # fmt: skip
    return StableDiffusionPipeline(
        vae=vae.eval(), text_encoder=text_encoder.eval(), tokenizer=tokenizer, unet=unet.eval(),
        scheduler=scheduler, safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip


def _networks(words: int) -> tuple[Any, Any, Any]:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    text = CLIPTextConfig(
        vocab_size=words, hidden_size=16, intermediate_size=32, projection_dim=16,
        num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=_LONGEST,
        bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), layers_per_block=1, latent_channels=4, norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(8, 16),
        layers_per_block=1, cross_attention_dim=16, attention_head_dim=8, norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    return CLIPTextModel(text), vae, unet


def _tokenizer() -> Any:
    """Return a CLIP tokenizer that spells every word."""
    from transformers import CLIPTokenizer

    entries = ["<|startoftext|>", "<|endoftext|>"]
    entries += [*_LETTERS, *(f"{letter}</w>" for letter in _LETTERS)]
    with tempfile.TemporaryDirectory() as folder:
        vocabulary, rules = Path(folder) / "vocab.json", Path(folder) / "merges.txt"
        vocabulary.write_text(json.dumps({entry: place for place, entry in enumerate(entries)}))
        rules.write_text("#version: 0.2\n")
        return CLIPTokenizer(str(vocabulary), str(rules), model_max_length=_LONGEST)
