"""Tests that notice: change the harness in one place at a time, and see whether a test fails.

    make mutants                                        all modules
    make mutants ONLY=lib/proofbook/runs/verdicts.py    some modules, as a glob

Prints for each module how many mutants there are, how many were killed and how many survived, and
exits with 1 where fewer than 95 % of those that a test could notice were killed. What is known is
kept in ``.mutants/``: only what has changed is run again. ``FRESH=1`` forgets it.

Only quick tests count, which take 0.1 s at most and are not marked ``slow`` or ``browser``. A
mutant that mypy refuses is killed too, by ``make lint``, and counted apart as well.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from coverage_map import CoverageMap, Lines, bodies, helpers_digest, statement_lines
from digests import digest
from equivalents import Equivalents
from mutant_runs import Task, Verdict, measure, preload, run_fresh, run_tasks
from mutations import Mutant, find_mutants
from type_errors import refused
from verdict_cache import VerdictCache

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".mutants"
BAR = 0.95
LONGEST = 0.1
"""Seconds of a processor: a longer test does not count."""

_OUTPUT = os.dup(1)

MODULES = (
    "lib/proofbook/runs/verdicts.py",
    "lib/proofbook/runs/record_rules.py",
    "lib/proofbook/checks/expectations.py",
    "lib/proofbook/checks/comparison.py",
    "lib/proofbook/checks/evaluation.py",
    "lib/proofbook/checks/ledger.py",
    "lib/proofbook/checks/checks.py",
    "lib/proofbook/runner/resume.py",
    "lib/proofbook/runner/schedule.py",
    "lib/proofbook/runner/plan.py",
    "lib/proofbook/runner/parameters.py",
    "lib/proofbook/runner/needs.py",
    "lib/proofbook/report/junit.py",
    "lib/proofbook/runs/redaction.py",
    "lib/proofbook/runs/record_redaction.py",
    "lib/proofbook/runs/notebook_redaction.py",
    "lib/proofbook/runs/secrets/*.py",
    "lib/proofbook/runs/*.py",
    "lib/proofbook/checks/*.py",
    "lib/proofbook/records/*.py",
    "lib/proofbook/profiles.py",
    "lib/proofbook/runner/attempts.py",
    "lib/proofbook/runner/entries.py",
    "lib/proofbook/runner/outcomes.py",
    "lib/proofbook/runner/overrides.py",
    "lib/proofbook/signoff/*.py",
    "lib/proofbook/merging/*.py",
    "lib/proofbook/review/anchoring.py",
    "lib/proofbook/review/connections.py",
)
"""Globs, in the order in which they are run."""
TESTS = (
    "tests/checks/test_*.py",
    "tests/merging/test_*.py",
    "tests/records/test_*.py",
    "tests/report/test_*.py",
    "tests/review/test_*.py",
    "tests/runner/test_*.py",
    "tests/runs/test_*.py",
    "tests/signoff/test_*.py",
    "tests/test_[!ade]*.py",
)


def main() -> int:
    """Run the bench; return its exit code."""
    arguments = _arguments()
    if arguments.fresh:
        shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir(exist_ok=True)
    modules = {
        path: ROOT / path
        for path in _paths(MODULES)
        if any(fnmatch(path, glob) for glob in arguments.only or ["*"])
    }
    if not modules:
        print(f"no module matches {' '.join(arguments.only)}", file=sys.stderr)
        return 2
    coverage_map = _measured()
    mutants = [m for path, file in modules.items() for m in find_mutants(path, file.read_text())]
    if arguments.quick:
        mutants = [m for m in mutants if not _takes_effect_on_import(m, coverage_map)]
    verdicts = _judged(mutants, coverage_map)
    equivalents = Equivalents(Path(__file__).parent / "equivalent.yaml")
    is_good = _report(list(modules), mutants, verdicts, equivalents, verbose=arguments.survivors)
    survivors = [mutant for mutant in mutants if not verdicts[mutant].killed]
    stale = [] if arguments.quick else equivalents.stale(survivors, modules)
    for line in stale:
        print(f"no longer needed in equivalent.yaml: {line}")
    return int(bool(stale) or not is_good)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("only", nargs="*", help="globs of modules")
    parser.add_argument("--quick", action="store_true", help="only what is not run on import")
    parser.add_argument("--fresh", action="store_true", help="forget what is known")
    parser.add_argument(
        "--survivors", action="store_true", help="list those that are equivalent too"
    )
    return parser.parse_args()


def _paths(globs: Sequence[str]) -> list[str]:
    paths = [p.relative_to(ROOT).as_posix() for glob in globs for p in sorted(ROOT.glob(glob))]
    return list(dict.fromkeys(path for path in paths))


def _measured() -> CoverageMap:
    """Return which tests run what; measures what is not known."""
    kept = KEPT / "coverage.json"
    coverage_map = CoverageMap.load(kept)
    modules = {path: ROOT / path for path in _paths(MODULES)}
    names = {path: digest(*sorted(bodies(file.read_text()))) for path, file in modules.items()}
    digests = {
        path: digest((ROOT / path).read_bytes(), helpers_digest((ROOT / path).parent))
        for path in _paths(TESTS)
    }
    stale = coverage_map.stale(digests, names)
    if stale:
        print(f"measuring what {len(stale)} test files run", flush=True)
        _apart(lambda: _measure_and_keep(stale, modules, digests, names, kept))
        coverage_map = CoverageMap.load(kept)
    for each in coverage_map.files.values():
        for test in each.failed:
            print(f"fails without any mutant, and so cannot notice one: {test}", flush=True)
    return coverage_map


def _measure_and_keep(
    stale: Sequence[str],
    modules: Mapping[str, Path],
    digests: Mapping[str, str],
    names: Mapping[str, str],
    kept: Path,
) -> None:
    coverage_map = CoverageMap.load(kept)
    coverage_map.stale(digests, names)
    for path, result in measure(stale, modules, KEPT / "measuring.log").items():
        result.digest = digests[path]
        touched = {name.partition("::")[0] for name in result.functions}
        result.known = {module: names[module] for module in touched}
        coverage_map.files[path] = result
    coverage_map.save(kept)


def _judged(mutants: Sequence[Mutant], coverage_map: CoverageMap) -> dict[Mutant, Verdict]:
    """Return what became of each mutant; runs those of which it is not known."""
    digests = {path: digest((ROOT / path).read_bytes()) for path in _paths(TESTS)}
    cache = VerdictCache(KEPT / "verdicts.jsonl", digests)
    places = {path: _Places(path) for path in {mutant.path for mutant in mutants}}
    tasks = [_task(mutant, coverage_map, places[mutant.path]) for mutant in mutants]
    known = {task.mutant: verdict for task in tasks if (verdict := cache.find(task)) is not None}
    todo = [task for task in tasks if task.mutant not in known]
    quick = [t for t in todo if t.tests and not _takes_effect_on_import(t.mutant, coverage_map)]
    if todo:
        print(f"{len(known)} of {len(mutants)} mutants are known, {len(todo)} to run", flush=True)
    if quick:
        _apart(lambda: run_tasks(quick, ROOT, KEPT / "running.log", _keeping(cache, len(quick))))
        cache = VerdictCache(KEPT / "verdicts.jsonl", digests)
    for task, verdict in _typed([t for t in tasks if not cache.is_settled(t)]):
        if verdict.killed or cache.find(task) is not None:
            cache.keep(task, verdict)
    left = [task for task in tasks if cache.find(task) is None]
    keep = _keeping(cache, len(left))
    if left:
        preload()
    for task in left:
        verdict = run_fresh(task, ROOT) if task.tests else Verdict(False)
        keep(task, verdict if verdict.killed else Verdict(False, "mypy: accepts it"))
    return {task.mutant: cache.find(task) or Verdict(False) for task in tasks}


def _typed(tasks: Sequence[Task]) -> Iterator[tuple[Task, Verdict]]:
    """Ask mypy about mutants that no test has noticed, or for which running tests takes longer."""
    for path in sorted({task.mutant.path for task in tasks}):
        of = {task.mutant: task for task in tasks if task.mutant.path == path}
        errors = refused(path, list(of), ROOT)
        for mutant, task in of.items():
            error = errors.get(mutant)
            yield task, Verdict(error is not None, f"mypy: {error or 'accepts it'}")


def _keeping(cache: VerdictCache, count: int) -> Callable[[Task, Verdict | None], None]:
    """Return a function that keeps verdicts, and tells now and then how far it is."""
    done, started = 0, time.monotonic()

    def keep(task: Task, verdict: Verdict | None) -> None:
        nonlocal done
        done += 1
        if verdict is not None:
            cache.keep(task, verdict)
            if not verdict.killed:
                _say(f"survived: {task.mutant.path} {task.mutant.function}: {task.mutant.change}")
        if done % 100 == 0 or done == count:
            _say(f"{done} of {count} in {time.monotonic() - started:.0f} s")

    return keep


def _say(line: str) -> None:
    """Print past pytest, which has redirected the standard output."""
    os.write(_OUTPUT, f"{line}\n".encode())


class _Places:
    """Where the statements of a module are."""

    def __init__(self, path: str) -> None:
        source = (ROOT / path).read_text(encoding="utf-8")
        self._digest, self._lines = digest(source), statement_lines(source)

    def of(self, line: int) -> Lines:
        return Lines(self._digest, self._lines.get(line, range(line, line + 1)))


def _task(mutant: Mutant, coverage_map: CoverageMap, places: _Places) -> Task:
    on_import = _takes_effect_on_import(mutant, coverage_map)
    function = "" if on_import else mutant.function
    tests = coverage_map.tests(mutant.path, function, LONGEST, places.of(mutant.line))
    return Task(
        key=digest(mutant.path, mutant.function, mutant.statement),
        mutant=mutant,
        tests=tests,
        limits=[5.0 + 20 * coverage_map.seconds(test) for test in tests],
    )


def _takes_effect_on_import(mutant: Mutant, coverage_map: CoverageMap) -> bool:
    return not mutant.function or coverage_map.runs_on_import(mutant.path, mutant.function)


def _apart(run: Callable[[], object]) -> None:
    """Run in a fork, so that this process never imports the harness."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            run()
            code = 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    if os.waitpid(child, 0)[1] != 0:
        raise SystemExit(f"the tests could not be run: see {KEPT}")


