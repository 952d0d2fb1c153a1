"""Make pictures with a model: of the class before training, of the prompts at a validation.

Each picture follows from a seed of its own; a training's random numbers are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofbook_subjects.dreambooth.models import Networks
from proofbook_subjects.dreambooth.randomness import derive_seed
from proofbook_subjects.dreambooth.settings import Settings

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

__all__ = ["GUIDANCE", "build_pipeline", "draw", "make_class_pictures", "validate"]

_STEPS = 25
GUIDANCE = 3.0
"""How much a prompt counts; far more of it and a model that has learnt little is overdrawn."""


def build_pipeline(networks: Networks) -> Any:
    """Return a pipeline of the networks as they are, with a quick sampler."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline(
        vae=networks.vae, text_encoder=networks.text_encoder, tokenizer=networks.tokenizer,
        unet=networks.unet, scheduler=DDIMScheduler.from_config(networks.scheduler.config),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw(
    pipeline: Any,
    prompt: str,
    seeds: Iterable[int],
    *,
    size: int,
    negative: str = "",
    steps: int = _STEPS,
    guidance: float = GUIDANCE,
) -> list[Image]:
    """Return one picture a seed; the same seed gives the same picture, whatever else is drawn."""
    import torch

    pictures: list[Image] = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            pictures += pipeline(
                prompt, negative_prompt=negative or None, generator=generator, height=size,
                width=size, num_inference_steps=steps, guidance_scale=guidance,
            ).images  # fmt: skip
    return pictures


def make_class_pictures(
    networks: Networks,
    settings: Settings,
    device: torch.device,
    stopped: Callable[[], bool] = bool,
) -> int:
    """Make those pictures of the class that are missing, until ``stopped``; return how many."""
    assert settings.class_data_dir is not None and settings.class_prompt is not None
    folder = settings.class_data_dir
    folder.mkdir(parents=True, exist_ok=True)
    places = [folder / f"class-{number:05d}.png" for number in range(settings.num_class_images)]
    there = sum(1 for path in folder.iterdir() if path.suffix.lower() in (".png", ".jpg", ".jpeg"))
    missing = [path for path in places if not path.exists()]
    missing = missing[: max(0, settings.num_class_images - there)]
    if not missing:
        return 0
    for network in (networks.unet, networks.text_encoder, networks.vae):
        network.to(device)
    pipeline = build_pipeline(networks)
    for count, path in enumerate(missing):
        if stopped():
            return count
        seed = derive_seed("class", settings.seed, int(path.stem.rpartition("-")[2]))
        (picture,) = draw(pipeline, settings.class_prompt, [seed], size=settings.resolution)
        partial = path.with_suffix(".partial")
        picture.save(partial, format="PNG")
        partial.replace(path)
    return len(missing)


def validate(networks: Networks, settings: Settings, step: int) -> Path:
    """Draw each validation prompt into ``validation-N/``, and return that folder."""
    folder = settings.output_dir / f"validation-{step}"
    folder.mkdir(parents=True, exist_ok=True)
    pipeline = build_pipeline(networks)
    modes = [(network, network.training) for network in networks.trained]
    for network, _ in modes:
        network.eval()
    try:
        for number, prompt in enumerate(settings.validation_prompts):
            seed = derive_seed("validation", settings.seed, number)
            (picture,) = draw(pipeline, prompt, [seed], size=settings.resolution)
            picture.save(folder / f"{number:02d}.png")
    finally:
        for network, training in modes:
            network.train(training)
    return folder
