"""Right projects of every layout are called right, and each planted defect is found and named."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from accounts import account, write_files
from layouts import LAYOUTS, PLANTS, Layout, Plant

from proofbook.fingerprints import fingerprint
from proofbook_systems.environment.packages.findings import Finding
from proofbook_systems.environment.packages.project_packages import (
    dependency_status,
    judge_packages,
)


class Judged(NamedTuple):
    """What was found in a project."""

    findings: dict[str, Finding]
    root: Path

    @property
    def wrong(self) -> dict[str, tuple[str, ...]]:
        return {name: each.issues for name, each in self.findings.items() if each.issues}


def judge(layout: Layout, root: Path) -> Judged:
    write_files(root, layout.files.items())
    interpreter = account(*layout.installed, version=layout.python, here=root, conda=layout.conda)
    found = list(judge_packages(root, interpreter, layout.groups))
    assert len({each.name for each in found}) == len(found)
    return Judged({each.name: each for each in found}, root)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_right_project_is_called_right(name: str, tmp_path: Path):
    judged = judge(LAYOUTS[name], tmp_path)
    assert judged.wrong == {}
    told = [each.name for each in judged.findings.values() if each.unjudged]
    assert told == list(LAYOUTS[name].told)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("name", LAYOUTS)
def test_nothing_is_written_into_the_project(name: str, tmp_path: Path):
    write_files(tmp_path, LAYOUTS[name].files.items())
    before = fingerprint(tmp_path), sorted(tmp_path.rglob("*"))
    judge(LAYOUTS[name], tmp_path)
    dependency_status(tmp_path, account(*LAYOUTS[name].installed))
    assert (fingerprint(tmp_path), sorted(tmp_path.rglob("*"))) == before


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_defect_is_found_and_named_first_and_alone(name: str, tmp_path: Path):
    plant: Plant = PLANTS[name]
    wrong = judge(plant.layout, tmp_path).wrong
    assert list(wrong) == [plant.finding]
    assert [word for word in plant.words if word not in wrong[plant.finding][0]] == []


def test_what_is_ignored_is_not_judged(tmp_path: Path):
    layout = PLANTS["another version than poetry locked"].layout
    write_files(tmp_path, layout.files.items())
    found = list(judge_packages(tmp_path, account(*layout.installed), ignore=["poetry.lock"]))
    assert [each.name for each in found if each.issues] == []


def test_the_status_of_every_declared_package_is_told(tmp_path: Path):
    write_files(tmp_path, LAYOUTS["library"].files.items())
    told = dependency_status(tmp_path, account(*LAYOUTS["library"].installed))
    rows = {
        (each.name, each.group): (each.installed, each.status)
        for each in told
        if each.where != ".python-version"
    }
    assert rows["click", ""] == ("8.1.7", "ok")
    assert rows["asgiref", "async"] == (None, "missing")
    assert rows["python", ""] == ("3.11.7", "ok")
    assert ("importlib-metadata", "") not in rows, "its marker does not hold"
