"""How large a language model is, by the names and shapes of its weights alone.

Knows nothing about any library: the names that the field gives to embeddings and blocks are enough.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.training.final_model import find_final_model
from proofbook_systems.training.roles import role_of
from proofbook_systems.training.states import read_states
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.variants import configured_number

__all__ = ["Sizes", "compare_sizes", "measure_sizes", "read_weights"]

_INDEXED = re.compile(r"^(?P<blocks>(?:[A-Za-z_]\w*\.)*?[A-Za-z_]\w*)\.(?P<index>\d+)\.")
_RECURRENT = re.compile(r"(?:weight|bias)_(?:ih|hh)_l(\d+)$")
_EMBEDDING = re.compile(r"wte|tok|word|emb", re.IGNORECASE)
_OTHER_EMBEDDING = re.compile(r"wpe|pos|type|segment|norm", re.IGNORECASE)
_BUFFER = re.compile(r"(?:^|\.)attn\.(?:masked_)?bias$|inv_freq$|position_ids$|causal_mask$|mask$")
_FOUR_GATES = "weight_hh_l0"


class Sizes(NamedTuple):
    """What was found; 0 is not found."""

    layers: int
    hidden: int
    """Width between the blocks."""
    vocabulary: int
    """Rows of the token embedding."""
    parameters: int
    """Numbers in all weights; those that are shared count once."""

    @property
    def words(self) -> str:
        """All of it in a sentence."""
        return (
            f"{self.layers} layers, {self.hidden} hidden, {self.vocabulary} tokens, "
            f"{self.parameters} parameters"
        )


def read_weights(output: Path, pattern: str = "") -> dict[str, Any]:
    """Return the weights of the model that a training left, by their names.

    Args:
        output: Its output folder.
        pattern: Of the checkpoints' places; empty recognises them.

    Raises:
        SubjectError: There are none that can be read.
    """
    weights: dict[str, Any] = {}
    for place in find_final_model(output, pattern).files:
        path = next(
            (p for p in (output / place, *sorted(output.rglob(place))) if p.is_file()), None
        )
        states = read_states(path) if path else {}
        weights |= {
            key: value for key, value in states.items()
            if role_of(place, key) in ("weights", "other") and _is_weight(key, value)
        }  # fmt: skip
    if not weights:
        raise SubjectError(f"{output} has no weights that can be read")
    return weights


def measure_sizes(weights: Mapping[str, Any]) -> Sizes:
    """Return the sizes that names and shapes tell."""
    unique = {(value.data_ptr(), value.shape): value for value in weights.values()}
    vocabulary, width = _embedding(weights)
    recurrent = [v for name, v in weights.items() if name.endswith(_FOUR_GATES)]
    hidden = int(recurrent[0].shape[1]) if recurrent else width
    parameters = sum(int(value.numel()) for value in unique.values())
    return Sizes(_layers(weights), hidden, vocabulary, parameters)


def compare_sizes(sizes: Sizes, expected: Mapping[str, str], trainer: Trainer) -> list[str]:
    """Return where a model has other sizes than a config, or a person, says.

    Args:
        sizes: What it has.
        expected: By the size's name, a number or a key of the config.
        trainer: Whose config that is.

    Raises:
        SubjectError: There is no such size, or the config has no such key.
    """
    wrong = []
    for name, setting in expected.items():
        if name not in Sizes._fields:
            raise SubjectError(f"sizes has {name!r}; give {', '.join(Sizes._fields)}")
        due = configured_number(trainer, setting)
        if due is None:
            raise SubjectError(f"the config has no {setting}, which sizes names for {name}")
        has = getattr(sizes, name)
        if has != due:
            of = "" if setting.isdigit() else f", as {setting} says"
            wrong.append(f"{name}: the weights have {has}, and {due:g} are due{of}")
    return wrong


def _is_weight(key: str, value: Any) -> bool:
    import torch

    return (
        isinstance(value, torch.Tensor)
        and value.is_floating_point()
        and value.numel() > 1
        and _BUFFER.search(key) is None
    )


def _layers(weights: Mapping[str, Any]) -> int:
    """Return how many blocks there are: of all that is counted, what has the most weights."""
    counted: dict[str, list[int]] = {}
    for name in weights:
        if match := _INDEXED.match(name):
            counted.setdefault(match["blocks"], []).append(int(match["index"]))
        elif match := _RECURRENT.search(name):
            counted.setdefault(name[: match.start()], []).append(int(match[1]))
    most = max(counted.values(), key=len, default=[])
    return len(set(most))


def _embedding(weights: Mapping[str, Any]) -> tuple[int, int]:
    tables = [
        value for name, value in weights.items()
        if value.ndim == 2 and _EMBEDDING.search(name) and not _OTHER_EMBEDDING.search(name)
    ]  # fmt: skip
    if not tables:
        return 0, 0
    rows, width = max(tables, key=lambda each: int(each.numel())).shape
    return int(rows), int(width)
