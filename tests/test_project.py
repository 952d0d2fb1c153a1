"""A project is found from any folder in it, and no other is ever taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from proofbook.errors import UsageError
from proofbook.project import find_project, nearest_project


def make(root: Path, *folders: str, notebook: str = "") -> Path:
    for folder in folders:
        (root / folder).mkdir(parents=True)
    if notebook:
        path = root / notebook
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROOFBOOK_PROJECT", raising=False)


def test_the_nearest_project_is_found_from_below(tmp_path: Path) -> None:
    make(tmp_path, "runbooks", "parameters")
    inner = make(tmp_path / "a", "runbooks", "parameters", "deep/er")
    assert find_project(inner / "deep" / "er").root == inner
    assert find_project(tmp_path).root == tmp_path


def test_runbooks_without_profiles_are_a_project(tmp_path: Path) -> None:
    make(tmp_path, notebook="runbooks/mine/check.ipynb")
    assert find_project(tmp_path / "runbooks" / "mine").root == tmp_path


def test_a_project_in_what_was_received_is_nobodys(tmp_path: Path) -> None:
    make(tmp_path, "runbooks", "parameters", "outputs")
    run = make(tmp_path / "outputs" / "run", "runbooks", "parameters", "jobs/clip")
    (tmp_path / "link").symlink_to(run)
    for start in (run, run / "jobs" / "clip", tmp_path / "link"):
        for received in ([run], [tmp_path / "link"], [tmp_path / "other", run]):
            found = nearest_project(start, outside=received)
            assert found is not None
            assert found.root == tmp_path
        assert nearest_project(start, outside=[tmp_path, run]) is None
        assert nearest_project(start, outside=[tmp_path / "outputs" / "runs"]) is not None
    beside = nearest_project(run, outside=[tmp_path / "outputs" / "ru"])
    assert beside is not None
    assert beside.root == run


@pytest.mark.parametrize("folders", [("parameters",), ("runbooks",), ()])
def test_a_folder_that_is_no_project_names_init(tmp_path: Path, folders: tuple[str, ...]) -> None:
    make(tmp_path, *folders)
    with pytest.raises(UsageError, match=r"is not in a project.*proofbook init") as caught:
        find_project(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert nearest_project(tmp_path) is None


def test_a_named_project_is_taken_and_must_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = make(tmp_path / "here", "runbooks", "parameters")
    there = make(tmp_path / "there", "runbooks", "parameters")
    monkeypatch.setenv("PROOFBOOK_PROJECT", str(there))
    assert find_project(here).root == there
    monkeypatch.setenv("PROOFBOOK_PROJECT", str(tmp_path / "gone"))
    with pytest.raises(UsageError, match="PROOFBOOK_PROJECT names"):
        find_project(here)
