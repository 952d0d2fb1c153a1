"""Decide, for every parameter of a model, which tensors of a checkpoint it is made from.

In this order: a mapping given by a person, equal names, the exact rules, a unique ending, and safe
proposals. What no stage fills stays unfilled; nothing is ever filled silently.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from proofbook_systems.musicgen.keymap.binding import Binder, Stage
from proofbook_systems.musicgen.keymap.copies import find_copies
from proofbook_systems.musicgen.keymap.proposals import AMBIGUITY, Match, match_keys
from proofbook_systems.musicgen.keymap.rules import Part
from proofbook_systems.musicgen.keymap.slots import Operation, TensorSpec, slots_for
from proofbook_systems.musicgen.keymap.spares import find_spares

__all__ = ["Options", "Plan", "Proposal", "Recipe", "Refusal", "Stage", "plan_keys"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How keys are to be aligned."""

    threshold: float = 0.85
    """Score from which an unambiguous proposal is applied."""
    apply_proposed: bool = True
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Parameter to key, applied first."""
    allow_unfilled: tuple[str, ...] = ()
    """Patterns of parameters that may be without a source."""
    allow_unused: tuple[str, ...] = ()
    """Patterns of keys that no parameter need take."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one parameter is made."""

    parameter: str
    sources: tuple[str, ...]
    """Keys of the checkpoint; magnitude before direction."""
    operation: Operation
    part: tuple[int, int]
    """Which of how many equal parts of the rows."""
    stage: Stage
    score: float
    """1 for what is exact."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A key that may be what a parameter is made from."""

    parameter: str
    candidate: str
    score: float
    margin: float
    """Distance to the runner-up."""
    runner_up: str
    automatic: bool
    """Whether it may be applied without a person."""
    reason: str
    """Why, or why not."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A source that was named for a parameter and cannot be taken."""

    parameter: str
    key: str
    reason: str

    @property
    def words(self) -> str:
        """The refusal as a line."""
        return f"{self.parameter} from {self.key}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Where each parameter of one part of a model comes from."""

    part: Part
    recipes: Mapping[str, Recipe]
    """By parameter."""
    unfilled: tuple[str, ...]
    """Parameters without a source that may not be without one."""
    allowed: tuple[str, ...]
    """Parameters without a source that may be."""
    unused: tuple[str, ...]
    """Keys that no parameter takes, and that no right checkpoint has."""
    spares: Mapping[str, str]
    """Keys that no parameter takes and that do no harm, to the key that each is a copy of."""
    proposals: Mapping[str, Proposal]
    """By parameter; those applied too."""
    refused: tuple[Refusal, ...]
    summary: Mapping[str, int]
    """Counts under the names of ``comp_match_summary.json``."""

    @property
    def stages(self) -> dict[str, int]:
        """Number of parameters that each stage has filled."""
        return dict(Counter(recipe.stage for recipe in self.recipes.values()))

    def mapping(self) -> dict[str, str]:
        """Return parameter to key, for all that is exact by no rule; reads as a mapping file."""
        beyond = ("mapping", "proposed")
        return {
            name: recipe.sources[-1]
            for name, recipe in self.recipes.items()
            if recipe.stage in beyond
        }


def plan_keys(
    part: Part,
    sources: Mapping[str, TensorSpec],
    targets: Mapping[str, TensorSpec],
    options: Options | None = None,
) -> Plan:
    """Align the keys of a checkpoint with the parameters of a model."""
    options = options or Options()
    copies = find_copies(sources, options.mapping.values())
    kept = {key: spec for key, spec in sources.items() if key not in copies}
    binder = Binder(slots_for(part, targets), kept, targets)
    binder.bind_mapping(options.mapping)
    binder.bind_identical()
    binder.bind_rules()
    binder.bind_endings()
    matches = match_keys(binder.open_slots(), binder.free_keys())
    proposals = _proposals(matches, options.threshold)
    if options.apply_proposed:
        for match in matches:
            if _verdict(match, options.threshold)[0]:
                binder.bind(match.slot, match.key, "proposed", match.score)
    return _finished(part, binder, proposals, options, copies)


def _finished(
    part: Part,
    binder: Binder,
    proposals: dict[str, Proposal],
    options: Options,
    copies: Mapping[str, str],
) -> Plan:
    recipes = {
        binding.feed.parameter: Recipe(
            parameter=binding.feed.parameter,
            sources=binding.keys,
            operation=binding.feed.operation,
            part=(binding.feed.place, binding.feed.of),
            stage=binding.stage,
            score=binding.score,
        )
        for binding in binder.bindings()
    }
    empty = [name for name in binder.targets if name not in recipes]
    allowed = [n for n in empty if any(fnmatchcase(n, p) for p in options.allow_unfilled)]
    used = {key for recipe in recipes.values() for key in recipe.sources}
    left = [key for key in binder.sources if key not in used]
    wanted = {key for _parameter, key, _reason in binder.refused}
    spares = find_spares((key for key in left if key not in wanted), used, binder.sources)
    for key in left:
        if any(fnmatchcase(key, pattern) for pattern in options.allow_unused):
            spares.setdefault(key, "")
    return Plan(
        part=part,
        recipes=recipes,
        unfilled=tuple(name for name in empty if name not in allowed),
        allowed=tuple(allowed),
        unused=tuple(key for key in left if key not in spares),
        spares={**copies, **spares},
        proposals=proposals,
        refused=tuple(Refusal(parameter=p, key=k, reason=r) for p, k, r in binder.refused),
        summary=_summary(binder, recipes, empty, keys=len(binder.sources) + len(copies)),
    )


def _summary(
    binder: Binder, recipes: Mapping[str, Recipe], empty: list[str], *, keys: int
) -> dict[str, int]:
    stages = Counter(recipe.stage for recipe in recipes.values())
    return {
        "compression_keys_total": keys,
        "comp_params_total": len(binder.targets),
        "initial_missing": sum(name not in binder.sources for name in binder.targets),
        "recomputed": sum(recipe.operation != "copy" for recipe in recipes.values()),
        "suffix_matches": stages["suffix"],
        "heur_matches": stages["rule"],
        "shape_matches": stages["proposed"],
        "final_missing_count": len(empty),
    }


def _proposals(matches: list[Match], threshold: float) -> dict[str, Proposal]:
    proposals = {}
    for match in matches:
        automatic, reason = _verdict(match, threshold)
        for feed in match.slot.feeds:
            proposals[feed.parameter] = Proposal(
                parameter=feed.parameter,
                candidate=match.key,
                score=match.score,
                margin=match.margin,
                runner_up=match.rival,
                automatic=automatic,
                reason=reason,
            )
    return proposals


def _verdict(match: Match, threshold: float) -> tuple[bool, str]:
    if match.score < threshold:
        return False, f"score {match.score} is below {threshold}"
    if not match.unambiguous:
        return False, f"{match.rival} is nearer than {AMBIGUITY}"
    return True, "equal shape, no rival near"
