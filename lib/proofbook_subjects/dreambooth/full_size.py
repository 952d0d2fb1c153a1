"""A Stable Diffusion 1.5 with random weights: the published sizes, and nothing that was learnt.

For measuring where there is a GPU and no weights. Written once, 4 GB, by the classes that
load the real one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from proofbook.caching import cached_folder
from proofbook.files import hash_file
from proofbook_subjects.dreambooth.reference import build_tokenizer

__all__ = ["build_full_size", "full_size_folder"]

_TEXT: dict[str, Any] = {
    "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
    "num_attention_heads": 12, "projection_dim": 768, "max_position_embeddings": 77,
    "vocab_size": 49408, "hidden_act": "quick_gelu",
}  # fmt: skip
_VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 4,
    "sample_size": 512, "scaling_factor": 0.18215,
    "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
}  # fmt: skip
_UNET: dict[str, Any] = {
    "sample_size": 64, "block_out_channels": (320, 640, 1280, 1280), "layers_per_block": 2,
    "cross_attention_dim": 768, "attention_head_dim": 8,
    "down_block_types": (*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
    "up_block_types": ("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
}  # fmt: skip
_SCHEDULE: dict[str, Any] = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000, "steps_offset": 1, "clip_sample": False,
}  # fmt: skip


def full_size_folder(cache: Path) -> Path:
    """Return the model's folder below ``cache``, writing it if it is not there."""
    # Sizes and times are enough: hashing gigabytes takes as long as writing them.
    recipe = {"source": hash_file(Path(__file__))}
    root = cache / "dreambooth"
    return cached_folder(root, "sd15-random", recipe, build_full_size, thorough=False)


def build_full_size(folder: Path, **smaller: dict[str, Any]) -> None:
    """Write the model into ``folder``.

    Args:
        folder: Where it goes.
        smaller: What is otherwise in its ``text``, ``vae`` or ``unet``.
    """
    import torch
    from diffusers import (
        AutoencoderKL,
        DDIMScheduler,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.random.fork_rng():
        torch.manual_seed(0)
        text = CLIPTextConfig(**{**_TEXT, **smaller.get("text", {})})
        pipeline = StableDiffusionPipeline(
            vae=AutoencoderKL(**{**_VAE, **smaller.get("vae", {})}),
            text_encoder=CLIPTextModel(text),
            tokenizer=build_tokenizer(text.max_position_embeddings),
            unet=UNet2DConditionModel(**{**_UNET, **smaller.get("unet", {})}),
            scheduler=DDIMScheduler(**_SCHEDULE), safety_checker=None, feature_extractor=None,
            requires_safety_checker=False,
        )  # fmt: skip
    pipeline.save_pretrained(folder)
