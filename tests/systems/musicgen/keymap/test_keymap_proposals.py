"""Fuzzy proposals: whatever the renaming, no wrong key is ever applied; nearly all are found."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proofbook_bench.matching import specs_of, targets_for
from proofbook_subjects.musicgen.audiocraft.scrambling import scramble
from proofbook_subjects.musicgen.audiocraft.shapes import codec_shapes, language_shapes
from proofbook_systems.musicgen.keymap import Options, Plan, TensorSpec, plan_keys
from proofbook_systems.musicgen.keymap.names import WRAPPERS
from proofbook_systems.musicgen.keymap.rules import Part

PARTS: list[Part] = ["language", "codec"]
KEYS: dict[Part, dict[str, TensorSpec]] = {
    "language": specs_of(language_shapes(width=64, layers=4)),
    "codec": specs_of(codec_shapes(filters=4, dimension=8)),
}
TARGETS = {part: targets_for(part, keys) for part, keys in KEYS.items()}
RIGHT = {part: plan_keys(part, KEYS[part], TARGETS[part]) for part in PARTS}

WORDS = st.sampled_from(
    ["net", "lm", "lm2", "model", "cross", "attn", "encoder", "decoder2", "layers", "x1", "conv",
     "self", "transformer", "weight", "norm", "v2"]
)  # fmt: skip
QUIET = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def renamed(names: Mapping[str, str], part: Part) -> dict[str, TensorSpec]:
    return {names[key]: spec for key, spec in KEYS[part].items()}


def wrong(plan: Plan, names: Mapping[str, str], part: Part) -> list[str]:
    """Return the parameters that were given another's tensor."""
    right = RIGHT[part].recipes
    return [
        name
        for name, recipe in plan.recipes.items()
        if recipe.sources != tuple(names[source] for source in right[name].sources)
    ]


@st.composite
def renamings(draw: st.DrawFn, part: Part, words: st.SearchStrategy[str]) -> dict[str, str]:
    """A bijection: other words before the first number, wrappers anywhere, another separator."""
    separator = draw(st.sampled_from([".", "_", "/", "-", ":"]))
    wrapper = draw(st.sampled_from([*sorted(WRAPPERS - {"mha"}), "inner", "ddp"]))
    where = draw(st.integers(0, 3))
    prefixes: dict[tuple[str, ...], list[str]] = {}
    names = {}
    for key in KEYS[part]:
        tokens = key.split(".")
        first = next((i for i, t in enumerate(tokens) if t.isdecimal()), len(tokens))
        cut = min(first, len(tokens) - 2)
        old = tuple(tokens[:cut])
        if old not in prefixes:
            fresh = draw(st.lists(words, min_size=0, max_size=4).filter(
                lambda new: new not in prefixes.values()))  # fmt: skip
            prefixes[old] = fresh
        new = prefixes[old] + tokens[cut:]
        place = min(where, max(0, len(new) - 2))
        names[key] = separator.join([*new[:place], wrapper, *new[place:]])
    return names


@pytest.mark.exhaustive
@pytest.mark.parametrize("part", PARTS)
def test_no_renaming_makes_a_wrong_pair(part: Part):
    @QUIET
    @given(renamings(part, WORDS))
    def holds(names: dict[str, str]) -> None:
        if len(set(names.values())) == len(names):
            plan = plan_keys(part, renamed(names, part), TARGETS[part])
            assert wrong(plan, names, part) == []

    holds()


@pytest.mark.exhaustive
@pytest.mark.parametrize("part", PARTS)
def test_nearly_all_are_found_where_the_last_two_tokens_stay(part: Part):
    @QUIET
    @given(st.integers(0, 2**32))
    def holds(seed: int) -> None:
        names = scramble(KEYS[part], seed)
        plan = plan_keys(part, renamed(names, part), TARGETS[part])
        assert wrong(plan, names, part) == []
        assert len(plan.recipes) >= 0.99 * len(TARGETS[part])

    holds()


@pytest.mark.exhaustive
@QUIET
@given(seed=st.integers(0, 2**32), dropped=st.sampled_from(sorted(KEYS["language"])))
def test_a_dropped_key_and_an_impostor_never_meet(seed: int, dropped: str):
    names = scramble(KEYS["language"], seed)
    sources = renamed(names, "language")
    spec = sources.pop(names[dropped])
    sources["stray.thing.7.weight"] = spec
    plan = plan_keys("language", sources, TARGETS["language"])
    missing = [n for n, r in RIGHT["language"].recipes.items() if dropped in r.sources]
    assert set(missing) <= set(plan.unfilled)
    assert wrong(plan, names, "language") == []
    assert "stray.thing.7.weight" in plan.unused


def test_two_copies_of_a_model_are_ambiguous_and_not_applied():
    keys = KEYS["language"]
    both = {f"{copy}-{key.replace('.', '-')}": spec for copy in ("ema", "live")
            for key, spec in keys.items()}  # fmt: skip
    plan = plan_keys("language", both, TARGETS["language"])
    assert plan.recipes == {}
    assert all(not p.automatic and p.runner_up for p in plan.proposals.values())


def _one(threshold: float, *, apply: bool = True) -> Plan:
    """One parameter, and a key that has its ending and its numbers: it scores 0.88."""
    name = "transformer.layers.1.norm1.weight"
    targets = targets_for("language", {name: TensorSpec((8,), "float32")})
    sources = {"zz-1-norm1-weight": TensorSpec((8,), "float32")}
    options = Options(threshold=threshold, apply_proposed=apply)
    return plan_keys("language", sources, targets, options)


@pytest.mark.parametrize(
    ("threshold", "applied"), [(0.0, 1), (0.87, 1), (0.88, 1), (0.8801, 0), (1.0, 0)]
)
def test_a_proposal_is_applied_at_or_above_the_threshold(threshold: float, applied: int):
    plan = _one(threshold)
    (proposal,) = plan.proposals.values()
    assert (proposal.score, proposal.automatic) == (0.88, bool(applied))
    assert len(plan.recipes) == applied


def test_at_one_only_a_whole_name_is_applied():
    name = "transformer.layers.1.norm1.weight"
    targets = targets_for("language", {name: TensorSpec((8,), "float32")})
    sources = {"my/transformer/layers/1/norm1/weight": TensorSpec((8,), "float32")}
    plan = plan_keys("language", sources, targets, Options(threshold=1.0))
    assert plan.stages == {"proposed": 1}


def test_nothing_is_applied_where_proposals_are_not_wanted():
    plan = _one(0.0, apply=False)
    assert (plan.recipes, len(plan.proposals), len(plan.unfilled)) == ({}, 1, 1)


@pytest.mark.parametrize(
    ("key", "spec"),
    [
        ("zz-1-norm1-weight", TensorSpec((9,), "float32")),
        ("zz-1-norm1-weight", TensorSpec((8,), "int64")),
        ("zz-1-norm1-bias", TensorSpec((8,), "float32")),
    ],
)
def test_another_shape_kind_or_role_is_not_even_proposed(key: str, spec: TensorSpec):
    name = "transformer.layers.1.norm1.weight"
    targets = targets_for("language", {name: TensorSpec((8,), "float32")})
    plan = plan_keys("language", {key: spec}, targets, Options(threshold=0.0))
    assert (plan.proposals, plan.recipes, plan.unused) == ({}, {}, (key,))


def test_half_precision_fills_what_is_single():
    keys = {k: s._replace(dtype="float16") for k, s in KEYS["language"].items()}
    assert plan_keys("language", keys, TARGETS["language"]).unfilled == ()
