"""Inputs that one model takes: of its own modality, with placeholders where text stands for them.

How many placeholders an image or a sound needs is asked of the model itself. Layouts are tried in
turn until the model takes one; which one is part of the result.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

import torch

from proofbook_systems.models.asking import read_counts, read_error
from proofbook_systems.models.companions import COMPANIONS, accompany, supply
from proofbook_systems.models.hints import Hint
from proofbook_systems.models.layouts import (
    DECODER_LENGTH,
    MODALITIES,
    PRIMARY,
    RULES,
    SINGLE,
    TEXT_LENGTH,
)
from proofbook_systems.models.maker import Maker, fill
from proofbook_systems.models.outputs import is_bundle
from proofbook_systems.models.placeholders import FEATURES, with_placeholders

__all__ = ["Inputs", "candidates", "join", "modalities"]

Inputs = dict[str, Any]

_MOST_CANDIDATES = 14
_MOST_ASKED = 4
_PARTS = {
    "vision_config": ("pixel_values", "pixel_values_videos"),
    "audio_config": ("input_features", "input_values"),
}
"""Parts that a configuration may leave out, and what is not read then."""


def modalities(inputs: Inputs) -> list[str]:
    """Return the kinds of inputs that are given: ``["image", "text"]``."""
    return sorted({MODALITIES[name] for name in inputs if name in MODALITIES})


def join(samples: list[Inputs]) -> Inputs:
    """Return samples as one batch: along the first dimension, or along time where there is none."""
    joined = {name: _joined(name, [each[name] for each in samples]) for name in samples[0]}
    if "spatial_shapes" in joined and "pixel_values" not in joined:  # a row a level, not an image
        joined["spatial_shapes"] = samples[0]["spatial_shapes"]
    if "target_sizes" in joined and "pixel_values" in joined:  # patches of all images in one row
        joined["pixel_values"] = torch.cat([each["pixel_values"] for each in samples], -1)
    return joined


def _joined(name: str, values: list[Any]) -> Any:
    first = values[0]
    if isinstance(first, list):
        return [torch.cat(parts) for parts in zip(*values, strict=True)]
    if isinstance(first, dict):
        return {key: _joined(key, [each[key] for each in values]) for key in first}
    if is_bundle(first):
        fields = {key: _joined(key, [vars(each)[key] for each in values]) for key in vars(first)}
        return type(first)(**fields)
    if not isinstance(first, torch.Tensor):
        return first
    by_time = name == "input_features" and first.dim() == 2 and first.shape[0] > 1
    return torch.cat(values, 1 if by_time else 0)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One choice among the layouts: which of each parameter's, by its place."""

    places: dict[str, int]
    asked: tuple[str, ...] = ()
    """What the model has asked for beside them."""
    left_out: tuple[str, ...] = ()
    counts: tuple[tuple[str, int], ...] = ()
    """How many places stand for a modality, where the model has said so."""
    hides: bool = False
    """Whether the ones of a mask are what is hidden, as some models have it."""

    def make(self, model: Any, config: Any, hint: Hint, seed: int) -> Inputs:
        """Return the inputs of one sample.

        Raises:
            Exception: Whatever the model has against them while placeholders are counted.
        """
        maker = Maker(model, config, seed)
        inputs: Inputs = {}
        for name, place in self.places.items():
            layouts = list(itertools.islice(RULES[name](maker), place + 1))
            inputs.update(layouts[-1])
        _add_singles(maker, inputs)
        accompany(maker, inputs, without=self.left_out)
        if "qformer_input_ids" in maker.signature:
            inputs["qformer_input_ids"] = maker.ids(TEXT_LENGTH, first=("qformer_config",))
        _add_asked(maker, self.asked, inputs)
        _add_hinted(maker, hint, inputs)  # what text has placeholders for is there before the text
        _add_text(maker, inputs, dict(self.counts))
        _add_required(maker, inputs)
        _add_asked(maker, self.asked, inputs)
        _add_hinted(maker, hint, inputs, last=True)
        if self.hides:
            inputs |= {name: torch.zeros_like(inputs[name]) for name in _masks(inputs)}
        return {name: value for name, value in inputs.items() if name not in self.left_out}

    def turn_masks(self, given: Inputs) -> list[Layout]:
        """Return the layout in which masks hide nothing, after an answer of zeros alone."""
        return [] if self.hides or not _masks(given) else [replace(self, hides=True)]

    def revise(self, error: BaseException, model: Any, given: Inputs) -> list[Layout]:
        """Return layouts that give what an error asks for, or leave out what it does not take."""
        if not self.counts and (counted := read_counts(error)):
            return [replace(self, counts=(counted,))]
        more, less = read_error(error, model, list(given))
        more = tuple(name for name in more if name not in self.asked)
        if more and len(self.asked) < _MOST_ASKED:
            return [replace(self, asked=self.asked + more)]
        return [] if self.left_out else [replace(self, left_out=(name,)) for name in less]

    @property
    def words(self) -> str:
        """What was chosen, as ``pixel_values 0``."""
        return ", ".join(f"{name} {place}" for name, place in self.places.items())


