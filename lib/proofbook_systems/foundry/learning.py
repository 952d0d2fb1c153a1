"""Has a language model learnt, and what its trainer told? By its own loss on texts.

The losses of a short training are noise: each step has another batch. So the final model and an
earlier checkpoint are given the same texts, and both are compared with a guess.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.foundry.language_models import LanguageModel, load_language_model
from proofbook_systems.training.layouts import find_checkpoints
from proofbook_systems.training.steps import Step

__all__ = [
    "Learnt",
    "guess_of",
    "measure_learning",
    "model_place",
    "new_loss",
    "told_at_end",
    "told_tolerance",
]

_MOST = 200
"""Documents that are looked at."""
_LAST = 3
"""Steps at the end whose losses are averaged."""
_ERRORS = 2.0
"""Standard errors of that mean that are allowed for."""
_FIRST = 3.0
"""How many times a guess's loss a new network's may be: initialisations differ."""
_LEAST_FIRST = 0.5


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """Mean losses over the same texts."""

    final: float
    """Of the model that the training left."""
    earlier: float | None
    """Of its first checkpoint; None where there is none that can be loaded."""
    earlier_step: int
    guess: float
    """Of a guess that gives every token the same share."""
    trained: float
    """Of the final model, on the texts that it was trained on."""
    why_no_earlier: str = ""

    @property
    def words(self) -> str:
        """All of it in a sentence."""
        first = (
            f"{self.earlier:.4g} after step {self.earlier_step}, "
            if self.earlier is not None else ""
        )  # fmt: skip
        return f"{self.guess:.4g} for a guess, {first}{self.final:.4g} at the end"


def model_place(output: Path, model: str = "") -> Path:
    """Return the folder of the model: a given one, the output's own, or the last checkpoint."""
    if model:
        return output / model
    if (output / "config.json").is_file():
        return output
    folders = [path.parent for path in output.rglob("config.json")]
    return max(folders, key=lambda path: (path.stat().st_mtime_ns, path), default=output)


def measure_learning(
    model: LanguageModel, output: Path, pattern: str, held: Sequence[str], trained: Sequence[str]
) -> Learnt:
    """Measure a model, and its first checkpoint, on held-out and on training texts.

    Args:
        model: The final one.
        output: The training's output folder.
        pattern: Of the checkpoints' places.
        held: Documents that it was not trained on.
        trained: Documents that it was trained on.

    Raises:
        SubjectError: There are no texts.
    """
    earlier, step, why = None, 0, "there is no earlier checkpoint"
    for checkpoint in find_checkpoints(output, pattern)[:-1][:1]:
        try:
            first = load_language_model(checkpoint.path, model.place)
        except SubjectError as error:
            why = str(error)
        else:
            first = replace(first, tokenizer=model.tokenizer)
            earlier, step, why = first.mean_loss(held[:_MOST]), checkpoint.step, ""
    return Learnt(
        final=model.mean_loss(held[:_MOST]), earlier=earlier, earlier_step=step,
        guess=guess_of(model.vocabulary), trained=model.mean_loss(trained[:_MOST]),
        why_no_earlier=why,
    )  # fmt: skip


def guess_of(vocabulary: int) -> float:
    """Return the loss of a guess among so many tokens."""
    return math.log(max(2, vocabulary))


def told_at_end(steps: Sequence[Step]) -> float | None:
    """Return the mean of the last losses that were told."""
    losses = _last_losses(steps)
    return math.fsum(losses) / len(losses) if losses else None


def told_tolerance(steps: Sequence[Step], loss: float, share: float) -> float:
    """Return by how much the last told losses may miss a model's own.

    Each is of one batch: where they leap from one to the next, their mean says little.

    Args:
        steps: Those of the training.
        loss: The model's own.
        share: The part of it that it may be missed by in any case.
    """
    losses = _last_losses(steps)
    error = statistics.stdev(losses) / math.sqrt(len(losses)) if len(losses) > 1 else 0.0
    return loss * share + _ERRORS * error


def _last_losses(steps: Sequence[Step]) -> list[float]:
    return [step.loss for step in steps[-_LAST:] if step.loss is not None]


def new_loss(steps: Sequence[Step], guess: float) -> str:
    """Say why the first loss is not that of a network that knows nothing; empty where it is."""
    first = next((step for step in steps if step.loss is not None), None)
    if first is None or first.loss is None:
        return "no loss was told"
    if first.number > _LAST or _LEAST_FIRST * guess <= first.loss <= _FIRST * guess:
        return ""
    side = "below" if first.loss < guess else "above"
    return (
        f"the loss of step {first.number} is {first.loss:.4g}, far {side} the {guess:.4g} of a "
        "guess among all tokens: it is no mean over tokens, or the network knows what it should "
        "predict"
    )
