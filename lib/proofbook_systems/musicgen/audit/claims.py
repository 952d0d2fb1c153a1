"""Everything that is claimed of a pair of checkpoints before a model is built from them.

The one list of both runbooks, so that neither checks less than the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proofbook_systems.musicgen.audit.relations import (
    find_copies,
    find_strange_codebooks,
    find_strange_sizes,
)
from proofbook_systems.musicgen.audit.statistics import Statistics, measure_tensors
from proofbook_systems.musicgen.audit.tensors import RULES, find_outliers, peers_of
from proofbook_systems.musicgen.audit.text import find_text_faults
from proofbook_systems.musicgen.tokenization import find_tokenizer_faults

if TYPE_CHECKING:
    from proofbook_systems.musicgen.mapping import MappedModel

__all__ = ["Claim", "audit_checkpoints", "told_outliers"]

_WHY = {
    "finite-weights": "one NaN becomes a clip of NaN",
    "no-empty-weights": "a layer of one value computes nothing",
    "no-dead-rows": "rows of zeros, or copied rows, are what a broken copy leaves",
    "weight-signs": "a scale that lost its sign turns its layer round",
    "no-wild-values": "a flipped bit or a wrong number format drowns all other values",
    "no-clipped-weights": "weights that were cut off, as a narrow number format does, are others",
    "weights-like-their-peers": "a layer scaled apart from its peers drowns them or is drowned",
}


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What must hold, and what stands against it."""

    name: str
    findings: tuple[str, ...]
    """Each names a tensor, and says what is wrong with it; empty where all is well."""
    why: str


def audit_checkpoints(model: MappedModel) -> tuple[list[Claim], list[str]]:
    """Return what is claimed of a mapped model's tensors, and the outliers that are only told.

    Reads every tensor once.
    """
    tensors = list(measure_tensors(model))
    return [*_mapped(model), *_tensors(tensors), *_related(model, tensors)], told_outliers(tensors)


def told_outliers(tensors: list[Statistics]) -> list[str]:
    """Return the tensors that are unlike their peers by less than a fault would need to be."""
    return find_outliers(peers_of(tensors))


def _mapped(model: MappedModel) -> list[Claim]:
    claims = [
        Claim(
            name="shapes-as-configured",
            findings=model.architecture.contradictions,
            why="a configuration that does not fit its tensors belongs to another model",
        )
    ]
    for part, plan in model.plans.items():
        claims += [
            Claim(
                name=f"{part}-sources-accepted",
                findings=tuple(refusal.words for refusal in plan.refused),
                why="what changes values, or is not there, is refused",
            ),
            Claim(
                name=f"{part}-keys-used",
                findings=plan.unused,
                why="a tensor that no parameter takes belongs to another model; name in "
                "allow_unused what is none of its weights",
            ),
        ]
    return claims


def _tensors(tensors: list[Statistics]) -> list[Claim]:
    """Return the claims on single tensors; of a broken one nothing but that is said."""
    peers = peers_of(tensors)
    return [
        Claim(
            name=name,
            findings=tuple(
                f"{each.name}: {line}"
                for each in tensors
                if not each.broken or name == "finite-weights"
                for line in rule(each, peers)
            ),
            why=_WHY[name],
        )
        for name, rule in RULES.items()
    ]


def _related(model: MappedModel, tensors: list[Statistics]) -> list[Claim]:
    return [
        Claim(
            name="no-copied-weights",
            findings=tuple(find_copies(tensors)),
            why="two layers with the same weights are one layer, written twice",
        ),
        Claim(
            name="codebooks-as-averaged",
            findings=tuple(find_strange_codebooks(model)),
            why="a codebook that its own sums and counts do not make was exchanged or changed",
        ),
        Claim(
            name="codes-as-the-codec-has",
            findings=tuple(find_strange_sizes(model)),
            why="a code that the codec lacks cannot be heard",
        ),
        Claim(
            name="text-encoder-complete",
            findings=tuple(
                find_text_faults(model.files.text, model.architecture.config.text_encoder)
            ),
            why="what its files lack is random, and every text is heard as another",
        ),
        Claim(
            name="tokens-as-the-text-encoder-has",
            findings=tuple(
                find_tokenizer_faults(
                    model.files.text, model.architecture.config.text_encoder.to_dict()
                )
            ),
            why="with another model's tokenizer it is another text that is heard",
        ),
    ]