def _masks(inputs: Inputs) -> list[str]:
    """Return the masks of what is no text, whose ones may mean either."""
    return [name for name in inputs if name.endswith("_mask") and name != "attention_mask"]


def _wanted(model: Any, config: Any, hint: Hint) -> list[str]:
    signature = inspect.signature(model.forward).parameters
    required = [n for n, p in signature.items() if p.default is p.empty]
    names = [n for n in PRIMARY[:5] if n in signature and n not in hint.inputs]
    for part, without in _PARTS.items():
        if getattr(config, part, without) is None:
            names = [n for n in names if n not in without]
    if (
        "pixel_values" in names
        and "pixel_values_videos" in names
        and "pixel_values_videos" not in required
    ):
        names.remove("pixel_values_videos")
    if not names and "input_ids" not in signature:
        names = [
            n for n in PRIMARY[5:] if n in required or (n == "hidden_states" and n in signature)
        ]
    else:
        names += [n for n in PRIMARY[5:] if n in required and n not in hint.inputs]
    return names


def candidates(model: Any, config: Any, hint: Hint) -> Iterator[Layout]:
    """Yield layouts to try, the likeliest first."""
    names = _wanted(model, config, hint)
    maker = Maker(model, config, 0)
    counts = {name: len(list(RULES[name](maker))) for name in names}
    every = itertools.product(*(range(counts[name]) for name in names))
    ordered = sorted(itertools.islice(every, 400), key=sum)
    layouts = [dict(zip(names, places, strict=True)) for places in ordered[:_MOST_CANDIDATES]]
    yield from (Layout(places=places) for places in layouts)
    if optional := [n for n in COMPANIONS if n in maker.signature and n not in hint.inputs]:
        yield from (Layout(places=places, left_out=tuple(optional)) for places in layouts)


def _add_singles(maker: Maker, inputs: Inputs) -> None:
    for name, rule in SINGLE.items():
        parameter = maker.signature.get(name)
        if parameter is not None and (
            parameter.default is parameter.empty
            or name == "bbox"
            or (name == "flattened_patches" and not inputs)
        ):
            inputs[name] = rule(maker)


def _add_text(maker: Maker, inputs: Inputs, counts: dict[str, int]) -> None:
    names = maker.signature
    encoder_decoder = bool(getattr(maker.config, "is_encoder_decoder", False))
    if "input_ids" in names and "inputs_embeds" not in inputs:
        ids = maker.ids(TEXT_LENGTH)
        marks = torch.zeros_like(ids)
        for name in [n for n in FEATURES if n in inputs]:
            count = counts.get(MODALITIES[name])
            ids, marks = with_placeholders(maker, name, inputs, ids, marks, count)
        inputs["input_ids"] = ids
        if "attention_mask" in names:
            inputs["attention_mask"] = torch.ones_like(ids)
        _add_types(names, marks, inputs)
    if "decoder_input_ids" in names and (encoder_decoder or "input_ids" not in inputs):
        inputs["decoder_input_ids"] = maker.ids(
            DECODER_LENGTH, first=("decoder", "text_config", "decoder_config")
        )


def _add_types(names: Any, marks: torch.Tensor, inputs: Inputs) -> None:
    for name in ("mm_token_type_ids", "moe_mm_token_type_ids"):
        if name in names and marks.any():
            inputs[name] = marks
    if "token_type_ids" in names and marks.any():
        inputs["token_type_ids"] = (marks > 0).long()


def _add_required(maker: Maker, inputs: Inputs) -> None:
    for name, parameter in maker.signature.items():
        if (
            parameter.default is not parameter.empty
            or name in inputs
            or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        ):
            continue
        made = supply(maker, name, inputs)
        if made is not None:
            inputs[name] = made


def _add_asked(maker: Maker, names: tuple[str, ...], inputs: Inputs) -> None:
    for name in names:
        if name in inputs or name not in maker.signature:
            continue
        if name in RULES:
            inputs.update(next(RULES[name](maker)))
        else:
            made = SINGLE[name](maker) if name in SINGLE else supply(maker, name, inputs)
            inputs.update({} if made is None else {name: made})


def _add_hinted(maker: Maker, hint: Hint, inputs: Inputs, *, last: bool = False) -> None:
    for key, rule in hint.inputs.items():
        name = key.removeprefix("**")  # what is handed on, and stands in no signature
        if name not in maker.signature and name == key:
            continue
        if rule is None:
            inputs.pop(name, None)
        elif last and name in inputs and not name.endswith(("_ids", "attention_mask")):
            continue
        else:
            inputs[name] = _bundled(maker, name, fill(maker, rule))


def _bundled(maker: Maker, name: str, value: Any) -> Any:
    """Return a mapping as the object of fields that a parameter is annotated with, if it is."""
    kind: Any = getattr(maker.signature.get(name), "annotation", None)
    bundles = isinstance(kind, type) and not issubclass(kind, dict) and is_dataclass(kind)
    return kind(**value) if bundles and isinstance(value, dict) else value
