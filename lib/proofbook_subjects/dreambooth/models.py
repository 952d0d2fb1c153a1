"""The networks of a Stable Diffusion, loaded as a user would load them, for training.

Knows nothing about data or steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proofbook.caching import cache_root
from proofbook.errors import SubjectError
from proofbook_subjects.dreambooth.settings import Settings

__all__ = ["Networks", "load_networks", "resolve_base"]

_REFERENCE, _RANDOM = "reference:tiny", "random:sd15"


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


def resolve_base(base: str, environ: Mapping[str, str] | None = None) -> str:
    """Return what diffusers loads: a folder or a hub id.

    ``reference:tiny`` and ``random:sd15`` are built in the cache, if need be.
    """
    if base not in (_REFERENCE, _RANDOM):
        return base
    from proofbook_subjects.dreambooth.full_size import full_size_folder
    from proofbook_subjects.dreambooth.reference import reference_folder

    cache = cache_root(environ)
    return str(reference_folder(cache) if base == _REFERENCE else full_size_folder(cache))


def load_networks(settings: Settings) -> Networks:
    """Load the base model in float32, ready to be trained.

    Raises:
        SubjectError: It is not there, or is no Stable Diffusion.
    """
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    base = resolve_base(settings.base_model)
    given = {"revision": settings.revision} if settings.revision else {}
    parts = {
        "tokenizer": CLIPTokenizer, "text_encoder": CLIPTextModel, "vae": AutoencoderKL,
        "unet": UNet2DConditionModel, "scheduler": DDPMScheduler,
    }  # fmt: skip
    loaded = {}
    for name, kind in parts.items():
        try:
            loaded[name] = kind.from_pretrained(base, subfolder=name, **given)
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
