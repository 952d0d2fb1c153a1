"""What a machine has beside Python packages, and the sentence that says what it lacks."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from proofbook import requirements
from proofbook.requirements import find_browser, find_python_library, unmet


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH, empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def add_program(folder: Path, name: str) -> Path:
    program = folder / name
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


def test_what_is_lacking_is_named_with_what_to_install(programs: Path):
    add_program(programs, "here")
    required = {"objdump": "binutils", "here": "nothing", "two words": "a package of its own"}
    assert unmet(required) == [
        "needs objdump, not found here: install binutils",
        "needs two words, not found here: install a package of its own",
    ]


def test_a_file_that_cannot_be_executed_is_not_a_program(programs: Path):
    add_program(programs, "objdump").chmod(0o644)
    assert unmet({"objdump": "binutils"}) == ["needs objdump, not found here: install binutils"]


@pytest.mark.parametrize("name", ["chromium", "google-chrome"])
def test_the_browser_of_the_system_is_found(programs: Path, name: str):
    program = add_program(programs, name)
    assert find_browser() == str(program)
    assert unmet({"browser": "chromium"}) == []


@pytest.mark.exhaustive
def test_the_browser_that_playwright_installed_is_found(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from playwright.sync_api import sync_playwright

    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "browsers"))
    assert unmet({"browser": "chromium"}) == ["needs browser, not found here: install chromium"]
    with sync_playwright() as playwright:
        place = Path(playwright.chromium.executable_path)
    assert place.is_relative_to(tmp_path)
    add_program(place.parent, place.name)
    assert find_browser() == str(place)


def test_a_playwright_that_cannot_start_has_no_browser(
    programs: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        requirements, "_ASK_PLAYWRIGHT", "import sys; sys.exit('no libatomic.so.1')"
    )
    assert find_browser() is None
    monkeypatch.setattr(requirements, "_ASK_PLAYWRIGHT", "print('/no/such/browser')")
    assert find_browser() is None


def test_the_library_of_python_can_be_loaded_or_is_told():
    code = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
    library = find_python_library()
    if library is None:
        assert unmet({"libpython": "it"}) == ["needs libpython, not found here: install it"]
    else:
        subprocess.run([sys.executable, "-c", code, library], check=True)


def test_a_python_without_a_shared_library_has_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: 0)
    assert find_python_library() is None
