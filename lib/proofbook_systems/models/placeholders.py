"""Places of a text that stand for an image or a sound: which token, and how many of it.

How many rows of features a model makes of a modality is asked of the model itself.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

import torch

from proofbook_systems.models.companions import supply
from proofbook_systems.models.layouts import TEXT_LENGTH
from proofbook_systems.models.maker import Maker, find_field

__all__ = ["FEATURES", "with_placeholders"]

Inputs = dict[str, Any]

FEATURES = {
    "pixel_values": (
        "get_image_features",
        (
            "image_token_id",
            "image_token_index",
            "img_context_token_id",
            "media_placeholder_token_id",
            "image_context_token_id",
            "boi_token_index",
        ),
    ),
    "pixel_values_videos": ("get_video_features", ("video_token_id", "video_token_index")),
    "input_features": (
        "get_audio_features",
        ("audio_token_id", "audio_token_index", "speech_token_id", "audio_pad_token_id"),
    ),
    "input_values": ("get_audio_features", ("audio_token_id", "audio_token_index")),
    "flattened_patches": ("get_image_features", ("image_token_id", "image_token_index")),
    "audio_input_ids": ("get_audio_features", ("audio_token_id",)),
}
"""What turns a modality into rows, and the tokens that stand for them."""
_WANTED = re.compile(r"tokens: \d+, features:? (\d+)")
_LENGTHS = (
    "image_seq_length",
    "image_seq_len",
    "mm_tokens_per_image",
    "num_image_tokens",
    "num_query_tokens",
    "latent_query_num",
)
_STARTS = {
    "pixel_values": ("vision_start_token_id", "image_start_token_id"),
    "pixel_values_videos": ("vision_start_token_id", "video_start_token_id"),
    "input_features": ("audio_start_token_id", "audio_bos_token_id"),
}
_TYPE_IDS = {"pixel_values": 1, "pixel_values_videos": 2, "input_features": 3}


def with_placeholders(
    maker: Maker,
    name: str,
    inputs: Inputs,
    ids: torch.Tensor,
    marks: torch.Tensor,
    count: int | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a text with places for one modality in it, and marks of whose each place is.

    Args:
        maker: Of the model.
        name: The input that the places stand for.
        inputs: What is given beside the text.
        ids: The text.
        marks: Of the text so far; 0 is a word.
        count: How many places; None asks the model.
    """
    kind, token = _find_token(maker, name)
    if not isinstance(token, int) or token < 0:
        return ids, marks
    count = _count_rows(maker, name, FEATURES[kind][0], inputs) if count is None else count
    if not count:
        return ids, marks
    start = find_field(maker.config, *_STARTS.get(kind, ()))
    head = [start] if isinstance(start, int) and start != token else []
    middle = torch.tensor([[*head, *[token] * count]])
    kinds = torch.full_like(middle, _TYPE_IDS.get(kind, 3))
    kinds[:, : len(head)] = 0
    ids = torch.cat([ids[:, :2], middle, ids[:, 2:]], 1)
    return ids, torch.cat([marks[:, :2], kinds, marks[:, 2:]], 1)


def _find_token(maker: Maker, name: str) -> tuple[str, Any]:
    """Return what an input is, and its token: of a model that knows films alone, images are films.

    Such a model has a token for a film and none for an image, whatever its input is called.
    """
    token = find_field(maker.config, *FEATURES[name][1])
    if name == "pixel_values" and token is None:
        return "pixel_values_videos", find_field(maker.config, *FEATURES["pixel_values_videos"][1])
    return name, token


def _count_rows(maker: Maker, name: str, features: str, inputs: Inputs) -> int:
    method = _feature_method(maker.model, features)
    if method is None:
        counts = [find_field(maker.config, each) for each in _LENGTHS]
        return next((c for c in counts if isinstance(c, int) and c > 0), 0)
    accepted = dict(inspect.signature(method).parameters)
    inner = getattr(getattr(maker.model, "model", None), features, None)
    if inner is not None:  # what an outer method hands on by **kwargs
        accepted = dict(inspect.signature(inner).parameters) | accepted
    open_ended = any(p.kind is p.VAR_KEYWORD for p in accepted.values())
    named = {
        n: v
        for n, v in inputs.items()
        if n in accepted or (open_ended and name not in accepted and n != "qformer_input_ids")
    }
    for each, parameter in accepted.items():
        if (
            parameter.default is parameter.empty
            and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
            and each not in named
        ):
            made = maker.ids(TEXT_LENGTH) if each == "input_ids" else supply(maker, each, inputs)
            if made is not None:
                named[each] = made
            if each in maker.signature and each != "input_ids":
                inputs[each] = made
    try:
        with torch.no_grad():
            made = method(**named)
    except ValueError as error:  # it counts its own placeholders, and says how many it wants
        if wanted := _WANTED.search(str(error)):
            return int(wanted[1])
        raise
    return _rows(made)


def _feature_method(model: Any, name: str) -> Any:
    owners = [
        model,
        getattr(model, "model", None),
        getattr(model, "thinker", None),
        getattr(model, getattr(model, "base_model_prefix", "") or "model", None),
    ]
    return next((getattr(each, name) for each in owners if hasattr(each, name)), None)


def _rows(made: Any) -> int:
    """Return how many rows of features were made, in a tensor, a list of them, or an output."""
    pooled = getattr(made, "pooler_output", None)
    if pooled is None and hasattr(made, "last_hidden_state"):
        pooled = made.last_hidden_state
    made = made if pooled is None else pooled
    if isinstance(made, torch.Tensor):
        return made.numel() // made.shape[-1]
    if isinstance(made, (list, tuple)):
        return sum(_rows(each) for each in made)
    return 0
