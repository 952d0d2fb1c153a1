"""Mapping files: both shapes, refusals with reasons, and the debug files that teams know."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proofbook.errors import SubjectError
from proofbook_bench.matching import specs_of, targets_for
from proofbook_subjects.musicgen.audiocraft.scrambling import scramble
from proofbook_subjects.musicgen.audiocraft.shapes import codec_shapes, language_shapes
from proofbook_systems.musicgen.keymap import (
    Options,
    Plan,
    TensorSpec,
    plan_keys,
    read_mapping,
    write_applied,
    write_artefacts,
)

KEYS = specs_of(codec_shapes(filters=4, dimension=8))
TARGETS = targets_for("codec", KEYS)
STEM, HERE = "encoder.model.0.conv.conv", "audio_encoder.encoder.layers.0.conv"


def planned(mapping: dict[str, str], **changes: TensorSpec | None) -> Plan:
    sources = {**KEYS, **changes}
    present = {k: s for k, s in sources.items() if s is not None}
    return plan_keys("codec", present, TARGETS, Options(mapping=mapping))


def test_both_shapes_of_a_file_say_the_same(tmp_path: Path):
    simple, scored = tmp_path / "simple.json", tmp_path / "scored.json"
    simple.write_text('{"a": "b"}')
    scored.write_text('{"a": {"candidate": "b", "score": 0.9}}')
    assert read_mapping(simple) == read_mapping(scored) == {"a": "b"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "not an object"),
        ('"a"', "not an object"),
        ('{"a": 3}', "gives a no key but 3"),
        ('{"a": null}', "no key"),
        ('{"a": ""}', "no key"),
        ('{"a": {"score": 1}}', "no key"),
        ('{"a": {"candidate": 7}}', "no key"),
        ('{"a": ["b"]}', "no key"),
        ('{"a": "b", "a": "c"}', "a is there twice"),
        ("\xff", "not JSON"),
    ],
)
def test_a_malformed_file_is_one_line(tmp_path: Path, content: str, said: str):
    path = tmp_path / "mapping.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(SubjectError, match=said) as error:
        read_mapping(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(SubjectError, match=r"nowhere\.json cannot be read"):
        read_mapping(tmp_path / "nowhere.json")


@pytest.mark.parametrize("parameter", [f"{HERE}.bias", f"{STEM}.bias"])
def test_a_person_may_use_either_name(parameter: str):
    renamed = {f"{STEM}.bias": None, "odd_one": TensorSpec((4,), "float32")}
    plan = planned({parameter: "odd_one"}, **renamed)
    assert plan.recipes[f"{HERE}.bias"].sources == ("odd_one",)
    assert plan.stages["mapping"] == 1


@pytest.mark.parametrize(
    ("parameter", "key", "said"),
    [
        (f"{HERE}.parametrizations.weight.original1", f"{STEM}.weight_g", "values would change"),
        (f"{HERE}.bias", "decoder.model.0.conv.conv.bias", "has shape"),
        (f"{HERE}.bias", "nowhere.bias", "no such key"),
        ("nothing.bias", f"{STEM}.bias", "no such parameter"),
    ],
)
def test_what_would_change_values_is_refused_with_the_reason(parameter: str, key: str, said: str):
    plan = planned({parameter: key})
    assert [said in refusal.words for refusal in plan.refused] == [True]
    assert plan.unfilled == ()


def test_a_magnitude_is_no_weight():
    targets = {"audio_encoder.encoder.layers.0.conv.weight": TensorSpec((4, 1, 1), "float32")}
    sources = {"x.weight_g": TensorSpec((4, 1, 1), "float32")}
    mapping = {"audio_encoder.encoder.layers.0.conv.weight": "x.weight_g"}
    plan = plan_keys("codec", sources, targets, Options(mapping=mapping, threshold=0))
    assert "magnitude" in plan.refused[0].reason
    assert plan.unfilled == tuple(targets)


def test_one_key_does_not_fill_two_parameters():
    sides = [f"audio_encoder.{side}.layers.7.block.1.conv.bias" for side in ("encoder", "decoder")]
    sources = {"x.bias": TensorSpec(TARGETS[sides[0]].shape, "float32")}
    targets = dict.fromkeys(sides, TARGETS[sides[0]])
    plan = plan_keys("codec", sources, targets, Options(mapping=dict.fromkeys(sides, "x.bias")))
    assert len(plan.recipes) == 1
    assert "already fills another" in plan.refused[0].reason


def test_a_shape_that_does_not_fit_is_refused_by_the_rules_too():
    plan = planned({}, **{f"{STEM}.bias": TensorSpec((5,), "float32")})
    assert plan.unfilled == (f"{HERE}.bias",)
    assert "[5]" in plan.refused[0].reason


def test_what_may_be_missing_is_listed_apart():
    options = Options(allow_unfilled=("*.layers.0.conv.bias",))
    sources = {k: s for k, s in KEYS.items() if k != f"{STEM}.bias"}
    plan = plan_keys("codec", sources, TARGETS, options)
    assert (plan.unfilled, plan.allowed) == ((), (f"{HERE}.bias",))
    assert plan.summary["final_missing_count"] == 1


def test_keys_under_the_models_own_names_are_taken_as_they_are():
    plan = plan_keys("codec", TARGETS, TARGETS)
    assert plan.stages == {"identical": len(TARGETS)}
    assert plan.summary["initial_missing"] == 0


def test_a_prefix_before_every_name_is_no_obstacle():
    sources = {f"solver.best.{key}": spec for key, spec in KEYS.items()}
    assert plan_keys("codec", sources, TARGETS).stages == {"suffix": len(TARGETS)}


def test_the_debug_files_have_their_names_and_can_be_given_back(tmp_path: Path):
    names = scramble(KEYS, 4)
    sources = {names[key]: spec for key, spec in KEYS.items()}
    plan = plan_keys("codec", sources, TARGETS)
    write_artefacts(tmp_path, sources, TARGETS, plan)
    applied = write_applied(tmp_path, plan)
    assert {p.name for p in tmp_path.iterdir()} == {
        "comp_param_names.txt", "comp_state_keys.txt", "comp_unmatched_params.txt",
        "comp_match_summary.json", "comp_proposed_matches.json",
        "comp_proposed_matches_simple.json", "comp_applied_mapping.json",
    }  # fmt: skip
    summary = json.loads((tmp_path / "comp_match_summary.json").read_text())
    assert summary == {
        "compression_keys_total": 116, "comp_params_total": 116, "initial_missing": 116,
        "recomputed": 0, "suffix_matches": 0, "heur_matches": 0, "shape_matches": 116,
        "final_missing_count": 0,
    }  # fmt: skip
    for file in (applied, tmp_path / "comp_proposed_matches.json"):
        options = Options(mapping=read_mapping(file), apply_proposed=False)
        again = plan_keys("codec", sources, TARGETS, options)
        assert (again.refused, again.unfilled) == ((), ())
        assert {n: r.sources for n, r in again.recipes.items()} == {
            n: r.sources for n, r in plan.recipes.items()
        }


def test_a_stacked_key_is_written_for_each_of_its_parameters(tmp_path: Path):
    keys = specs_of(language_shapes(width=8, layers=1))
    names = scramble(keys, 1)
    sources = {names[key]: spec for key, spec in keys.items()}
    targets = targets_for("language", keys)
    plan = plan_keys("language", sources, targets)
    mapping = read_mapping(write_applied(tmp_path, plan))
    assert len(mapping) > len(set(mapping.values()))
    again = plan_keys("language", sources, targets, Options(mapping=mapping, apply_proposed=False))
    assert (again.refused, again.unfilled) == ((), ())
