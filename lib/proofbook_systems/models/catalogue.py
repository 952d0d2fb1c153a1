"""Which model types the installed transformers knows, and which classes each one has.

Reads the tables of transformers' auto classes; knows nothing about configurations or inputs.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError

__all__ = [
    "CATEGORIES",
    "TASKS",
    "ModelType",
    "choose_types",
    "list_types",
    "named_class",
    "own_classes",
]

CATEGORIES = ("language", "vision", "audio", "multimodal", "specialized")

TASKS: dict[str, str] = {
    "IMAGE_TEXT_TO_TEXT": "image-text-to-text",
    "MULTIMODAL_LM": "any-to-any",
    "SPEECH_SEQ_2_SEQ": "automatic-speech-recognition",
    "SEQ_TO_SEQ_CAUSAL_LM": "text2text-generation",
    "CAUSAL_LM": "text-generation",
    "TEXT_TO_WAVEFORM": "text-to-audio",
    "TEXT_TO_SPECTROGRAM": "text-to-audio",
    "CTC": "automatic-speech-recognition",
    "RNNT": "automatic-speech-recognition",
    "TDT": "automatic-speech-recognition",
    "OBJECT_DETECTION": "object-detection",
    "ZERO_SHOT_OBJECT_DETECTION": "zero-shot-object-detection",
    "UNIVERSAL_SEGMENTATION": "image-segmentation",
    "INSTANCE_SEGMENTATION": "image-segmentation",
    "IMAGE_SEGMENTATION": "image-segmentation",
    "SEMANTIC_SEGMENTATION": "image-segmentation",
    "DEPTH_ESTIMATION": "depth-estimation",
    "NORMAL_ESTIMATION": "image-to-image",
    "POINTMAP_ESTIMATION": "image-to-image",
    "IMAGE_MATTING": "image-to-image",
    "POSE_ESTIMATION": "keypoint-detection",
    "KEYPOINT_MATCHING": "keypoint-matching",
    "KEYPOINT_DETECTION": "keypoint-detection",
    "TABLE_RECOGNITION": "image-to-text",
    "TEXT_RECOGNITION": "image-to-text",
    "VIDEO_CLASSIFICATION": "video-classification",
    "ZERO_SHOT_IMAGE_CLASSIFICATION": "zero-shot-image-classification",
    "IMAGE_CLASSIFICATION": "image-classification",
    "VISUAL_QUESTION_ANSWERING": "visual-question-answering",
    "DOCUMENT_QUESTION_ANSWERING": "document-question-answering",
    "TABLE_QUESTION_ANSWERING": "table-question-answering",
    "AUDIO_CLASSIFICATION": "audio-classification",
    "AUDIO_FRAME_CLASSIFICATION": "audio-frame-classification",
    "TIME_SERIES_PREDICTION": "time-series-prediction",
    "MASKED_LM": "fill-mask",
    "PRETRAINING": "pretraining",
    "CAUSAL_IMAGE_MODELING": "image-generation",
    "IMAGE_TO_IMAGE": "image-to-image",
    "MASKED_IMAGE_MODELING": "fill-mask",
    "MASK_GENERATION": "mask-generation",
    "DECISION": "decision",
    "RETRIEVAL": "retrieval",
    "SEQUENCE_CLASSIFICATION": "text-classification",
    "TOKEN_CLASSIFICATION": "token-classification",
    "QUESTION_ANSWERING": "question-answering",
    "BACKBONE": "feature-extraction",
    "AUDIO_TOKENIZATION": "feature-extraction",
    "TEXT_ENCODING": "feature-extraction",
    "MODEL": "feature-extraction",
}
"""Heads as transformers' tables call them, and the task of each, in the order of trying."""

_GENERIC = {"PRETRAINING", "MODEL", "IMAGE", "BACKBONE", "TEXT_ENCODING"}
"""Heads that say nothing about what a type reads."""
_MULTIMODAL = {
    "IMAGE_TEXT_TO_TEXT",
    "MULTIMODAL_LM",
    "ZERO_SHOT_OBJECT_DETECTION",
    "ZERO_SHOT_IMAGE_CLASSIFICATION",
    "VISUAL_QUESTION_ANSWERING",
    "DOCUMENT_QUESTION_ANSWERING",
    "RETRIEVAL",
}
_AUDIO_WORDS = ("AUDIO", "SPEECH", "CTC", "RNNT", "TDT", "WAVEFORM", "SPECTROGRAM")
_VISION_WORDS = (
    "IMAGE",
    "OBJECT",
    "SEGMENTATION",
    "DEPTH",
    "NORMAL",
    "POINTMAP",
    "POSE",
    "KEYPOINT",
    "VIDEO",
    "MASK_GENERATION",
    "BACKBONE",
    "TABLE_RECOGNITION",
    "TEXT_RECOGNITION",
)
_LANGUAGE_WORDS = ("LM", "SEQUENCE", "TOKEN_", "QUESTION", "MULTIPLE_CHOICE", "TEXT_ENCODING")
_NAME_WORDS = {
    "audio": (
        "audio",
        "hifigan",
        "speech",
        "bigvgan",
        "token2wav",
        "codec",
        "musicgen",
        "moshi",
        "dia_",
        "vibevoice",
        "talker",
        "csm",
        "canary",
        "clvp",
        "moonshine",
    ),
    "vision": (
        "vision",
        "image",
        "video",
        "vqgan",
        "mask_decoder",
        "prompt_encoder",
        "detr",
        "sam",
        "head",
        "visual",
        "geometry",
        "ocr",
    ),
    "language": ("text", "_lm", "t5", "blt", "layoutxlm", "rag"),
}


