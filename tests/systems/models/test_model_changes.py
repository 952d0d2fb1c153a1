"""What differs between two sets of results, and how recorded ones are read."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.models import versions
from proofbook_systems.models.changes import changes_table, compare_results, describe_changes
from proofbook_systems.models.findings import DeviceVerdict, Finding, Verdict
from proofbook_systems.models.recorded import Recorded, read_recorded, record
from proofbook_systems.models.results import ResultFiles
from proofbook_systems.models.sides import (
    Side,
    choose_names,
    compare_names,
    find_other_releases,
    find_side,
    name_release,
    why_none_can_vanish,
)

STEPS = ("export", "compile", "run", "match")
DEVICE = DeviceVerdict(
    device="openvino", findings=[Finding(check=step, status="passed") for step in STEPS]
)


def verdict(name: str = "bert", *, failed: str = "", kind: str = "REAL") -> Verdict:
    """Return a verdict on a type in which one check fails."""
    findings = [
        Finding(check=check, status="failed" if check == failed else "passed",
                reason="it broke" if check == failed else "")
        for check in ("init", "forward", "batch", "cache")
    ]  # fmt: skip
    return Verdict(type=name, category="language", model_class="BertModel", findings=findings,
                   implementation=kind, metrics={"parameters": 100.0, "seconds": 1.0})  # fmt: skip


def changed(before: Verdict, after: Verdict) -> list[str]:
    return [each.kind for each in compare_results(record([before]), record([after]))]


def test_equal_results_have_no_changes() -> None:
    assert changed(verdict(), verdict()) == []


def test_a_verdict_that_changes_is_told_whichever_way() -> None:
    assert changed(verdict(), verdict(failed="batch")) == ["worse"]
    assert changed(verdict(failed="batch"), verdict()) == ["better"]
    worse = compare_results(record([verdict()]), record([verdict(failed="batch")]))
    assert describe_changes(worse) == ["bert: batch was passed, is failed: it broke"]


@pytest.mark.parametrize("status", ["skipped", "not reached"])
def test_what_failed_and_is_no_longer_tried_is_no_better(status: str) -> None:
    after = verdict()
    kept = [each for each in after.findings if each.check != "batch"]
    skip = [Finding(check="batch", status="skipped", reason="why")] if status == "skipped" else []
    now = replace(after, findings=kept + skip)
    assert changed(verdict(failed="batch"), now) == ["worse"]


@pytest.mark.parametrize("kind", ["MOCK", "RANDOM"])
def test_real_weights_that_are_real_no_more_are_told(kind: str) -> None:
    assert changed(verdict(), verdict(kind=kind)) == ["weights"]


@pytest.mark.parametrize("kind", ["MOCK", "RANDOM"])
def test_weights_that_became_real_prove_more(kind: str) -> None:
    assert changed(verdict(kind=kind), verdict()) == ["better"]


def test_one_check_that_a_mock_answers_makes_the_type_a_mock(tmp_path: Path) -> None:
    files = ResultFiles(folder=tmp_path, versions={"transformers": "5"})
    files.collect(verdict())
    (path,) = (tmp_path / "collected_results").iterdir()
    path.write_text(path.read_text().replace("Success (REAL)", "Success (MOCK)", 1))
    (change,) = compare_results(record([verdict()]), read_recorded(tmp_path))
    assert str(change) == "bert: weights was REAL, is MOCK"


def test_gradient_that_one_module_of_many_loses_is_a_finding() -> None:
    whole, cut = verdict(), verdict()
    whole.metrics, cut.metrics = {"weights_with_gradient": 1.0}, {"weights_with_gradient": 0.95}
    assert changed(whole, cut) == ["metric"]


def test_numbers_move_within_their_band_and_times_as_they_like() -> None:
    slow = verdict()
    slow.metrics = {"parameters": 100.0, "seconds": 900.0}
    assert changed(verdict(), slow) == []
    larger = verdict()
    larger.metrics = {"parameters": 101.0}
    assert changed(verdict(), larger) == ["metric"]


def test_a_check_that_is_not_reached_any_more_is_worse() -> None:
    shorter = verdict()
    shorter.findings = [Finding(check="init", status="failed", reason="no class")]
    assert set(changed(verdict(), shorter)) == {"worse"}


def test_a_device_that_was_not_asked_for_is_no_change() -> None:
    with_device = record([verdict()])["bert"]
    told = replace(with_device, checks=with_device.checks | {"openvino/match": "passed"})
    assert compare_results({"bert": told}, {"bert": with_device}) == []


def test_only_types_that_were_asked_for_can_be_missed() -> None:
    both, one = record([verdict(), verdict("t5")]), record([verdict()])
    assert [str(each) for each in compare_results(both, one)] == [
        "t5: type was there, is not there"
    ]
    assert compare_results(both, one, tried=["bert"]) == []
    assert [each.kind for each in compare_results(one, both, tried=["bert", "t5"])] == ["appeared"]


def test_a_table_begins_with_what_is_gone_or_worse() -> None:
    changes = compare_results(record([verdict(failed="batch"), verdict("t5")]),
                              record([verdict(failed="cache")]))  # fmt: skip
    rows = changes_table(changes).splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| vanished", "| worse", "| better"]
    assert changes_table([]) == "Nothing.\n"


@pytest.mark.parametrize("form", ["summary", "folder", "expected"])
def test_results_are_read_in_each_form_that_a_run_leaves(tmp_path: Path, form: str) -> None:
    files = ResultFiles(folder=tmp_path, versions={"transformers": "5"})
    some = [verdict(), verdict("t5", failed="cache")]
    some[0].devices = [DEVICE, DeviceVerdict(device="cuda", skipped="no GPU")]
    for each in some:
        files.collect(each)
    files.write(some, 1.0)
    if form == "expected":
        (tmp_path / "collected_results").rename(tmp_path / "expected_results")
    found = read_recorded(files.json_path if form == "summary" else tmp_path)
    assert found["bert"].checks["openvino/match"] == "passed"
    assert found["bert"].checks["cuda/match"] == "skipped"
    assert found["t5"].checks["cache"] == "failed" and found["bert"].implementation == "REAL"
    assert compare_results(found, record(some)) == []


def test_what_is_no_result_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "test_results_1.json"
    broken.write_text("[1]")
    for path, words in ((tmp_path / "none", "has no results"), (broken, "is a list")):
        with pytest.raises(SubjectError, match=words):
            read_recorded(path)
    broken.write_text(json.dumps({"results": [{"results": {"a": 1}}]}))
    with pytest.raises(SubjectError, match="no summary"):
        read_recorded(broken)


def test_reading_and_comparing_write_nothing(tmp_path: Path) -> None:
    files = ResultFiles(folder=tmp_path)
    files.collect(verdict())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    compare_results(read_recorded(tmp_path), record([verdict(failed="batch")]))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_two_results_tell_which_types_appeared_and_vanished(tmp_path: Path) -> None:
    for name, types in (("old", ["bert", "t5"]), ("new", ["bert", "vit"])):
        ResultFiles(folder=tmp_path / name).write([verdict(each) for each in types], 1.0)
    old, new = (find_side(str(tmp_path / name)) for name in ("old", "new"))
    assert compare_names(old, new) == (["vit"], ["t5"])
    assert choose_names(old, new, models=[], category="all", limit=0, seed=None) == ["bert"]
    with pytest.raises(SubjectError, match="'t5' is not known to both"):
        choose_names(old, new, models=["t5"], category="all", limit=0, seed=None)


def test_a_side_is_results_a_release_or_what_is_installed() -> None:
    with pytest.raises(SubjectError, match="no file or folder of results, and no release"):
        find_side("no-such-place")
    installed = find_side("installed")
    assert "bert" in installed.names and installed.category_of("vit") == "vision"


def test_a_few_results_say_nothing_about_the_other_types_of_a_release() -> None:
    installed = find_side("installed")
    few = replace(installed, recorded={"bert": Recorded(type="bert")}, types=None)
    assert compare_names(few, installed) == ([], [])
    assert compare_names(installed, few) == ([], [])
    assert why_none_can_vanish(few, installed) == why_none_can_vanish(few, few) == ""
    assert "has only the types that were tried" in why_none_can_vanish(installed, few)


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_a_number_that_is_not_finite_any_more_is_out_of_its_band(odd: float) -> None:
    sides = [Recorded(type="bert", metrics={"memory_mb": value}) for value in (100.0, odd)]
    before, after = ({"bert": side} for side in sides)
    assert [each.kind for each in compare_results(before, after)] == ["metric"]
    assert [each.kind for each in compare_results(after, before)] == ["metric"]
    assert compare_results(after, after) == []


def answered_by(release: str) -> dict[str, Recorded]:
    imported = {"transformers": release} if release else {}
    return {name: Recorded(type=name, imported=imported) for name in ("bert", "t5")}


@pytest.mark.parametrize(("name", "release"), [("5.20.0", "5.20.0"), ("5.20", "5.20.0")])
def test_a_release_that_answers_under_its_own_name_is_no_finding(name: str, release: str) -> None:
    assert find_other_releases(Side(name=name), answered_by(release)) == []


def test_a_release_that_another_one_hides_is_named() -> None:
    side, hidden = Side(name="5.20.0"), answered_by("5.24.0")
    words = "5.20.0 was asked for, 5.24.0 was imported"
    assert find_other_releases(side, hidden) == [f"bert: {words}", f"t5: {words}"]
    assert name_release(hidden) == "5.24.0"


def test_a_release_that_nothing_tells_of_is_not_taken_for_the_right_one() -> None:
    (told,) = find_other_releases(Side(name="5.20.0"), answered_by(""))
    assert (
        "no result says which release" in told and name_release(answered_by("")) == "not recorded"
    )


def test_a_type_that_was_lost_with_its_process_says_nothing_of_a_release() -> None:
    some = answered_by("5.20.0") | {"vit": Recorded(type="vit")}
    assert find_other_releases(Side(name="5.20.0"), some) == []


def test_results_that_were_recorded_are_of_whatever_release_made_them(tmp_path: Path) -> None:
    """A folder is no release, and results name the release that was imported, not the installed."""
    one = replace(verdict(), imported={"transformers": "5.25.0.dev0"})
    ResultFiles(folder=tmp_path, versions={"transformers": "5.24.0"}).collect(one)
    found = read_recorded(tmp_path)
    assert name_release(found) == "5.25.0.dev0"
    assert find_other_releases(Side(name=str(tmp_path)), found) == []


def test_a_checkout_that_hides_what_is_installed_tells_its_own_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", SimpleNamespace(__version__="9.9.dev0"))
    assert versions.name_imported()["transformers"] == "9.9.dev0"
    assert versions.installed()["transformers"] != "9.9.dev0"
