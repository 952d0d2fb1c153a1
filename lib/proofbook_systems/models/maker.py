"""Make the parts of inputs for one model: noise and ids, of the sizes that it was made with."""

from __future__ import annotations

import inspect
from typing import Any

import torch

__all__ = ["AUDIO", "TEXT", "VISION", "Maker", "fill", "find_field"]

Tensor = torch.Tensor


def _inner(config: Any) -> list[Any]:
    return [
        each for each in vars(config).values() if hasattr(each, "to_dict") and each is not config
    ]


def find_field(config: Any, *names: str, first: tuple[str, ...] = ()) -> Any:
    """Return the first field of one of these names: in those inside called ``first``, then here."""
    inner = [vars(config).get(name) for name in first]
    queue = [each for each in inner if hasattr(each, "to_dict")] + [config]
    while queue:
        each = queue.pop(0)
        for name in names:
            value = vars(each).get(name)
            if value is None and name in getattr(each, "attribute_map", {}):
                value = vars(each).get(each.attribute_map[name])
            if value is not None:
                return value
        queue += _inner(each)
    return None


VISION = (
    "vision_config",
    "image_config",
    "vit_config",
    "backbone_config",
    "encoder",
    "vq_config",
    "vision_encoder_config",
    "image_encoder_config",
    "vqmodel_config",
    "encoder_config",
)
AUDIO = (
    "audio_config",
    "encoder_config",
    "audio_encoder_config",
    "speech_config",
    "audio_encoder",
    "acoustic_config",
    "semantic_config",
    "acoustic_tokenizer_encoder_config",
)
TEXT = (
    "text_config",
    "llm_config",
    "language_config",
    "text_encoder",
    "decoder",
    "decoder_config",
    "thinker_config",
    "text_encoder_config",
)


class Maker:
    """Makes the inputs of one sample for one model."""

    def __init__(self, model: Any, config: Any, seed: int) -> None:
        self.model, self.config = model, config
        self.random = torch.Generator().manual_seed(seed)
        self.signature = inspect.signature(model.forward).parameters

    def noise(self, *shape: int) -> Tensor:
        """Return normal noise."""
        return torch.randn(shape, generator=self.random)

    def ids(self, length: int, *names: str, first: tuple[str, ...] = TEXT) -> Tensor:
        """Return token ids that are no special ones."""
        size = find_field(self.config, *(names or ("vocab_size",)), first=first)
        size = size if isinstance(size, int) and size > 1 else 64
        low = 64 if size > 96 else min(5, size - 1)
        return torch.randint(low, size, (1, length), generator=self.random)

    def image_size(self) -> tuple[int, int]:
        """Return height and width of an image, whole patches."""
        size = find_field(self.config, "image_size", "img_size", "input_size", first=VISION)
        if isinstance(size, dict):
            size = [size.get("height", 64), size.get("width", 64)]
        if isinstance(size, (list, tuple)) and size:
            return int(size[0]), int(size[-1])
        if isinstance(size, int) and 0 < size <= 2048:
            return size, size
        patch = self.patch()
        return (max(2, 64 // patch) * patch,) * 2

    def patch(self) -> int:
        """Return the side of a patch; 1 where there is none."""
        patch = find_field(self.config, "patch_size", first=VISION)
        patch = patch[-1] if isinstance(patch, (list, tuple)) and patch else patch
        return patch if isinstance(patch, int) and patch > 0 else 1

    def channels(self) -> int:
        """Return how many channels an image has."""
        count = find_field(self.config, "num_channels", "in_channels", "in_chans", first=VISION)
        return count if isinstance(count, int) and count in (1, 2, 3, 4) else 3

    def number(self, *names: str, default: int, first: tuple[str, ...] = ()) -> int:
        """Return a whole number of the configuration, or the default."""
        value = find_field(self.config, *names, first=first)
        return value if isinstance(value, int) and not isinstance(value, bool) else default


def fill(maker: Maker, rule: Any) -> Any:
    """Return what a hint writes: ``["noise", 1, 8, 64]``, ``["ids", 100, 1, 8]``, ``["none"]``.

    A mapping is filled value by value; what is no list is the value itself.
    """
    if isinstance(rule, dict):
        return {name: fill(maker, each) for name, each in rule.items()}
    if not isinstance(rule, (list, tuple)):
        return rule
    kind, *shape = rule
    if kind == "noise":
        return maker.noise(*shape)
    if kind == "ids":
        return torch.randint(0, shape[0], tuple(shape[1:]), generator=maker.random)
    if kind == "none":
        return None
    if kind == "tensors":
        return [maker.noise(*each) for each in shape]
    if kind == "truth":
        return torch.ones(*shape, dtype=torch.bool)
    if kind == "values":
        return torch.tensor(shape[0])
    return torch.ones(*shape, dtype=torch.int64 if kind == "long ones" else torch.float32)
