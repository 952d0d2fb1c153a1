"""``python -m proofbook_bench.programs.plain_loop CONFIG``: DreamBooth as a plain loop.

Of diffusers and Accelerate, as their examples have it: no checkpoints, no log, no signals, and
random numbers as they come. Prints the seconds of each step as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from diffusers.optimization import get_scheduler
from PIL import Image
from torch.nn import functional
from tqdm import tqdm
from transformers import CLIPTextModel, CLIPTokenizer

from proofbook_subjects.dreambooth.models import find_base
from proofbook_subjects.dreambooth.settings import Settings, load_settings

__all__ = ["main"]

_DTYPES = {"no": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class _Pairs(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """A picture of the one and a picture of the class for each place of a batch."""

    def __init__(self, settings: Settings) -> None:
        assert settings.class_data_dir is not None
        self._settings = settings
        self._one = sorted(settings.instance_data_dir.iterdir())
        self._class = sorted(settings.class_data_dir.iterdir())

    def __len__(self) -> int:
        return self._settings.train_batch_size * self._settings.max_train_steps

    def __getitem__(self, item: int) -> tuple[torch.Tensor, torch.Tensor]:
        one, other = self._one[item % len(self._one)], self._class[item % len(self._class)]
        return self._read(one), self._read(other)

    def _read(self, path: Path) -> torch.Tensor:
        side = self._settings.resolution
        with Image.open(path) as opened:
            picture = opened.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
        values = np.asarray(picture, dtype=np.float32) / 127.5 - 1
        return torch.from_numpy(values).permute(2, 0, 1).contiguous()


class _Loop:
    """The networks and what trains them, prepared by Accelerate."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        base = find_base(settings.base_model)
        torch.manual_seed(settings.seed)
        self.accelerator: Any = Accelerator(mixed_precision=settings.mixed_precision)
        self.dtype = _DTYPES[settings.mixed_precision]
        device = self.accelerator.device
        vae = AutoencoderKL.from_pretrained(base, subfolder="vae").requires_grad_(False)
        unet = UNet2DConditionModel.from_pretrained(base, subfolder="unet").train()
        if settings.gradient_checkpointing:
            unet.enable_gradient_checkpointing()
        self.noises = DDPMScheduler.from_pretrained(base, subfolder="scheduler")
        batches = torch.utils.data.DataLoader(
            _Pairs(settings), batch_size=settings.train_batch_size, shuffle=True
        )
        optimizer = torch.optim.AdamW(unet.parameters(), lr=settings.learning_rate)
        pace = get_scheduler(
            settings.lr_scheduler, optimizer, num_warmup_steps=settings.lr_warmup_steps
        )
        self.unet, self.optimizer, self.batches, self.pace = self.accelerator.prepare(
            unet, optimizer, batches, pace
        )
        self.vae = vae.to(device, self.dtype)
        self.states = self._encode_prompts(base)

    def _encode_prompts(self, base: str) -> torch.Tensor:
        device = self.accelerator.device
        tokenizer = CLIPTokenizer.from_pretrained(base, subfolder="tokenizer")
        encoder = CLIPTextModel.from_pretrained(base, subfolder="text_encoder")
        encoder.requires_grad_(False).to(device, self.dtype)
        prompts = [self.settings.instance_prompt, self.settings.class_prompt]
        tokens = tokenizer(prompts, padding="max_length", truncation=True, return_tensors="pt")
        with torch.no_grad():
            states: torch.Tensor = encoder(tokens.input_ids.to(device))[0]
        return states

    def step(self, one: torch.Tensor, other: torch.Tensor) -> None:
        """Make one step, and wait for its loss."""
        with self.accelerator.accumulate(self.unet):
            loss = self._loss(one, other)
            self.accelerator.backward(loss)
            if self.accelerator.sync_gradients:
                self.accelerator.clip_grad_norm_(
                    self.unet.parameters(), self.settings.max_grad_norm
                )
            self.optimizer.step()
            self.pace.step()
            self.optimizer.zero_grad()
        loss.item()

    def _loss(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            pictures = torch.cat([one, other]).to(self.dtype)
            latents = self.vae.encode(pictures).latent_dist.sample()
            latents = latents * self.vae.config.scaling_factor
        noise = torch.randn_like(latents)
        steps = self.noises.config.num_train_timesteps
        at = torch.randint(steps, (len(latents),), device=latents.device)
        noisy = self.noises.add_noise(latents, noise, at).to(self.dtype)
        guess = self.unet(noisy, at, self.states.repeat_interleave(len(one), 0)).sample.float()
        target = noise.float()
        if self.noises.config.prediction_type == "v_prediction":
            target = self.noises.get_velocity(latents, noise, at).float()
        half = len(one)
        prior = functional.mse_loss(guess[half:], target[half:])
        return functional.mse_loss(guess[:half], target[:half]) + (
            self.settings.prior_loss_weight * prior
        )


def main(config: str) -> int:
    """Train as the configuration says, print the seconds of each step, and return 0."""
    loop = _Loop(load_settings(Path(config)))
    times, last = [], time.perf_counter()
    for one, other in tqdm(loop.batches):
        loop.step(one, other)
        now = time.perf_counter()
        times.append(now - last)
        last = now
    print(json.dumps(times))  # noqa: T201 - this is how it answers
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
