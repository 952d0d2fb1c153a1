"""What a value in a checkpoint is for, by the names that trainers give to files and keys."""

from __future__ import annotations

import re
from typing import Literal

__all__ = ["FILE_ROLES", "KEY_ROLES", "Role", "role_of"]

Role = Literal[
    "scheduler", "step counters", "optimizer", "random numbers", "order of the data", "scaler",
    "EMA", "weights", "progress", "settings", "other",
]  # fmt: skip

FILE_ROLES: tuple[tuple[Role, str], ...] = (
    ("settings", r"^(?:training_)?(?:args|hparams|hyper_?param\w*|config|settings)\.\w+$"),
    ("scheduler", r"sched"),
    ("optimizer", r"optim"),
    ("random numbers", r"rng|random"),
    ("order of the data", r"sampler|loader|dataset"),
    ("scaler", r"scaler|amp"),
    ("EMA", r"(?<![a-z])ema"),
    ("progress", r"progress|train(?:er|ing)?_state\.json|train_state"),
    ("weights", r"model|weight|unet|lora|adapter|encoder|vae|transformer|net"),
)
"""(role, part of a file's path), the first that fits."""

KEY_ROLES: tuple[tuple[Role, str], ...] = (
    (
        "settings",
        r"^(?:\w*config|cfg|\w*args|hparams|\w*hyper_?param\w*|options|command|cmd)(?:\.|$)",
    ),
    ("progress", r"^loops\..*progress"),
    ("scheduler", r"sched"),
    ("step counters", r"optim.*\.(?:step|t|k)$|(?:^|\.)state\.[^.]+\.step$"),
    (
        "optimizer",
        r"optim|^state\.\d+\.|(?:^|\.)opt\w*(?:\.\d+)?\.state\.|exp_avg|momentum_buffer|param_groups",
    ),
    ("random numbers", r"rng|random|(?:^|\.)seed$|^gen(?:erator)?(?:_state)?$"),
    ("order of the data", r"sampler|loader|dataset|data_iter|data_state|^order(?:_state)?$"),
    ("scaler", r"scaler|loss_scale|(?:^|\.)amp|growth_tracker"),
    ("EMA", r"(?<![a-z])ema|shadow"),
    (
        "weights",
        r"^(?:model|module|state_dict|weights|net|unet|generator|params|lora\w*)(?:\.|$|_state)",
    ),
    (
        "progress",
        r"^(?:\w*step\w*|\w*iter\w*|\w*epoch\w*|\w*samples\w*|\w*tokens\w*|\w*seen\w*|loops\..*|value)$",
    ),
)
"""(role, part of a value's place in its file), the first that fits."""

_FILES = tuple((role, re.compile(pattern, re.IGNORECASE)) for role, pattern in FILE_ROLES)
_KEYS = tuple((role, re.compile(pattern, re.IGNORECASE)) for role, pattern in KEY_ROLES)
_TEXTS = (".json", ".yaml", ".yml", ".txt", ".md")
_WEIGHT_FILES = (".safetensors", ".npz", ".gguf", ".h5")


def role_of(place: str, key: str = "") -> Role:
    """Return what a file, or a value at ``key`` in it, is for.

    Args:
        place: The file's place in its checkpoint: ``unet/model.safetensors``.
        key: The value's place in the file; empty asks for the file as a whole.
    """
    name = place.rpartition("/")[2]
    of_file = _first(_FILES, name) or _first(_FILES, place)
    if of_file == "weights" and name.endswith(_TEXTS):
        of_file = None
    if of_file in (None, "weights", "progress") and key and not name.endswith(_WEIGHT_FILES):
        return _first(_KEYS, key) or of_file or "other"
    if of_file == "optimizer" and key and _first(_KEYS, f"optim.{key}") == "step counters":
        return "step counters"
    return of_file or ("weights" if name.endswith(_WEIGHT_FILES) else "other")


def _first(table: tuple[tuple[Role, re.Pattern[str]], ...], text: str) -> Role | None:
    return next((role for role, pattern in table if pattern.search(text)), None)
