"""Whether a search with several beams is the same with a cache as without.

Beams are put in another order after each word, and what the cache remembers of them with them: each
beam would else go on from another one's words. Greedy writing, of one beam, never shows that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from proofbook_systems.models.inputs import Inputs
from proofbook_systems.models.reasons import describe
from proofbook_systems.models.writing import write

__all__ = ["Beams", "check_beams"]

_BEAMS = 2
_WORDS = 4
"""The second is written from the last beam, the third from the first, which was the last one then.
The fourth may be given, as some models end a text with a word of their own."""
_REFUSED = "cannot use beam search with a cache"
"""How transformers says that it refuses what a model's cache cannot do."""
_MASKED = 1e30
"""A score that is lower than the negative of it is that of a word that may not come."""


class Beams(NamedTuple):
    """What was found of a search with several beams."""

    wrong: str
    """Empty where nothing is."""
    unasked: str = ""
    """Why nothing was compared: what the model has against beams, with and without a cache."""


class _Search(NamedTuple):
    """What a search has found."""

    scores: torch.Tensor
    """Of each sequence that was kept, the lowest first."""
    largest: float
    """Of all numbers by which words are scored."""


def check_beams(model: Any, inputs: Inputs, tolerance: float, more: Mapping[str, Any]) -> Beams:
    """Return how a search with several beams departs with a cache from one without.

    Which beam goes on is given, so that beams change their places in every model. Sequences are
    compared by their scores: of two that score alike, either may come first.

    Args:
        model: A model that writes, and whose single beam is the same with a cache.
        inputs: What its forward takes.
        tolerance: How far two right answers may lie apart, as a share.
        more: What its generation wants beside them.

    Raises:
        Exception: What is raised with a cache alone.
    """
    try:
        plain = _search(model, inputs, more, use_cache=False)
    except Exception as error:  # noqa: BLE001 - what takes no beams at all has no fault in its cache
        return Beams("", f"it takes no beams: {describe(error)}")
    try:
        cached = _search(model, inputs, more, use_cache=True)
    except ValueError as error:
        if _REFUSED not in str(error):
            raise
        return Beams("", f"it takes several beams without a cache alone: {describe(error)}")
    if plain is None or cached is None:
        return Beams("", "it keeps to one beam")
    if plain.scores.shape != cached.scores.shape:
        return Beams(f"with the cache, {len(cached.scores)} beams end, not {len(plain.scores)}")
    away = float((plain.scores - cached.scores).abs().max())
    # A score is a mean over words, each of which may be off by what a number and its sum may be.
    if away <= 2 * tolerance * max(plain.largest, cached.largest):
        return Beams("")
    return Beams(f"with the cache and {_BEAMS} beams, a sequence is scored {away:.1e} away")


def _search(
    model: Any, inputs: Inputs, more: Mapping[str, Any], *, use_cache: bool
) -> _Search | None:
    """Return what a search finds; None where it is one of a single beam."""
    made = write(model, inputs, {
        **more, "min_new_tokens": _WORDS, "max_new_tokens": _WORDS, "num_beams": _BEAMS,
        "num_return_sequences": _BEAMS, "use_cache": use_cache, "output_logits": True,
        "output_scores": True, "return_dict_in_generate": True, "logits_processor": [_ChosenBeam()],
    })  # fmt: skip
    scores = getattr(made, "sequences_scores", None)
    if scores is None:
        return None
    numbers = torch.cat([each.flatten() for each in made.logits]).double()
    allowed = numbers[torch.isfinite(numbers) & (numbers.abs() < _MASKED)]
    return _Search(scores.double().sort().values, float(allowed.abs().max()))


class _ChosenBeam:
    """Lets the last beam alone go on after the first word, and the first one after the second."""

    def __init__(self) -> None:
        self.began = 0
        """How long the text was for the first word."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        length = input_ids.shape[1]
        if not self.began or length <= self.began:  # a search may begin again, asked otherwise
            self.began = length
            return scores
        kept = _BEAMS - 1 if (length - self.began) % 2 else 0
        place = torch.arange(scores.shape[0]) % _BEAMS
        return scores.masked_fill((place != kept)[:, None], -torch.inf)
