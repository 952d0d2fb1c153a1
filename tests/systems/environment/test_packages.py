"""Package versions are compared as PEP 508 has it, and half-installed packages are seen."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.environment.packages import inspect_packages, installed_packages


def install(site: Path, name: str, version: str, *requires: str) -> None:
    """Write the metadata of an installed package."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {r}" for r in requires)]
    (info / "METADATA").write_text("Metadata-Version: 2.1\n" + "\n".join(lines) + "\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_an_installed_version_in_range_satisfies():
    (found,) = inspect_packages(["numpy>=2,<3"])
    assert found.satisfied
    assert found.required == "<3,>=2"
    assert found.version is not None


def test_another_version_does_not_satisfy_and_is_named():
    (found,) = inspect_packages(["numpy<1"])
    assert not found.satisfied
    assert found.version is not None


def test_a_missing_package_has_no_version():
    (found,) = inspect_packages(["no-such-package-as-this"])
    assert (found.version, found.satisfied, found.required) == (None, False, "any version")


def test_python_is_a_requirement_like_any_other():
    (found,) = inspect_packages(["python>=3.11"])
    assert (found.version, found.satisfied) == (platform.python_version(), True)
    assert not inspect_packages(["python<3"])[0].satisfied


def test_a_local_or_pre_release_build_counts_as_its_version(site: Path):
    install(site, "wheelish", "2.13.0+cpu")
    install(site, "earlyish", "3.0.0rc1")
    assert all(p.satisfied for p in inspect_packages(["wheelish>=2.13", "earlyish>=3.0.0rc1"]))


def test_what_a_package_needs_and_lacks_is_said(site: Path):
    install(site, "needy", "1.0", "absentee>=1", "numpy<1", "extra-only; extra == 'gpu'")
    (plain,) = inspect_packages(["needy"])
    assert plain.satisfied
    assert plain.broken[0] == "absentee is not installed"
    assert plain.broken[1].endswith("is not <1")
    assert len(plain.broken) == 2
    (with_extra,) = inspect_packages(["needy[gpu]"])
    assert "extra-only is not installed" in with_extra.broken


def test_a_requirement_for_another_platform_is_left_out():
    assert inspect_packages(["numpy; sys_platform == 'nowhere'"]) == ()


def test_a_malformed_requirement_is_one_clear_line():
    with pytest.raises(SubjectError, match="'torch>>2' is no package requirement") as caught:
        inspect_packages(["torch>>2"])
    assert "\n" not in str(caught.value)


def test_the_listing_is_normalised_and_sorted():
    found = installed_packages()
    assert list(found) == sorted(found)
    assert "numpy" in found
