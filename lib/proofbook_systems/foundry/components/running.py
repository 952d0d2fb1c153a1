"""Run a project's tests in a copy of it, with every cache outside, and read what they left."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.processes import Ended, run
from proofbook.processes.placeholders import fill_command, has_placeholder
from proofbook_systems.foundry.components.events import Events, read_events
from proofbook_systems.foundry.components.junit import read_junit
from proofbook_systems.foundry.components.results import NotCollected, Repetition, Result
from proofbook_systems.foundry.components.subject import Project, copy_project, list_files

__all__ = ["INJECTED", "Places", "run_tests", "variables"]

INJECTED = Path(__file__).parent / "injected"
_PLUGIN = "proofbook_pytest_events"
_DROPPED = ("PYTEST_", "COVERAGE_", "COV_CORE_")
"""Beginnings of variables with which another run of tests, around this one, would disturb it."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where one run of the tests happens, and where it leaves what; all outside the project."""

    root: Path

    def __post_init__(self) -> None:
        for folder in (self.root, self.events, self.data.parent, self.root / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def copy(self) -> Path:
        """The copy of the project."""
        return self.root / "project"

    @property
    def junit(self) -> Path:
        """The JUnit report."""
        return self.root / "junit.xml"

    @property
    def coverage(self) -> Path:
        """The report that the tests' own command writes, if it does."""
        return self.root / "coverage-report"

    @property
    def data(self) -> Path:
        """The data file of ``coverage``."""
        return self.root / "coverage" / "data"

    @property
    def events(self) -> Path:
        """What the plugin writes down."""
        return self.root / "events"

    @property
    def log(self) -> Path:
        """What the command printed."""
        return self.root / "output.log"


def run_tests(
    project: Project, command: Sequence[str], places: Places, *, number: int, timeout: float,
    shuffle: int | None = None,
) -> Repetition:  # fmt: skip
    """Run all tests once, in a fresh copy of the project.

    Args:
        project: Whose tests.
        command: With ``{junit}``, and perhaps ``{python}``, ``{project}``, ``{coverage}`` and
            ``{unittest}``.
        places: Where.
        number: Of this run, from 1.
        timeout: Seconds.
        shuffle: Seed of a random order, which pytest alone takes.

    Raises:
        SubjectError: The command has no ``{junit}``, or cannot be started.
    """
    if not has_placeholder(command, "junit"):
        raise SubjectError("test_command has no {junit}: say where the JUnit report is to go")
    copy_project(project, places.copy)
    before = list_files(project, places.copy)
    words = fill_command(command, {
        "python": project.python, "project": str(places.copy), "junit": str(places.junit),
        "coverage": str(places.coverage), "unittest": str(INJECTED / "unittest_junit.py"),
    }, "test_command")  # fmt: skip
    own_coverage = not has_placeholder(command, "coverage") and "coverage" in words
    env = variables(project, places, own_coverage=own_coverage, shuffle=shuffle)
    ended = run(words, timeout=timeout, log=places.log, name="the tests", cwd=places.copy, env=env)
    after = list_files(project, places.copy)
    left = sorted(n for n in {*before, *after} if before.get(n) != after.get(n))
    return _read(ended, places, number, shuffle is not None, tuple(left))


def variables(
    project: Project, places: Places, *, own_coverage: bool = False, shuffle: int | None = None
) -> dict[str, str]:
    """Return the environment of the project's programs: its own copy first, caches elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_DROPPED)}
    if kept.get("MPLBACKEND", "").startswith("module://"):
        del kept["MPLBACKEND"]  # a notebook's, which the project's interpreter may not have
    given = {k: v.replace("{project}", str(places.copy)) for k, v in project.environment.items()}
    roots = [INJECTED, *([places.copy / "src"] if (places.copy / "src").is_dir() else [])]
    paths = [*map(str, roots), str(places.copy), given.pop("PYTHONPATH", kept.get("PYTHONPATH"))]
    options = ["-o", f"cache_dir={places.root / 'cache'}", "-o", "junit_family=xunit1"]
    options += ["--no-cov"] if own_coverage and _has_pytest_cov(project) else []
    ours = {
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PYTHONPYCACHEPREFIX": str(places.root / "bytecode"),
        "COVERAGE_FILE": str(places.data),
        "PYTEST_ADDOPTS": " ".join([given.pop("PYTEST_ADDOPTS", ""), *map(shlex.quote, options)]),
        "PYTEST_PLUGINS": ",".join(filter(None, [given.pop("PYTEST_PLUGINS", ""), _PLUGIN])),
        "PROOFBOOK_PYTEST_EVENTS": str(places.events),
        "TMPDIR": str(places.root / "tmp"),
        "GIT_OPTIONAL_LOCKS": "0",
    }
    seed: Mapping[str, str] = {} if shuffle is None else {"PROOFBOOK_SHUFFLE": str(shuffle)}
    return {**kept, **ours, **seed, **given}


def _has_pytest_cov(project: Project) -> bool:
    """Say whether the project's pytest would measure coverage inside of ``coverage run``."""
    asked = run([project.python, "-c", "import pytest_cov"], timeout=60, name="the interpreter")
    return asked.code == 0


def _read(
    ended: Ended, places: Places, number: int, shuffled: bool, left: tuple[str, ...]
) -> Repetition:
    events = read_events(places.events)
    reported: tuple[Result, ...] = ()
    try:
        reported, problem = read_junit(places.junit, places.copy), ""
    except SubjectError as error:
        problem = str(error)
    files: tuple[NotCollected, ...] = events.not_collected if events else ()
    return Repetition(
        number=number, shuffled=shuffled, ended=ended, left=left, not_collected=files,
        tests=events.tests if events else reported,
        deselected=events.deselected if events else (),
        report_problem=problem or (_difference(events, reported) if events else ""),
    )  # fmt: skip


def _difference(events: Events, reported: Sequence[Result]) -> str:
    """Return where the report departs from what pytest said while it ran; empty where nowhere."""
    if events.unfinished:
        return "pytest did not come to the end of its session"
    bad = {t.id for t in events.tests if t.outcome in ("failed", "error", "unfinished")}
    told = [t for t in reported if t.outcome in ("failed", "error")]
    if len(bad) > len(told):
        return f"the report has {len(told)} failures; {len(bad)} tests failed while pytest ran"
    if len(events.tests) > len(reported):
        return f"the report has {len(reported)} tests; {len(events.tests)} ran"
    return ""
