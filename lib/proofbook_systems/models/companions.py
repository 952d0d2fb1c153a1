"""Inputs that go with another one, or that a model asks for, by the name of the parameter.

Sizes come from the configuration and from what is given already; no model type is named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch

from proofbook_systems.models.layouts import OTHER_LENGTH, TEXT_LENGTH
from proofbook_systems.models.maker import Maker

__all__ = ["COMPANIONS", "accompany", "supply"]

Inputs = dict[str, Any]
Rule = Callable[[Maker, Inputs], Any]


def _merge(maker: Maker, inputs: Inputs) -> torch.Tensor | None:
    grid = next((inputs[n] for n in ("image_grid_thw", "video_grid_thw") if n in inputs), None)
    if grid is None:
        return None
    return torch.full((len(grid),), maker.number("spatial_merge_size", "merge_size", default=2))


def _sound_mask(_: Maker, inputs: Inputs) -> torch.Tensor | None:
    sound = inputs.get("input_values", inputs.get("input_features"))
    return None if sound is None else torch.ones(len(sound), sound.shape[-1], dtype=torch.bool)


COMPANIONS: dict[str, tuple[str, Rule]] = {
    "image_merge_sizes": ("pixel_values", _merge),
    "video_merge_sizes": ("pixel_values_videos", _merge),
    "padding_mask": ("input_values", _sound_mask),
    "image_sizes": (
        "pixel_values",
        lambda m, i: (
            torch.tensor([i["pixel_values"].shape[-2:]]) if i["pixel_values"].dim() >= 4 else None
        ),
    ),
}
"""What is given wherever a signature has it and its companion is there."""


def accompany(maker: Maker, inputs: Inputs, without: Collection[str] = ()) -> None:
    """Add the inputs that go with those that are there, but for those ``without``."""
    for name, (companion, rule) in COMPANIONS.items():
        if name in without:
            continue
        if name in maker.signature and companion in inputs and name not in inputs:
            made = rule(maker, inputs)
            if made is not None:
                inputs[name] = made


def supply(maker: Maker, name: str, inputs: Inputs) -> Any:
    """Return an input that a model cannot do without; None where no rule makes it."""
    if name in _BY_NAME:
        return _BY_NAME[name](maker, inputs)
    if name.endswith("mask"):
        return _mask(maker, name, inputs)
    return next((rule(maker, inputs) for ending, rule in _BY_ENDING if name.endswith(ending)), None)


def _width(maker: Maker) -> int:
    return maker.number("hidden_size", "d_model", "embed_dim", "hidden_dim", default=64)


def _states(*fields: str, length: int = TEXT_LENGTH) -> Rule:
    """Return a rule that makes hidden states as wide as a field, or as the model."""
    return lambda m, _: m.noise(1, length, m.number(*fields, default=_width(m)))


def _ids(maker: Maker, _: Inputs) -> torch.Tensor:
    return maker.ids(TEXT_LENGTH)


def _mask(maker: Maker, name: str, inputs: Inputs) -> torch.Tensor:
    """Return ones as long as the input that is masked, of the kind that is annotated."""
    masked = inputs.get(name.removesuffix("_mask"))
    if masked is None and name in COMPANIONS:
        masked = _sound_mask(maker, inputs)
    shape = tuple(masked.shape[:2]) if isinstance(masked, torch.Tensor) else (1, TEXT_LENGTH)
    kind = "Bool" in str(getattr(maker.signature.get(name), "annotation", ""))
    return torch.ones(shape, dtype=torch.bool if kind else torch.int64)


def _boxes(maker: Maker, _: Inputs) -> torch.Tensor:
    return maker.noise(1, OTHER_LENGTH, maker.number("visual_pos_dim", default=4)).sigmoid()


_BY_NAME: dict[str, Rule] = {
    "merge_sizes": lambda m, _: torch.tensor(
        [m.number("spatial_merge_size", "merge_size", default=2)]
    ),
    "encoder_hidden_states": _states(
        "encoder_hidden_size", "cross_attention_hidden_size", "encoder_width", length=OTHER_LENGTH
    ),
    "visual_feats": _states("visual_feat_dim", length=OTHER_LENGTH),
    "visual_pos": _boxes,
    "task_inputs": lambda m, _: m.ids(m.number("task_seq_len", default=TEXT_LENGTH)),
    "state": lambda m, _: m.noise(1, m.number("max_state_dim", default=_width(m))),
    "context_input_ids": lambda m, _: m.ids(TEXT_LENGTH).expand(m.number("n_docs", default=1), -1),
    "context_attention_mask": lambda m, _: torch.ones(
        m.number("n_docs", default=1), TEXT_LENGTH, dtype=torch.int64
    ),
    "doc_scores": lambda m, _: m.noise(1, m.number("n_docs", default=1)),
    "last_hidden_state": _states("input_size"),
    "thinker_reply_part": _states("embedding_size"),
    "context": _states("hidden_size"),
    "generation_steps": lambda _, __: 1,
}
_BY_ENDING: list[tuple[str, Rule]] = [
    ("hidden_states", _states()),
    ("embeds", _states()),
    ("features", _states()),
    ("_embeddings", _states()),
    ("queries", _states()),
    ("_ids", _ids),
    ("codes", _ids),
    ("code", _ids),
    ("num_patches", lambda _, __: TEXT_LENGTH // 2),
]
