"""Packages that a person asks for are looked up in the project's interpreter, as PEP 508 has it."""

from __future__ import annotations

import pytest
from accounts import account

from proofbook.errors import SubjectError
from proofbook_systems.environment.interpreters.interpreter import Interpreter
from proofbook_systems.environment.packages.asked_packages import Package, inspect_packages


def inspect(text: str, interpreter: Interpreter) -> Package:
    (found,) = inspect_packages([text], interpreter)
    return found


def test_an_installed_version_in_range_satisfies():
    found = inspect("numpy>=2,<3", account("numpy 2.1.0"))
    assert (found.satisfied, found.version, found.required) == (True, "2.1.0", "<3,>=2")


def test_another_version_does_not_satisfy_and_is_named():
    found = inspect("numpy<1", account("numpy 2.1.0"))
    assert (found.satisfied, found.version) == (False, "2.1.0")


def test_a_missing_package_has_no_version():
    found = inspect("absentee", account())
    assert (found.version, found.satisfied, found.required) == (None, False, "any version")


def test_python_is_the_interpreter_of_the_project():
    old = account(version="3.8.5")
    assert (inspect("python<3.9", old).version, inspect("python<3.9", old).satisfied) == (
        "3.8.5",
        True,
    )
    assert not inspect("python>=3.10", old).satisfied


@pytest.mark.parametrize("version", ["2.13.0+cpu", "2.13.1rc1"])
def test_a_local_or_pre_release_build_counts_as_its_version(version: str):
    assert inspect("torch>=2.13", account(f"torch {version}")).satisfied


def test_a_name_is_compared_as_packages_are():
    assert inspect("scikit_Learn", account("scikit-learn 1.5 sklearn")).satisfied


def test_what_a_package_needs_and_lacks_is_said():
    lacks = account("needy 1.0 needy <- absentee>=1 & numpy<1 & gpu-only; extra == 'gpu'",
                    "numpy 2.1")  # fmt: skip
    plain = inspect("needy", lacks)
    assert plain.satisfied
    assert plain.broken == (
        "needy 1.0 needs absentee>=1, which is not installed",
        "needy 1.0 needs numpy<1, and 2.1 is installed",
    )
    assert any("gpu-only" in words for words in inspect("needy[gpu]", lacks).broken)


def test_what_is_lacking_deeper_down_is_said_and_circles_end():
    chain = account("a 1 a <- b", "b 1 b <- a & c", "c 1 c <- d")
    assert inspect("a", chain).broken == ("c 1 needs d, which is not installed",)


def test_metadata_that_nobody_can_read_is_passed_over():
    assert inspect("old", account("old 1 old <- pytz (>dev")).broken == ()


def test_a_requirement_for_another_platform_is_left_out():
    assert inspect_packages(["numpy; sys_platform == 'nowhere'"], account()) == ()


def test_a_malformed_requirement_is_one_clear_line():
    with pytest.raises(SubjectError, match="'torch>>2' is not a package requirement") as caught:
        inspect_packages(["torch>>2"], account())
    assert "\n" not in str(caught.value)
