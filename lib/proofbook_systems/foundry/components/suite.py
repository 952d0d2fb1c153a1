"""All runs of a project's tests, in one place for a notebook to work with."""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.fingerprints import revision_of
from proofbook.processes import TemporaryFolder
from proofbook_systems.foundry.components.coverage_reports import FileCoverage, measure_coverage
from proofbook_systems.foundry.components.findings import (
    Finding,
    judge_left_out,
    judge_runs,
    name_few,
)
from proofbook_systems.foundry.components.parts import (
    Component,
    fits,
    list_components,
    list_sources,
)
from proofbook_systems.foundry.components.results import Repetition, Result
from proofbook_systems.foundry.components.running import Places, run_tests
from proofbook_systems.foundry.components.subject import Project, find_project, list_files
from proofbook_systems.foundry.config import ComponentsConfig

__all__ = ["Suite", "describe_skips", "open_suite"]

_SEED = 20


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A project's tests, and how they are to be run."""

    project: Project
    config: ComponentsConfig
    folder: Path
    """Where copies are; gone when this process ends."""

    @cached_property
    def files(self) -> dict[str, tuple[int, int]]:
        """Every file of the project before anything ran, with size and time."""
        return list_files(self.project)

    @cached_property
    def components(self) -> tuple[Component, ...]:
        """The parts that goals are about."""
        given = self.config
        return list_components(
            self.files, given.components, given.goals, given.priorities, given.overall
        )

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The source files of the project as a whole."""
        return list_sources(self.files, self.config.sources)

    @property
    def revision(self) -> str:
        """What tells this project from another state of it."""
        return revision_of(self.project.folder, without="__pycache__")

    def run(self) -> list[Repetition]:
        """Run all tests as often as asked; the last time in random order, where that is asked."""
        self.files  # noqa: B018 - looked at before anything runs
        number = self.config.repetitions
        shuffled = {number} if self.config.shuffled else set()
        return [
            run_tests(
                self.project, self.config.test_command, self._places(each), number=each,
                timeout=self.config.timeout, shuffle=_SEED if each in shuffled else None,
            )
            for each in range(1, number + 1)
        ]  # fmt: skip

    def judge(self, runs: Sequence[Repetition]) -> list[Finding]:
        """Judge the runs, what they left out, and that the project is as it was."""
        names = [name for name in self.files if name.endswith(".py")]
        patterns = [c.tests for c in self.components] or ["**/test_*.py|**/*_test.py"]
        test_files = [n for n in names if any(fits(n, p) for p in patterns)]
        after = list_files(self.project)
        changed = sorted(n for n in {*self.files, *after} if self.files.get(n) != after.get(n))
        untouched = Finding(
            name="project-is-untouched", issues=tuple(changed),
            why="tests run in a copy; what they write must not reach the project itself",
        )  # fmt: skip
        return [
            *judge_runs(runs, self.config.known_failures),
            *judge_left_out(runs, test_files, self.config.may_deselect), untouched,
        ]  # fmt: skip

    def coverage(self) -> tuple[dict[str, FileCoverage] | None, str]:
        """Return the coverage of the first run by file, or why there is none."""
        names = {*self.sources, *(n for c in self.components for n in c.sources)}
        try:
            return dict(measure_coverage(self.project, self._places(1), sorted(names))), ""
        except SubjectError as error:
            return None, str(error)

    def logs(self) -> list[Path]:
        """Return what each run printed."""
        return [self._places(n).log for n in range(1, self.config.repetitions + 1)]

    def _places(self, number: int) -> Places:
        return Places(root=self.folder / str(number))


def open_suite(config: ComponentsConfig, folder: Path) -> Suite:
    """Find the project and its interpreter.

    Args:
        config: The runbook's parameters.
        folder: Where a reference project is written.

    Raises:
        SubjectError: There is no such project or interpreter.
    """
    project = find_project(
        config.project, config.interpreter, config.environment, config.leave_out, folder
    )
    # A short path: sockets that tests make below it have names of at most 108 bytes (unix(7)).
    scratch = TemporaryFolder("proofbook-suite-")
    atexit.register(scratch.remove)
    return Suite(project=project, config=config, folder=scratch.path)


def describe_skips(tests: Sequence[Result], mark: str = "gpu") -> dict[str, str]:
    """Return what was skipped, for a person: tests with the mark, and others, by their names."""
    skipped = [test for test in tests if test.outcome in ("skipped", "xfailed", "xpassed")]
    kinds = {
        f"tests-marked-{mark}": [t for t in skipped if mark in t.marks and t.outcome == "skipped"],
        "skipped-tests": [t for t in skipped if mark not in t.marks and t.outcome == "skipped"],
        "expected-failures": [t for t in skipped if t.outcome == "xfailed"],
        "unexpected-passes": [t for t in skipped if t.outcome == "xpassed"],
    }
    return {
        kind: f"{len(found)} of {len(tests)} tests: "
        + name_few([f"{t.id} ({t.words})" if t.words else t.id for t in found])
        for kind, found in kinds.items() if found
    }  # fmt: skip
