"""Components beside their goals: coverage, tests, and what keeps either from being known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from proofbook_systems.foundry.components.coverage_reports import FileCoverage
from proofbook_systems.foundry.components.findings import judge_component_tests, name_few
from proofbook_systems.foundry.components.parts import Component, fits
from proofbook_systems.foundry.components.results import BAD, RAN, Result

__all__ = ["ComponentRow", "Share", "find_uncovered_lines", "judge_components", "share_of"]

Coverage = Mapping[str, FileCoverage]


@dataclass(frozen=True, kw_only=True)
class Share:
    """How much of some source files was reached."""

    percent: float | None
    """None where there is nothing to reach, or nothing was measured."""
    never_imported: tuple[str, ...]
    left_out: tuple[str, ...]
    """Files that the project's own settings keep out of the report."""

    @property
    def words(self) -> str:
        """What a person should know beside the figure."""
        told = [f"never imported: {name_few(self.never_imported)}"] if self.never_imported else []
        if self.left_out:
            told.append(f"left out by the project's coverage settings: {name_few(self.left_out)}")
        return "; ".join(told) or "every file was imported"


@dataclass(frozen=True, kw_only=True)
class ComponentRow:
    """One component, as it was found."""

    component: Component
    share: Share
    issues: tuple[str, ...]
    """Why it is not known to be tested, whatever the figure."""
    tests: int
    """How many of its tests ran."""
    seconds: float

    @property
    def line(self) -> str:
        """Its line in a table."""
        percent = self.share.percent
        told = "-" if percent is None else f"{percent:.1f}"
        goal = f"{self.component.goal:g}"
        name, priority = self.component.name, self.component.priority
        head = f"{name:<16}{told:>8} {goal:>6}  {priority:<10}{self.tests:>5}{self.seconds:>9.2f}"
        return f"{head}  {self.share.words}"


def share_of(files: Sequence[str], coverage: Coverage) -> Share:
    """Return how much of ``files`` was reached, as coverage.py counts it."""
    known = [coverage[name] for name in files if name in coverage]
    total = sum(each.total for each in known)
    return Share(
        percent=100 * sum(each.covered for each in known) / total if total else None,
        never_imported=tuple(n for n in files if n in coverage and not coverage[n].ran),
        left_out=tuple(n for n in files if n not in coverage),
    )  # fmt: skip


def judge_components(
    components: Sequence[Component], coverage: Coverage | None, tests: Sequence[Result]
) -> list[ComponentRow]:
    """Return each component with its coverage and what speaks against it.

    Args:
        components: The parts of the project.
        coverage: By file; None where none was asked for.
        tests: Of one run.
    """
    rows = []
    for each in components:
        share = share_of(each.sources, coverage or {})
        own = [t for t in tests if fits(t.file, each.tests)]
        issues = (*judge_component_tests(each, tests), *_source_issues(each, share, coverage))
        rows.append(ComponentRow(
            component=each, share=share, issues=issues, tests=sum(t.outcome in RAN for t in own),
            seconds=sum(test.seconds for test in own),
        ))  # fmt: skip
    return rows


def _source_issues(
    component: Component, share: Share, coverage: Coverage | None
) -> tuple[str, ...]:
    if not component.sources:
        return (f"no source file fits {component.patterns[0]}",)
    if coverage is not None and share.percent is None:
        left = f": {share.words}" if share.left_out else ""
        return (f"there is nothing to reach in {name_few(component.sources)}{left}",)
    return ()


def find_uncovered_lines(
    critical: Mapping[str, str], tests: Sequence[Result]
) -> tuple[list[str], int]:
    """Return the lines of a checklist that tests do not show, with why, and how many there are.

    Args:
        critical: From a line to the tests that show it: globs of their names, ``|`` between them.
            Each glob must fit a test, of those that fit one must pass, and none may fail.
        tests: Of one run.
    """
    missing = []
    for line, pattern in critical.items():
        globs = [each.strip() for each in pattern.split("|") if each.strip()]
        reasons = [_why_unshown(glob, tests) for glob in globs] or ["it names no test"]
        missing += [f"{line}: {reason}" for reason in filter(None, reasons)]
    return missing, len(critical)


def _why_unshown(glob: str, tests: Sequence[Result]) -> str:
    # Brackets are parts of names, as in test_a[1], and no sets of letters.
    exact = glob.replace("[", "[[]")
    own = [test for test in tests if fnmatchcase(test.id, exact)]
    failed = [test.id for test in own if test.outcome in BAD]
    if not own:
        return f"no test fits {glob}"
    if failed:
        return f"{name_few(failed, most=3)} failed"
    if not any(test.outcome == "passed" for test in own):
        return f"{name_few([f'{test.id} ({test.outcome})' for test in own], most=3)}; none passes"
    return ""
