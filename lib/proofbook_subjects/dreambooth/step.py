"""One forward pass: pictures in, loss out. Draws all its random numbers from its own number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proofbook_subjects.dreambooth.models import Networks
from proofbook_subjects.dreambooth.randomness import derive_seed
from proofbook_subjects.dreambooth.settings import Settings

if TYPE_CHECKING:
    import torch

__all__ = ["Loss", "TextStates", "encode_prompts", "tokenize"]


def tokenize(networks: Networks, prompts: list[str]) -> torch.Tensor:
    """Return token ids of shape (prompts, tokens)."""
    tokens = networks.tokenizer(
        prompts, truncation=True, padding="max_length", return_tensors="pt",
        max_length=networks.tokenizer.model_max_length,
    )  # fmt: skip
    ids: torch.Tensor = tokens.input_ids
    return ids


def encode_prompts(networks: Networks, ids: torch.Tensor) -> torch.Tensor:
    """Return the text encoder's states of shape (prompts, tokens, width)."""
    states: torch.Tensor = networks.text_encoder(ids)[0]
    return states


class TextStates:
    """The prompts' states: computed once, unless the text encoder is trained."""

    def __init__(self, networks: Networks, settings: Settings, device: torch.device) -> None:
        import torch

        prompts = [settings.instance_prompt]
        if settings.with_prior_preservation:
            prompts.append(str(settings.class_prompt))
        self._networks = networks
        self._ids = tokenize(networks, prompts).to(device)
        self._fixed = None
        if not settings.train_text_encoder:
            with torch.no_grad():
                self._fixed = encode_prompts(networks, self._ids)

    def repeated(self, times: int) -> torch.Tensor:
        """Return each prompt's states so many times: instance first, then class."""
        states = self._fixed
        if states is None:
            states = encode_prompts(self._networks, self._ids)
        return states.repeat_interleave(times, dim=0)


class Loss:
    """Computes the loss of a batch, as DreamBooth defines it."""

    def __init__(
        self, networks: Networks, settings: Settings, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._networks, self._settings = networks, settings
        self._device, self._dtype = device, dtype
        self._texts = TextStates(networks, settings, device)

    def __call__(self, batch: dict[str, torch.Tensor], number: int) -> torch.Tensor:
        """Return the loss of forward pass ``number``, which its random numbers follow from."""
        import torch

        torch.manual_seed(derive_seed("pass", self._settings.seed, number))
        latents = self._latents(batch)
        noise = torch.randn_like(latents)
        scheduler = self._networks.scheduler
        times = torch.randint(
            scheduler.config.num_train_timesteps, (len(latents),), device=latents.device
        )
        noisy = scheduler.add_noise(latents, noise, times)
        states = self._texts.repeated(len(batch["instance"])).to(self._dtype)
        guess = self._networks.unet(noisy.to(self._dtype), times, states).sample
        return self._compare(guess.float(), self._target(latents, noise, times).float())

    def _latents(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        import torch

        pictures = torch.cat([batch[kind] for kind in ("instance", "class") if kind in batch])
        vae: Any = self._networks.vae
        with torch.no_grad():
            posterior = vae.encode(pictures.to(self._device, self._dtype)).latent_dist
            latents: torch.Tensor = posterior.sample() * vae.config.scaling_factor
        return latents

    def _target(
        self, latents: torch.Tensor, noise: torch.Tensor, times: torch.Tensor
    ) -> torch.Tensor:
        scheduler = self._networks.scheduler
        if scheduler.config.prediction_type == "v_prediction":
            velocity: torch.Tensor = scheduler.get_velocity(latents, noise, times)
            return velocity
        return noise

    def _compare(self, guess: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        from torch.nn import functional

        if not self._settings.with_prior_preservation:
            return functional.mse_loss(guess, target)
        guess, class_guess = guess.chunk(2)
        target, class_target = target.chunk(2)
        prior = functional.mse_loss(class_guess, class_target)
        return functional.mse_loss(guess, target) + self._settings.prior_loss_weight * prior
