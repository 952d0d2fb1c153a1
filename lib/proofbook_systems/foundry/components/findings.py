"""What is asked of a run of tests, each with what speaks against it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from proofbook_systems.foundry.components.parts import Component, fits
from proofbook_systems.foundry.components.results import BAD, Repetition, Result

__all__ = ["Finding", "judge_component_tests", "judge_left_out", "judge_runs", "name_few"]

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CODES = {
    2: "it was interrupted, or could not collect", 3: "an error inside of pytest",
    4: "pytest was called wrongly", 5: "no tests were collected",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One claim about a run of tests."""

    name: str
    issues: tuple[str, ...] = ()
    why: str
    unjudged: str = ""
    """Why nothing was looked at; empty where something was."""


def judge_runs(runs: Sequence[Repetition], known_failures: Sequence[str]) -> list[Finding]:
    """Judge that each run came to its end, said the truth about it, and that its tests pass."""
    return [
        Finding(
            name="ends-by-itself", issues=_collect(runs, _ending),
            why="a run that is ended or crashes says nothing about the tests after it",
        ),
        Finding(
            name="report-is-whole", issues=_collect(runs, lambda r: r.report_problem),
            why="what is not in the report is not known to pass",
        ),
        Finding(
            name="exit-code-fits", issues=_collect(runs, _exit_code),
            why="whoever looks at the exit code alone, as CI does, must see the same",
        ),
        Finding(
            name="something-passes", issues=_collect(runs, _nothing_passes),
            why="skipped tests, expected failures and empty suites show nothing",
        ),
        Finding(
            name="tests-pass", issues=_failures(runs, known_failures),
            why="each failing test is a fault of the project or of the test",
        ),
    ]  # fmt: skip


def judge_left_out(
    runs: Sequence[Repetition], test_files: Sequence[str], may_deselect: Sequence[str]
) -> list[Finding]:
    """Judge that every test file was collected, and every test in it run.

    Args:
        runs: All repetitions; what one of them left out counts.
        test_files: Those that are there.
        may_deselect: Globs of tests that may be left out.
    """
    broken = {n.id: n.words for run in runs for n in run.not_collected if n.outcome == "error"}
    whole = {n.id for run in runs for n in run.not_collected if n.outcome == "skipped"}
    known = {t.file for run in runs for t in run.tests} | {
        id.partition("::")[0] for run in runs for id in run.deselected
    }
    silent = [f for f in test_files if f not in known | broken.keys() | whole]
    deselected = sorted({id for run in runs for id in run.deselected})
    left = [id for id in deselected if not _any_fits(id, may_deselect)]
    return [
        Finding(
            name="everything-is-collected",
            issues=(
                *(f"{file}: {_last_line(words)}" for file, words in sorted(broken.items())),
                *(f"{file}: no test of it ran" for file in silent),
            ),
            why="tests in a file that cannot be imported, or is never looked at, do not fail",
        ),
        Finding(
            name="nothing-is-deselected", issues=tuple(left),
            why="a test that is left out is not known to pass; may_deselect allows it",
        ),
    ]  # fmt: skip


def judge_component_tests(component: Component, tests: Sequence[Result]) -> tuple[str, ...]:
    """Return why a component's own tests show nothing."""
    own = [test for test in tests if fits(test.file, component.tests)]
    if not own:
        return (f"no test of a file that fits {component.tests} ran",)
    if not any(test.outcome == "passed" for test in own):
        return (f"of its {len(own)} tests none passes: {name_few([t.outcome for t in own])}",)
    return ()


def name_few(names: Sequence[str], most: int = 10) -> str:
    """Return names in a row, and how many more there are."""
    unique = list(dict.fromkeys(names))
    more = f" and {len(unique) - most} more" if len(unique) > most else ""
    return ", ".join(unique[:most]) + more


def _collect(runs: Sequence[Repetition], judge: object) -> tuple[str, ...]:
    assert callable(judge)
    told = [(run, judge(run)) for run in runs]
    return tuple(f"{run.name}: {words}" for run, words in told if words)


def _ending(run: Repetition) -> str:
    code = run.ended.code
    if code is not None and code >= 0:
        return ""
    within = [test.id for test in run.tests if test.outcome == "unfinished"]
    return f"it {run.ended.words}" + (f", in {within[-1]}" if within else "")


def _exit_code(run: Repetition) -> str:
    code, bad = run.ended.code, run.failing
    errors = [n for n in run.not_collected if n.outcome == "error"]
    if code is None or code < 0:
        return ""  # told by ends-by-itself
    if code == 0 and (bad or errors):
        return f"exited with 0, though {len(bad) + len(errors)} failed: {_first(bad, errors)}"
    if code != 0 and not bad and not errors:
        reason = _CODES.get(code, "") if code != 1 else ""
        last = _last_line(run.ended.output)
        return f"exited with {code}, though no test failed: {reason or last}"
    return ""


def _first(bad: Sequence[Result], errors: Sequence[object]) -> str:
    return bad[0].id if bad else str(getattr(errors[0], "id", ""))


def _nothing_passes(run: Repetition) -> str:
    outcomes = [test.outcome for test in run.tests]
    if "passed" in outcomes:
        return ""
    if not outcomes:
        return f"no tests ran; the command {run.ended.words}: {_last_line(run.ended.output)}"
    counts = {o: outcomes.count(o) for o in dict.fromkeys(outcomes)}
    return "none of its tests passes: " + ", ".join(f"{n} {o}" for o, n in counts.items())


def _failures(runs: Sequence[Repetition], known: Sequence[str]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for run in runs:
        for test in run.tests:
            if test.outcome in BAD and not _any_fits(test.id, known):
                found.setdefault(test.id, f"{test.id} {test.outcome} ({run.name}): {test.words}")
    told = [_COLOURS.sub("", words).strip().removesuffix(":") for words in found.values()]
    return tuple(words[:400] for words in told)


def _any_fits(id: str, patterns: Sequence[str]) -> bool:
    # Brackets are parts of names, as in test_a[1], and no sets of letters.
    return any(fnmatchcase(id, pattern.replace("[", "[[]")) for pattern in patterns)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in _COLOURS.sub("", text).splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it printed nothing"