@dataclass(frozen=True, kw_only=True)
class ModelType:
    """One model type of transformers."""

    name: str
    config: str
    """Name of its configuration class."""
    heads: dict[str, tuple[str, ...]]
    """Names of its classes by head, as ``{"CAUSAL_LM": ("GPT2LMHeadModel",)}``."""

    @property
    def category(self) -> str:
        """One of :data:`CATEGORIES`, by its heads; where it has none of its own, by its name."""
        heads = set(self.heads) - _GENERIC
        sees = any(word in head for head in heads for word in _VISION_WORDS)
        hears = any(word in head for head in heads for word in _AUDIO_WORDS)
        if heads & _MULTIMODAL or (sees and hears):
            return "multimodal"
        if any(head.startswith("TIME_SERIES") for head in heads):
            return "specialized"
        if sees or hears:
            return "vision" if sees else "audio"
        if "BACKBONE" in self.heads or "IMAGE" in self.heads:
            return "vision"
        if any(word in head for head in heads for word in _LANGUAGE_WORDS):
            return "language"
        return self._category_by_name()

    def _category_by_name(self) -> str:
        by_name = [k for k, words in _NAME_WORDS.items() if any(w in self.name for w in words)]
        if by_name:
            return by_name[0]
        return "language" if "TEXT_ENCODING" in self.heads else "specialized"


def _names(value: object) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(v for v in value if v)  # type: ignore[attr-defined]


@cache
def list_types() -> dict[str, ModelType]:
    """Return every model type that the installed transformers knows, by name."""
    from transformers.models.auto import modeling_auto
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    tables = {
        name.removesuffix("_NAMES").removesuffix("_MAPPING").removeprefix("MODEL_FOR_"): table
        for name, table in vars(modeling_auto).items()
        if name.startswith("MODEL") and name.endswith("_NAMES")
    }
    return {
        name: ModelType(
            name=name,
            config=config,
            heads={head: _names(table[name]) for head, table in tables.items() if name in table},
        )
        for name, config in sorted(CONFIG_MAPPING_NAMES.items())
    }


def choose_types(
    *, models: Sequence[str], category: str, limit: int, seed: int | None = None
) -> list[ModelType]:
    """Return the types that are asked for: by name, of one category, at most ``limit``.

    Args:
        models: Names of types; empty is all.
        category: One of :data:`CATEGORIES`, or ``all``.
        limit: How many at most; 0 is all of them.
        seed: Draws the ``limit`` at random; None takes the first ones by name.

    Raises:
        SubjectError: A name is no model type of the installed transformers.
    """
    import random

    known = list_types()
    if unknown := [name for name in models if name not in known]:
        raise SubjectError(f"{unknown[0]!r} is no model type of the installed transformers")
    chosen = [known[name] for name in models] if models else list(known.values())
    chosen = [each for each in chosen if category in ("all", each.category)]
    if limit and seed is not None:
        chosen = sorted(
            random.Random(seed).sample(chosen, min(limit, len(chosen))), key=lambda t: t.name
        )
    return chosen[:limit] if limit else chosen


def own_classes(config: Any) -> list[type]:
    """Return the classes beside a configuration that are made from it, as they are defined."""
    modeling = [path for path in _modules(config) if path.name.startswith("modeling_")]
    others = [path for path in _modules(config) if path not in modeling]
    return _made_by(modeling, config) or _made_by(others, config)


def named_class(config: Any, name: str) -> type:
    """Return a class of transformers, or of a module beside a configuration, by its name.

    Raises:
        LookupError: There is no such class.
    """
    import transformers

    for path in _modules(config):
        if isinstance(found := getattr(_load(path, config), name, None), type):
            return found
    if isinstance(found := getattr(transformers, name, None), type):
        return found
    raise LookupError(f"transformers has no class {name}")


def _modules(config: Any) -> list[Path]:
    package = importlib.import_module(type(config).__module__.rpartition(".")[0])
    paths = sorted(Path(str(package.__file__)).parent.glob("[a-z]*.py"))
    return [path for path in paths if not _NO_MODEL.match(path.name)]


def _load(path: Path, config: Any) -> Any:
    return importlib.import_module(f"{type(config).__module__.rpartition('.')[0]}.{path.stem}")


_NO_MODEL = re.compile(
    r"(configuration|convert|processing|image_processing|video_processing|tokenization"
    r"|feature_extraction|modular|generation|retrieval)_"
)


def _made_by(paths: list[Path], config: Any) -> list[type]:
    from torch.nn import Module
    from transformers import PreTrainedModel

    found, plain = [], []
    for path in paths:
        module = _load(path, config)
        for each in vars(module).values():
            if not isinstance(each, type) or each.__module__ != module.__name__:
                continue
            if issubclass(each, PreTrainedModel):
                if getattr(each, "config_class", None) is type(
                    config
                ) and not each.__name__.endswith("PreTrainedModel"):
                    found.append(each)
            elif issubclass(each, Module) and type(config).__name__ in (
                _made_from(each),
                f"{each.__name__}Config",
            ):
                plain.append(each)
    stem = type(config).__name__.removesuffix("Config")
    plain.sort(key=lambda each: each.__name__.removesuffix("Model") != stem)
    # A class may say that it wants another configuration, and take this one all the same.
    plain.sort(key=lambda each: _made_from(each) not in ("", type(config).__name__))
    return found or plain[:1]


def _made_from(module: type) -> str:
    wanted = inspect.signature(module.__init__).parameters.get("config")  # type: ignore[misc]
    annotation = wanted.annotation if wanted else ""
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
