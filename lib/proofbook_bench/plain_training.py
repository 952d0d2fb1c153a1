"""Seconds per step: a trainer that can be interrupted, beside a plain loop that cannot.

Both sides read one configuration, and train the same networks on the same pictures in the same
number format. The plain loop has no checkpoints, no log, no signals, and random numbers as they
come.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median

from proofbook.errors import SubjectError

__all__ = ["measure_plain_loop", "measure_trainer", "write_config"]

_PLAIN = """
import json, sys, time
from pathlib import Path
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
from proofbook_subjects.dreambooth.settings import load_settings

s = load_settings(Path(sys.argv[1]))
base = find_base(s.base_model)
torch.manual_seed(s.seed)
accelerator = Accelerator(mixed_precision=s.mixed_precision)
tokenizer = CLIPTokenizer.from_pretrained(base, subfolder="tokenizer")
text_encoder = CLIPTextModel.from_pretrained(base, subfolder="text_encoder").requires_grad_(False)
vae = AutoencoderKL.from_pretrained(base, subfolder="vae").requires_grad_(False)
unet = UNet2DConditionModel.from_pretrained(base, subfolder="unet").train()
noises = DDPMScheduler.from_pretrained(base, subfolder="scheduler")
if s.gradient_checkpointing:
    unet.enable_gradient_checkpointing()


def read(path):
    with Image.open(path) as opened:
        picture = opened.convert("RGB").resize((s.resolution,) * 2, Image.Resampling.BILINEAR)
    values = np.asarray(picture, dtype=np.float32) / 127.5 - 1
    return torch.from_numpy(values).permute(2, 0, 1).contiguous()


class Pairs(torch.utils.data.Dataset):
    def __init__(self):
        self.one = sorted(s.instance_data_dir.iterdir())
        self.all = sorted(s.class_data_dir.iterdir())

    def __len__(self):
        return s.train_batch_size * s.max_train_steps

    def __getitem__(self, item):
        return read(self.one[item % len(self.one)]), read(self.all[item % len(self.all)])


loader = torch.utils.data.DataLoader(Pairs(), batch_size=s.train_batch_size, shuffle=True)
optimizer = torch.optim.AdamW(unet.parameters(), lr=s.learning_rate)
pace = get_scheduler(s.lr_scheduler, optimizer, num_warmup_steps=s.lr_warmup_steps)
unet, optimizer, loader, pace = accelerator.prepare(unet, optimizer, loader, pace)
dtype = {"no": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[s.mixed_precision]
vae.to(accelerator.device, dtype)
text_encoder.to(accelerator.device, dtype)
ids = tokenizer([s.instance_prompt, s.class_prompt], padding="max_length", truncation=True,
                return_tensors="pt").input_ids.to(accelerator.device)
with torch.no_grad():
    states = text_encoder(ids)[0]
times, last = [], time.perf_counter()
for one, other in tqdm(loader):
    with accelerator.accumulate(unet):
        with torch.no_grad():
            pictures = torch.cat([one, other]).to(dtype)
            latents = vae.encode(pictures).latent_dist.sample() * vae.config.scaling_factor
        noise = torch.randn_like(latents)
        at = torch.randint(noises.config.num_train_timesteps, (len(latents),),
                           device=latents.device)
        guess = unet(noises.add_noise(latents, noise, at).to(dtype), at,
                     states.repeat_interleave(len(one), 0)).sample.float()
        target = noise.float()
        if noises.config.prediction_type == "v_prediction":
            target = noises.get_velocity(latents, noise, at).float()
        half = len(one)
        loss = functional.mse_loss(guess[:half], target[:half])
        loss = loss + s.prior_loss_weight * functional.mse_loss(guess[half:], target[half:])
        accelerator.backward(loss)
        if accelerator.sync_gradients:
            accelerator.clip_grad_norm_(unet.parameters(), s.max_grad_norm)
        optimizer.step()
        pace.step()
        optimizer.zero_grad()
    loss.item()
    now = time.perf_counter()
    times.append(now - last)
    last = now
print(json.dumps(times))
"""
_WARM_UP = 5
"""Steps that do not count: memory is made then."""


def write_config(path: Path, project: Path, *, steps: int, batch: int, precision: str) -> Path:
    """Write the configuration of both sides: a project's own, with another length and batch.

    Args:
        path: The project's configuration.
        project: Folder that its relative paths start from.
        steps: Of each measurement.
        batch: Pictures of the one in each step.
        precision: As ``mixed_precision`` takes it.
    """
    import yaml

    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    values |= {
        "max_train_steps": steps, "train_batch_size": batch, "mixed_precision": precision,
        "checkpointing_steps": 100, "validation_prompts": [], "output_dir": "speed",
    }  # fmt: skip
    place = project / "speed.yaml"
    place.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return place


def measure_trainer(config: Path) -> float:
    """Return the trainer's median seconds per step.

    Raises:
        SubjectError: It failed: it has no speed.
    """
    shutil.rmtree(config.parent / "speed", ignore_errors=True)
    _run(["-m", "proofbook_subjects.dreambooth.train", "--config", str(config)], config.parent)
    lines = (config.parent / "speed" / "logs" / "train_log.jsonl").read_text().splitlines()
    return median(float(json.loads(line)["seconds"]) for line in lines[_WARM_UP:])


def measure_plain_loop(config: Path) -> float:
    """Return the plain loop's median seconds per step.

    Raises:
        SubjectError: It failed: it has no speed.
    """
    printed = _run(["-c", _PLAIN, str(config)], config.parent)
    return median(float(step) for step in json.loads(printed.splitlines()[-1])[_WARM_UP:])


def _run(words: list[str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False, cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise SubjectError(f"{words[1][:60].strip()} exited with {done.returncode}: {lines[-1]}")
    return done.stdout