def _report(
    modules: Sequence[str],
    mutants: Sequence[Mutant],
    verdicts: Mapping[Mutant, Verdict],
    equivalents: Equivalents,
    *,
    verbose: bool,
) -> bool:
    """Print a line a module; say whether each is above the bar."""
    survivors = [mutant for mutant in mutants if not verdicts[mutant].killed]
    for mutant in survivors:
        if verbose or mutant not in equivalents:
            listed = "equivalent" if mutant in equivalents else "survived"
            print(f"{listed}: {mutant.path} {mutant.function or 'on import'}: {mutant.change}")
    print(f"{'module':44} mutants  killed  by types  equivalent  survived   ratio")
    is_good = True
    for name in [*modules, "all"]:
        of = [m for m in mutants if name in (m.path, "all")]
        killed = sum(verdicts[m].killed for m in of)
        same = sum(m in equivalents for m in survivors if name in (m.path, "all"))
        ratio = killed / (len(of) - same) if len(of) > same else 1.0
        is_good &= ratio >= BAR
        left = len(of) - killed - same
        types = sum(verdicts[m].by.startswith("mypy: ") for m in of if verdicts[m].killed)
        print(f"{name:44} {len(of):7} {killed:7} {types:9} {same:11} {left:9} {ratio:7.1%}")
    return is_good


if __name__ == "__main__":
    raise SystemExit(main())
