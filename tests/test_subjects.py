"""References are resolved through whatever distributions are installed, and each fault is told."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from proofbook.errors import SubjectError
from proofbook.subjects import is_reference, resolve_reference

Install = Callable[..., None]
GOOD = """
def make(root):
    path = root / "model"
    path.write_text("weights")
    return path

MODELS = {"ours": make, "random-ours": make, "with/a.form": make}
"""


def refusal(text: str, *kinds: str, root: Path) -> str:
    with pytest.raises(SubjectError) as caught:
        resolve_reference(text, *kinds, root=root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("reference:ours", "ours"),
        ("random:ours", "random-ours"),
        ("reference:random-ours", "random-ours"),
        ("reference:with/a.form", "with/a.form"),
    ],
)
def test_a_distribution_brings_its_own_subject(
    install_subjects: Install, tmp_path: Path, text: str, name: str
):
    install_subjects("acme", GOOD)
    reference = resolve_reference(text, "aquarium.fish", root=tmp_path)
    assert reference is not None
    assert (reference.name, reference.path.read_text()) == (name, "weights")
    assert reference.path.parent == tmp_path


@pytest.mark.parametrize("text", ["ours", "/a/reference:ours", "Reference:ours", "", "hub/id"])
def test_what_is_not_a_reference_loads_no_package(
    install_subjects: Install, text: str, tmp_path: Path
):
    install_subjects("acme", "raise SystemError('loaded')")
    assert resolve_reference(text, "aquarium.fish", root=tmp_path) is None
    assert not is_reference(text)


def test_only_the_kinds_asked_for_are_loaded(install_subjects: Install, tmp_path: Path):
    install_subjects("acme", GOOD)
    install_subjects("other", "raise SystemError('loaded')", kind="aquarium.plant")
    assert resolve_reference("reference:ours", "aquarium.fish", root=tmp_path)
    assert "other_subjects" not in sys.modules


def test_several_kinds_are_searched(install_subjects: Install, tmp_path: Path):
    install_subjects("acme", GOOD)
    install_subjects("other", GOOD.replace("ours", "theirs"), kind="aquarium.plant")
    kinds = ("aquarium.fish", "aquarium.plant")
    assert resolve_reference("reference:theirs", *kinds, root=tmp_path)
    assert "take one of reference:ours" in refusal("reference:gone", *kinds, root=tmp_path)
    assert "for aquarium.fish or aquarium.plant" in refusal("random:gone", *kinds, root=tmp_path)


def test_an_entry_point_may_add_a_name_of_its_own(install_subjects: Install, tmp_path: Path):
    install_subjects("acme", GOOD, kind="aquarium.fish.acme")
    install_subjects("other", GOOD, kind="aquarium.fishes")
    reference = resolve_reference("reference:ours", "aquarium.fish", root=tmp_path)
    assert reference is not None
    assert "other_subjects" not in sys.modules


def test_where_nothing_is_brought_that_is_said(tmp_path: Path):
    assert refusal("reference:x", "nothing.at_all", root=tmp_path) == (
        "there is no reference:x for nothing.at_all; no installed package brings one"
    )


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("raise RuntimeError('no card')", "does not bring it: RuntimeError: no card"),
        ("def (", "does not bring it: SyntaxError"),
        ("import gone_for_good", "does not bring it: ModuleNotFoundError: No module named 'gone"),
        ("OTHERS = {}", "does not bring it: AttributeError"),
        ("MODELS = ['a']", "does not bring it: it is not a mapping of names to functions"),
        ("MODELS = {'one': 3}", "does not bring it: its reference:one is 3, not a function"),
    ],
)
def test_a_promise_that_is_not_kept_is_one_line(
    install_subjects: Install, tmp_path: Path, source: str, fault: str
):
    install_subjects("acme", source)
    message = refusal("reference:ours", "aquarium.fish", root=tmp_path)
    assert "package acme promises acme_subjects:MODELS and " in message
    assert fault in message


def test_a_broken_package_does_not_keep_another_from_being_used(
    install_subjects: Install, tmp_path: Path
):
    install_subjects("broken", "raise RuntimeError('no card')")
    install_subjects("acme", GOOD)
    assert resolve_reference("reference:ours", "aquarium.fish", root=tmp_path)
    message = refusal("reference:gone", "aquarium.fish", root=tmp_path)
    assert "take one of reference:ours" in message
    assert "package broken promises" in message


@pytest.mark.parametrize("returned", ["root / 'gone'", "str(root)", "None"])
def test_a_subject_that_is_not_there_is_one_line(
    install_subjects: Install, tmp_path: Path, returned: str
):
    install_subjects("acme", f"MODELS = {{'ours': lambda root: {returned}}}")
    message = refusal("reference:ours", "aquarium.fish", root=tmp_path)
    assert message.startswith("package acme promises reference:ours and does not bring it: ")


def test_two_packages_with_the_same_name_are_refused(install_subjects: Install, tmp_path: Path):
    install_subjects("acme", GOOD)
    install_subjects("other", GOOD)
    message = refusal("reference:ours", "aquarium.fish", root=tmp_path)
    assert message in (
        "reference:ours is brought by package acme and package other; uninstall one of them",
        "reference:ours is brought by package other and package acme; uninstall one of them",
    )


def test_the_cache_is_where_subjects_are_made(
    install_subjects: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PROOFBOOK_CACHE", str(tmp_path))
    install_subjects("acme", GOOD)
    reference = resolve_reference("reference:ours", "aquarium.fish")
    assert reference is not None
    assert reference.path == tmp_path / "model"
