"""The networks of a Stable Diffusion, loaded as a user would load them, for training.

Knows nothing about data or steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook.subjects import resolve_reference
from proofbook_subjects.dreambooth.settings import Settings

__all__ = ["Networks", "find_base", "load_networks"]


@dataclass(frozen=True, kw_only=True)
class Networks:
    """What a training needs; those that are not trained are frozen."""

    tokenizer: Any
    text_encoder: Any
    vae: Any
    unet: Any
    scheduler: Any
    """Adds the noise that is to be predicted."""
    trained: tuple[Any, ...]
    """The UNet, and the text encoder where it is trained along."""


def find_base(base: str, root: Path | None = None) -> str:
    """Return what diffusers loads: a folder or a hub id.

    ``reference:tiny`` and ``random:sd15`` are built below ``root``, the cache, where they are
    missing.

    Raises:
        SubjectError: There is no such reference.
    """
    reference = resolve_reference(base, "dreambooth.base_model", root=root)
    return str(reference.path) if reference else base


def load_networks(settings: Settings) -> Networks:
    """Load the base model in float32, ready to be trained.

    Raises:
        SubjectError: It is not there, or is not a Stable Diffusion.
    """
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    base = find_base(settings.base_model)
    revision = {"revision": settings.revision} if settings.revision else {}
    parts = {
        "tokenizer": CLIPTokenizer, "text_encoder": CLIPTextModel, "vae": AutoencoderKL,
        "unet": UNet2DConditionModel, "scheduler": DDPMScheduler,
    }  # fmt: skip
    loaded = {}
    for name, kind in parts.items():
        try:
            loaded[name] = kind.from_pretrained(base, subfolder=name, **revision)
        except (OSError, ValueError) as error:
            what = " ".join(str(error).split())[:300]
            raise SubjectError(f"base_model {base}: its {name} cannot be loaded: {what}") from error
    return _prepared(settings, loaded)


def _prepared(settings: Settings, loaded: dict[str, Any]) -> Networks:
    text_encoder, vae, unet = loaded["text_encoder"], loaded["vae"], loaded["unet"]
    vae.requires_grad_(False)
    vae.eval()
    text_encoder.requires_grad_(settings.train_text_encoder)
    text_encoder.train(settings.train_text_encoder)
    unet.requires_grad_(True)
    unet.train()
    if settings.gradient_checkpointing:
        unet.enable_gradient_checkpointing()
        if settings.train_text_encoder:
            text_encoder.gradient_checkpointing_enable()
    trained = (unet, text_encoder) if settings.train_text_encoder else (unet,)
    return Networks(**loaded, trained=trained)
