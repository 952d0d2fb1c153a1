"""Make a small model of one type: configuration, class, size on the meta device, then weights.

Nothing is allocated before the number of parameters is known.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from proofbook_systems.models.catalogue import TASKS, ModelType, named_class, own_classes
from proofbook_systems.models.hints import Hint, find_hint
from proofbook_systems.models.shrinking import PER_LAYER, shrink

__all__ = [
    "MOST_PARAMETERS",
    "PROFILES",
    "Built",
    "NoClassError",
    "TooLargeError",
    "build_config",
    "build_model",
    "choose_classes",
    "config_fields",
    "count_parameters",
    "excite",
    "generates",
]

MOST_PARAMETERS = 45_000_000
PROFILES: tuple[dict[str, Any], ...] = (
    {},
    {"width": 256, "heads": 2, "head_width": 128},
    {"derives": True},
    {"keeps_widths": True},
    {"keeps_widths": True, "keeps_images": True},
    {"keeps_all": True},
)
"""How to shrink, tried in turn: everything; keeping the width of a head, which rotary embeddings
divide into sections; leaving to the configuration what it works out itself, from sizes that are
smaller now; keeping every width, which convolutional models join in many places; keeping the image
too, which windows and tables of positions are cut for; nothing but the vocabulary."""


class TooLargeError(Exception):
    """The smallest configuration that could be made has too many parameters."""


class NoClassError(LookupError):
    """A type has no further class to try."""


@dataclass(kw_only=True)
class Built:
    """A small model, and what it was made from."""

    model: Any
    config: Any
    task: str
    parameters: int
    hint: Hint
    absent: list[str] | None = None
    """Weights that a checkpoint did not have; None where weights were drawn."""


def config_fields(config: Any) -> dict[str, Any]:
    """Return what a configuration was made from, those inside it as dictionaries."""
    fields: dict[str, Any] = {}
    for name, value in vars(config).items():
        fields[name] = _plain(value)
    overrides = getattr(fields.pop("_heterogeneity_spec", None), "per_layer_overrides", None)
    if overrides:
        fields[PER_LAYER] = _plain(overrides)
    fields["model_type"] = config.model_type
    return fields


def _plain(value: Any) -> Any:
    if hasattr(value, "model_type") and hasattr(value, "to_dict"):
        return config_fields(value)
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return value


def _default(type_: ModelType, hint: Hint) -> Any:
    from transformers import CONFIG_MAPPING

    return CONFIG_MAPPING[type_.name](**hint.start)


def build_config(type_: ModelType, *, derives: bool = False, **profile: Any) -> Any:
    """Return a small configuration of a type.

    Args:
        type_: What to build.
        derives: Whether the configuration works out again what it has worked out before.
        profile: How to shrink.

    Raises:
        Exception: Whatever transformers has against it.
    """
    hint = find_hint(type_.name)
    config = _default(type_, hint)
    fields = config_fields(config)
    if hint.sections:
        _add_sections(fields)
    small = shrink(fields, **profile)
    if derives:
        _drop_derived(config, small, kept=hint.start)
    _apply(small, hint.config)
    small.pop("model_type", None)
    made = type(config)(**_made(config, small))
    for path, value in hint.attributes.items():
        *parents, last = path.split(".")
        place = made
        for parent in parents:
            place = getattr(place, parent, place)
        setattr(place, last, value)
    return made


def _drop_derived(config: Any, small: dict[str, Any], kept: Mapping[str, Any]) -> None:
    """Leave out what a class has set beyond its fields, or in a field without a default."""
    declared = getattr(type(config), "__dataclass_fields__", {})
    for name, value in list(small.items()):
        inner, given = vars(config).get(name), kept.get(name)
        if hasattr(inner, "to_dict"):
            if isinstance(value, dict):
                _drop_derived(inner, value, given if isinstance(given, dict) else {})
        elif name in kept:
            continue
        elif declared and (name not in declared or declared[name].default is None):
            del small[name]


def _add_sections(fields: dict[str, Any]) -> None:
    rope = fields.get("rope_parameters")
    if "vocab_size" in fields or "num_key_value_heads" in fields:
        if rope is None:
            rope = fields["rope_parameters"] = {"rope_type": "default", "rope_theta": 10000.0}
        rope.setdefault("mrope_section", [2, 3, 3])
    for value in list(fields.values()):
        if isinstance(value, dict) and "model_type" in value:
            _add_sections(value)


def _made(config: Any, small: dict[str, Any]) -> dict[str, Any]:
    """Turn the dictionaries of inner configurations into objects of the classes that they had."""
    made = {}
    for name, value in small.items():
        before = vars(config).get(name)
        if isinstance(value, dict) and hasattr(before, "to_dict"):
            inner = {k: v for k, v in _made(before, value).items() if k != "model_type"}
            made[name] = type(before)(**inner)
        else:
            made[name] = value
    return made


def _apply(fields: dict[str, Any], overrides: dict[str, Any]) -> None:
    for path, value in overrides.items():
        *parents, last = path.split(".")
        if parents == ["*"]:
            _everywhere(fields, last, value)
            continue
        place = fields
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value


def _everywhere(fields: dict[str, Any], name: str, value: Any) -> None:
    if name in fields:
        fields[name] = value
    for each in fields.values():
        if isinstance(each, dict):
            _everywhere(each, name, value)


def choose_classes(
    type_: ModelType, config: Any, hint: Hint, task: str = ""
) -> list[tuple[type, str]]:
    """Return the classes to try and the task of each, the likeliest first.

    These are the heads that the type has, those that write before the others, then what is defined
    beside its configuration; where a task is asked for, the heads of that task alone.

    Raises:
        LookupError: The type has no such class.
    """
    import transformers

    own = own_classes(config) if not task else []
    if hint.model_class:
        return [(named_class(config, hint.model_class), "feature-extraction")]
    heads = [head for head in TASKS if head in type_.heads and task in ("", TASKS[head])]
    heads.sort(key=lambda head: generates(type_.heads[head][0]) is False)
    fitting = [
        (found, TASKS[head])
        for head in heads
        for name in type_.heads[head]
        if (found := getattr(transformers, name, None)) is not None
    ]
    exact = [each for each in fitting if getattr(each[0], "config_class", None) is type(config)]
    own.sort(key=lambda each: not hasattr(each, "main_input_name"))
    beside = [(each, "feature-extraction") for each in reversed(own)]
    if not exact and not fitting and not beside:
        raise LookupError(
            f"{type_.name} has no model class" + (f" for the task {task}" if task else "")
        )
    distinct: dict[type, str] = {}
    for each, found_task in (exact or fitting) + beside:
        distinct.setdefault(each, found_task)
    return list(distinct.items())


def _become_decoder(model_class: type, config: Any) -> None:
    """Let what has a head that writes on read only what is before: encoders do not by default."""
    writes = re.search(r"CausalLM|LMHead|GenerationDecoder", model_class.__name__)
    if writes and vars(config).get("is_decoder") is False and not config.is_encoder_decoder:
        config.is_decoder = True


def generates(name: str) -> bool:
    """Say whether a class has a head that writes, going by what transformers calls such classes."""
    words = ("CausalLM", "ConditionalGeneration", "LMHead", "Generat", "Seq2SeqLM", "TextToSpeech")
    return any(word in name for word in words)


def count_parameters(model: Any) -> int:
    """Return how many parameters and buffered numbers a model has."""
    numbers = [*model.parameters(), *model.buffers()]
    return sum(int(each.numel()) for each in numbers)


def build_model(
    type_: ModelType,
    profile: dict[str, Any],
    *,
    task: str = "",
    seed: int = 0,
    choice: int = 0,
) -> Built:
    """Build a small model with random weights, in float32 and in evaluation mode.

    Args:
        type_: What to build.
        profile: One of :data:`PROFILES`.
        task: The task of the head; empty takes the likeliest.
        seed: Of the weights.
        choice: Which of :func:`choose_classes`.

    Raises:
        NoClassError: The type has fewer classes.
        TooLargeError: It would have more than :data:`MOST_PARAMETERS`.
        Exception: Whatever transformers has against the configuration.
    """
    hint = find_hint(type_.name)
    config = build_config(type_, **profile)
    classes = choose_classes(type_, config, hint, task)
    if choice >= len(classes):
        raise NoClassError(f"{type_.name} has {len(classes)} model classes")
    model_class, found_task = classes[choice]
    _become_decoder(model_class, config)
    with torch.device("meta"):
        parameters = count_parameters(_construct(model_class, config))
    if parameters > MOST_PARAMETERS:
        raise TooLargeError(f"{parameters / 1e6:.0f} million parameters at its smallest")
    torch.manual_seed(seed)
    config = build_config(type_, **profile)
    _become_decoder(model_class, config)
    model = _construct(model_class, config).eval()
    for name, value in hint.generation.items():
        setattr(model.generation_config, name, value)
    excite(model, seed)
    return Built(model=model, config=config, task=found_task, parameters=parameters, hint=hint)


def _construct(model_class: type, config: Any) -> Any:
    build = getattr(model_class, "_from_config", None)
    model = build(config, attn_implementation="eager") if build else model_class(config)
    kind = type(model)
    if getattr(kind.forward, "__name__", "") == "_forward_unimplemented" and hasattr(
        kind, "encode"
    ):
        kind.forward = kind.encode  # a tokenizer of images is used by its halves alone
    return model


def _disturb(weight: torch.Tensor, noise: torch.Generator) -> None:
    fan_in = weight[0].numel() if weight.dim() > 1 else 0
    size = 0.7 / math.sqrt(fan_in) if fan_in else 0.1
    weight.add_(torch.randn(weight.shape, generator=noise).to(weight.dtype) * size)


def _empty_tables(model: Any) -> list[torch.Tensor]:
    """Return saved tables that training fills without a gradient, as codebooks: still all alike."""
    return [
        buffer
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False)
        if name not in module._non_persistent_buffers_set
        and buffer.is_floating_point()
        and buffer.dim() > 1
        and buffer.numel()
        and bool((buffer == buffer.flatten()[0]).all())
    ]


def excite(model: Any, seed: int) -> None:
    """Add noise to every parameter, of the size that keeps a signal's size, and to codebooks.

    Fresh weights hide faults: biases, gates and layer scales begin at zero, norms at one, and
    matrices so small that deeper layers hardly show; of a codebook of zeros every code is the same.
    """
    noise = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.is_floating_point() and parameter.numel():
                _disturb(parameter, noise)
        for buffer in _empty_tables(model):
            _disturb(buffer, noise)
        for module in model.modules():
            # What stands for padding is zero, and is made zero again by loading.
            if isinstance(module, torch.nn.Embedding) and module.padding_idx is not None:
                module.weight[module.padding_idx].zero_()
