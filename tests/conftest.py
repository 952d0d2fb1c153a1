"""Fixtures that every part uses: small projects made of real notebooks."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from executed_cells import Executed, code_cells
from exhaustive import OPTION, count_exhaustive, leave_to_all, take_count
from leaving_out import count_left_out, leave_out, need
from waiting import HANG

from proofbook.project import Project
from proofbook.requirements import find_browser
from proofbook.runs.folder import read_records

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def code(source: str, *tags: str, id: str = "") -> dict[str, Any]:
    """Return a code cell."""
    return {
        "cell_type": "code",
        "id": id or f"c{abs(hash(source)) % 10**8}",
        "metadata": {"tags": list(tags)} if tags else {},
        "execution_count": None,
        "outputs": [],
        "source": source,
    }


def notebook(cells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a notebook of format 4.5 with ids ``cell-0``, ``cell-1``, …"""
    numbered = [{**cell, "id": f"cell-{i}"} for i, cell in enumerate(cells)]
    return {
        "cells": numbered,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


# What tests compute is so small that a second thread only waits for the first, which costs CPU time
# that others need. Read when a library is loaded, by this process and by all that it starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_configure() -> None:
    """Draw the same examples each time, and let none fail by the clock of a busy machine."""
    if importlib.util.find_spec("hypothesis") is None:  # a GPU's own Python may have none
        return
    from hypothesis import HealthCheck, settings

    if settings.get_current_profile_name() == "mutants":
        return
    slow = [HealthCheck.too_slow]
    settings.register_profile(
        "proofbook", deadline=None, derandomize=True, suppress_health_check=slow
    )
    settings.load_profile("proofbook")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what ``make test`` asks for."""
    parser.addoption(OPTION, action="store_true", help="leave out tests marked as exhaustive")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave exhaustive tests out where that was asked for."""
    leave_to_all(config, items)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Hear from a worker how much it has left out."""
    take_count(node.config, getattr(node, "workeroutput", {}))


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """A suite started in the background ignores SIGINT, and so would all that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty cache folder, filled by whoever is first."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project, which is also the current folder."""
    root = tmp_path / "project"
    for folder in ("runbooks", "parameters", "outputs"):
        (root / folder).mkdir(parents=True)
    monkeypatch.chdir(root)
    monkeypatch.delenv("PROOFBOOK_PROJECT", raising=False)
    return Project(root)


@pytest.fixture
def add_runbook(project: Project) -> Callable[..., Path]:
    """Return a function that writes a runbook: parameters, then cells.

    Checks that call themselves ``demo/one`` get the runbook's name.
    """

    def add(name: str, *sources: str, parameters: str = "") -> Path:
        path = project.runbook(name)
        path.parent.mkdir(exist_ok=True)
        named = [source.replace("('demo/one'", f"({name!r}") for source in sources]
        cells = [code(parameters, "parameters"), *(code(s) for s in named)]
        path.write_text(json.dumps(notebook(cells), indent=1))
        return path

    return add


@pytest.fixture
def add_profile(project: Project) -> Callable[..., Path]:
    """Return a function that writes a profile."""

    def add(text: str, name: str = "tiny") -> Path:
        path = project.parameters / f"{name}.yaml"
        path.write_text(text)
        return path

    return add


@pytest.fixture
def install_subjects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that installs a distribution with reference subjects, as pip leaves it."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def install(name: str, source: str, kind: str = "aquarium.fish") -> None:
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        entry = f"[proofbook.subjects]\n{kind} = {name}_subjects:MODELS\n"
        (info / "entry_points.txt").write_text(entry)
        (site / f"{name}_subjects.py").write_text(source)
        monkeypatch.delitem(sys.modules, f"{name}_subjects", raising=False)

    return install


@pytest.fixture
def run_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Executed]:
    """Return a function that executes a runbook's cells with parameters.

    ``after`` maps a cell's id to a function that gets the namespace once that cell has run.
    """
    folder = tmp_path / "job"

    def run(
        runbook: str,
        after: Mapping[str, Callable[[dict[str, Any]], object]] | None = None,
        **parameters: object,
    ) -> Executed:
        monkeypatch.setenv("PROOFBOOK_JOB_FOLDER", str(folder))
        monkeypatch.setenv("PROOFBOOK_MEDIA_FOLDER", str(tmp_path / "media"))
        names: dict[str, Any] = {}
        error = None
        try:
            for cell, source, tags in code_cells(runbook):
                exec(compile(source, f"{runbook}:{cell}", "exec"), names)
                names.update(parameters if "parameters" in tags else {})
                (after or {}).get(cell, len)(names)
        except Exception as raised:  # noqa: BLE001 - how it ended is what a test asks
            error = raised
        records, unreadable = read_records(folder / "records.jsonl")
        assert unreadable == 0
        return Executed(folder=folder, records=records, error=error, names=names)

    return run


@pytest.fixture(scope="session")
def audit() -> Callable[..., list[str]]:
    """Return a function that names what keeps people from reading or working (a part of) a page.

    Contrast, names, roles, headings, landmarks: the rules of axe-core.
    """
    from axe_playwright_python.sync_playwright import Axe

    def run(page: Page, part: str = "") -> list[str]:
        found = Axe().run(page, part or None).response["violations"]
        return [f"{each['id']}: {node['html'][:120]}" for each in found for node in each["nodes"]]

    return run


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium of the system or of Playwright, which may play sound unasked."""
    need("browser")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=1000 * HANG)
    arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
    program = find_browser()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=program, args=arguments, timeout=1000 * HANG
        )
        yield opened
        opened.close()


@pytest.fixture
def mount_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Return a function that mounts a real file system with the options of mount(8)'s tmpfs."""
    folders: list[Path] = []

    def mount(options: str) -> Path:
        folder = tmp_path / f"disk-{len(folders)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if not shutil.which("mount") or subprocess.run(command, check=False).returncode:
            leave_out("needs to mount a file system, which this user may not: run it as root")
        folders.append(folder)
        return folder

    yield mount
    for folder in folders:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were left out, and why, where nobody overlooks it."""
    left_out = count_left_out(terminalreporter.stats.get("skipped", []))
    for line in [*left_out, *count_exhaustive(terminalreporter.config)]:
        terminalreporter.write_line(line, yellow=True, bold=True)
