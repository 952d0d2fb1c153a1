"""Verdicts, their causes and their files, without any model."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from runbook_defaults import config_of

from proofbook.errors import SubjectError
from proofbook_systems.models import summaries, upstream
from proofbook_systems.models.catalogue import CATEGORIES, choose_types, list_types
from proofbook_systems.models.findings import CHECKS, Finding, Verdict, find_cause
from proofbook_systems.models.hints import find_hint, read_table
from proofbook_systems.models.results import ResultFiles


def verdict(name: str, *, failed: str = "", reason: str = "it broke", **values: object) -> Verdict:
    """Return a verdict on a type in which one check fails, and later ones are not reached."""
    findings = []
    for check in CHECKS:
        if check == failed:
            findings.append(Finding(check=check, status="failed", reason=reason))
            break
        findings.append(Finding(check=check, status="passed"))
    return Verdict(type=name, category="language", findings=findings, **values)  # type: ignore[arg-type]


def test_a_type_that_was_not_run_has_not_passed() -> None:
    assert not Verdict(type="a", category="audio").passed
    assert not verdict("a", failed="init").passed
    assert verdict("a").passed


def test_a_verdict_survives_json() -> None:
    before = verdict("a", failed="batch", metrics={"seconds": 1.5}, inputs=["text"])
    assert Verdict.from_dict(json.loads(json.dumps(before.as_dict()))) == before


def test_shares_count_all_types_or_those_that_came_so_far() -> None:
    some = [verdict("a"), verdict("b", failed="forward"), verdict("c", failed="generate")]
    assert summaries.share(some, "forward") == pytest.approx(2 / 3)
    assert summaries.share(some, "generate", of="forward") == 0.5
    assert summaries.share(some, "gradient", of="forward") == 0.5


def test_a_skipped_check_counts_neither_way() -> None:
    silent = Verdict(type="s", category="vision", findings=[
        Finding(check="forward", status="passed"),
        Finding(check="generate", status="skipped", reason="has no head that writes")])  # fmt: skip
    assert summaries.share([silent], "generate", of="forward") == 1.0


def test_a_check_that_asks_of_no_type_is_left_out_and_one_that_was_not_reached_is_not() -> None:
    silent = Verdict(type="s", category="vision", findings=[
        Finding(check="generate", status="skipped", reason="has no head", applies=False),
        Finding(check="cache", status="skipped", reason="two words are scored alike")])  # fmt: skip
    assert [each.check for each in silent.inapplicable] == ["generate"]
    assert summaries.asks_of_none([silent], "generate")
    assert {"init", "forward", "generate"}.isdisjoint(summaries.later_checks([silent], ["cpu"]))
    due = [summaries.later_checks([silent], names) for names in (["cpu"], ["openvino"])]
    assert set(due[0]) - set(due[1]) == {"export"}
    assert not summaries.asks_of_none([silent], "cache")
    assert not summaries.asks_of_none([silent, verdict("a")], "generate")
    assert not summaries.asks_of_none([silent, verdict("a", failed="init")], "generate")


def test_causes_are_grouped_with_the_most_frequent_first() -> None:
    some = [
        verdict("a", failed="init", reason="ImportError: X requires the timm library but"),
        verdict("b", failed="init", reason="ImportError: Y requires the timm library but"),
        verdict("c", failed="forward", reason="RuntimeError: mat1 and mat2 shapes 3x4"),
    ]
    groups = summaries.group_causes(some)
    assert list(groups.values()) == [["a", "b"], ["c"]]
    assert next(iter(groups)) == ("init", "a package is not installed: timm")


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("time limit of 60 s", "took too long"),
        ("ended by signal SIGSEGV", "crashed: SIGSEGV"),
        ("131 million parameters at its smallest", "too large at its smallest"),
        ("NameError: name 'torchvision' is not defined", "a package is not installed: torchvision"),
        (
            "beside masked padding x is 1e-1 away; rounding explains 1e-5",
            "a difference that rounding does not explain",
        ),
        ("something 12 odd at 3.5", "something N odd at N"),
    ],
)
def test_a_reason_has_a_cause(reason: str, cause: str) -> None:
    assert find_cause(reason) == cause


def test_files_have_the_checklists_form(tmp_path: Path) -> None:
    some = [verdict("a"), verdict("b", failed="forward", reason="no | bar")]
    files = ResultFiles(folder=tmp_path, versions={"torch": "2"})
    for each in some:
        files.collect(each)
    files.write(some, 3.0)
    collected = json.loads((tmp_path / "collected_results" / "a_test_results.json").read_text())
    assert set(collected) == {"status", "examples", "performance_metrics", "metadata"}
    assert collected["status"]["cpu_handler"] == "Success (RANDOM)"
    broken = json.loads(files.collected_path(some[1]).read_text())["status"]
    assert broken["cpu_handler"] == "Failed: no | bar"
    assert broken["generate"].startswith("Not tried")
    summary = json.loads(files.json_path.read_text())["summary"]
    assert (summary["success_count"], summary["error_count"]) == (1, 1)
    assert (summary["real_implementations"], summary["random_weights"]) == (0, 2)
    assert "no \\| bar" in files.markdown_path.read_text()


def test_nothing_is_written_beside_what_was_collected(tmp_path: Path) -> None:
    expected = tmp_path / "expected_results" / "a_test_results.json"
    expected.parent.mkdir()
    expected.write_text("approved")
    ResultFiles(folder=tmp_path).collect(verdict("a"))
    assert expected.read_text() == "approved"


def test_missing_are_the_types_without_results(tmp_path: Path) -> None:
    types = choose_types(models=["bert", "vit"], category="all", limit=0)
    ResultFiles(folder=tmp_path).collect(verdict("bert"))
    assert summaries.find_missing(types, tmp_path) == ["vit"]


def test_every_type_has_one_category() -> None:
    types = list_types()
    assert len(types) > 500
    assert {t.category for t in types.values()} == set(CATEGORIES)
    kinds = {n: types[n].category for n in ("llama", "vit", "whisper", "llava", "patchtst")}
    assert list(kinds.values()) == ["language", "vision", "audio", "multimodal", "specialized"]


def test_types_are_chosen_by_name_category_and_number() -> None:
    assert [t.name for t in choose_types(models=["t5"], category="all", limit=0)] == ["t5"]
    some = choose_types(models=[], category="audio", limit=5, seed=1)
    assert len(some) == 5 and {t.category for t in some} == {"audio"}
    assert some == choose_types(models=[], category="audio", limit=5, seed=1)
    assert some != choose_types(models=[], category="audio", limit=5, seed=2)
    with pytest.raises(SubjectError, match="no model type"):
        choose_types(models=["bertt"], category="all", limit=0)


def test_every_hint_has_a_reason_and_names_a_type() -> None:
    known = list_types()
    keys = {"types", "reason", "start", "config", "attributes", "sections", "class", "inputs",
            "generation", "generate"}  # fmt: skip
    for row in read_table():
        assert row["reason"] and set(row) <= keys
        for pattern in row["types"]:
            stem = pattern.rstrip("*")
            assert [n for n in known if n == pattern or (stem != pattern and n.startswith(stem))], (
                pattern
            )


@pytest.mark.parametrize("known", upstream.read_issues(), ids=lambda known: known.told[-12:])
def test_every_known_issue_is_an_address_or_a_place_with_a_reason(
    known: upstream.KnownIssue,
) -> None:
    address = r"https://github\.com/[\w.-]+/[\w.-]+/(issues|pull)/\d+"
    assert bool(re.fullmatch(address, known.issue)) != bool(known.place)
    file, _, what = known.place.partition(": ")
    package = Path(str(find_spec("transformers").origin)).parent  # type: ignore[union-attr]
    assert not known.place or what in (package / file).read_text(encoding="utf-8")
    assert known.reason and known.check in CHECKS and re.compile(known.words)
    for pattern in known.types:
        assert [n for n in list_types() if n == pattern or n.startswith(pattern.rstrip("*"))]


def test_a_failure_is_told_with_its_issue_and_only_with_its_own(tmp_path: Path) -> None:
    words = "masking a word changes nothing: the mask is not looked at"
    some = [verdict("rwkv", failed="padding", reason=words), verdict("t5", failed="padding")]
    files = ResultFiles(folder=tmp_path)
    files.write(some, 1.0)
    lines = files.markdown_path.read_text().splitlines()
    rows = [line for line in lines if line.startswith("| padding |")]
    assert [row.count("issues/27210") for row in rows if "rwkv" in row] == [1]
    assert all(row.endswith("none known |") for row in rows if "t5" in row)
    assert upstream.find_issue("mamba", "padding", words) is None
    assert upstream.find_issue("rwkv", "padding", "RuntimeError: sizes") is None


def test_hints_of_a_type_are_merged() -> None:
    hint = find_hint("mimi_decoder")
    assert hint.inputs and hint.config and ";" in hint.reason
    assert find_hint("bert").reason == ""


def test_only_what_is_trained_is_real() -> None:
    with pytest.raises(ValueError, match="mock"):
        config_of("models/matrix", impl_type="mock")
    assert config_of("models/matrix", models="bert t5,llama").models == ["bert", "t5", "llama"]
