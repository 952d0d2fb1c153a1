"""What a full run is made of beside its trainer: texts, the model, the size of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.foundry.corpora import read_documents
from proofbook_systems.foundry.language_models import (
    LanguageModel,
    is_known_kind,
    load_language_model,
)
from proofbook_systems.foundry.learning import model_place
from proofbook_systems.training.watching import Watched

__all__ = ["Loaded", "Texts", "load_model", "read_texts", "tokens_of_a_pass"]


class Texts(NamedTuple):
    """Documents; empty where no files were given."""

    trained: list[str]
    held: list[str]


class Loaded(NamedTuple):
    """A model, or why there is none."""

    model: LanguageModel | None
    why_not: str
    fault: str
    """The same, where it says that it is of a kind that transformers loads: it is broken then."""


def read_texts(project: Path, trained: Sequence[str], held: Sequence[str]) -> Texts:
    """Return the documents of a project's files.

    Raises:
        SubjectError: A pattern fits no file.
    """
    return Texts(read_documents(project, trained), read_documents(project, held))


def load_model(output: Path, model: str, project: Path, tokenizer: str) -> Loaded:
    """Return the model that a training left, or why transformers cannot load it.

    Args:
        output: The training's output folder.
        model: The model's place in it; empty finds it.
        project: The trainer's.
        tokenizer: The tokenizer's folder in it; empty is the model's own.

    Raises:
        SubjectError: A place that was given has no such model.
    """
    place = model_place(output, model)
    try:
        loaded = load_language_model(place, project / tokenizer if tokenizer else None)
    except SubjectError as error:
        if model:
            raise
        return Loaded(None, str(error), str(error) if is_known_kind(place) else "")
    if loaded.tokenizer is None:
        return Loaded(None, f"{place} has no tokenizer; give the folder of one", "")
    return Loaded(loaded, "", "")


def tokens_of_a_pass(seen: Watched) -> int:
    """Return how many tokens the largest forward pass has; 0 where none was seen."""
    sizes = [batch.shape for update in seen.updates for batch in update.batches]
    return max((shape[0] * shape[-1] for shape in sizes if shape), default=0)
