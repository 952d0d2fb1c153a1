"""Run tests against mutants: in this process's forks, the first failure ends one.

A change inside a function is made by exchanging the code of the function that is already imported,
in a fork of a process that has collected the tests. A change that takes effect on import (a
constant, a class body, a default, a function that is called while importing) needs a process that
has not imported the module yet: the tests are collected there, in rounds, the likeliest first.

Processes that a test starts run the unchanged code: a mutant must be noticed where the test runs.
"""

from __future__ import annotations

import functools
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import coverage
import pytest
from _pytest.fixtures import FixtureDef
from _pytest.runner import runtestprotocol
from coverage_map import TestFile, bodies, functions_of
from digests import digest
from mutations import Mutant

__all__ = ["Task", "Verdict", "measure", "preload", "run_fresh", "run_tasks"]

_MEMORY = 8 * 2**30
"""A mutant that allocates without end must not take the machine with it."""
_PRELOADED = (
    "_hypothesis_pytestplugin", "fastapi", "hypothesis", "IPython.display", "jinja2", "jsonschema",
    "matplotlib.figure", "nbformat", "numpy", "PIL.Image", "psutil", "pydantic",
    "pytest_cov.plugin", "pytest_timeout", "rich.console", "torch", "typer", "xdist.plugin", "yaml",
)  # fmt: skip
_CACHING = type(functools.cache(len))
_START = 60.0
"""Seconds until the first test has begun."""
_WAITS = 2.0
"""Seconds: a test that takes longer waits for something, however little it computes."""
_LATEST = 12
_OPTIONS = (
    "-q", "-p", "no:cacheprovider", "-m", "not slow and not browser and not gpu",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",  # plugins are imported once for all forks
)  # fmt: skip


class Verdict(NamedTuple):
    """Whether a mutant was noticed, and by which test."""

    killed: bool
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A mutant, and the tests that may notice it, in the order in which they run."""

    key: str
    mutant: Mutant
    tests: Sequence[str]
    limits: Sequence[float]
    """How many seconds each test may take, in the same order."""


def preload() -> None:
    """Import what the tests need and what is not mutated, once for all forks."""
    for name in _PRELOADED:
        importlib.import_module(name)


def measure(files: Sequence[str], modules: Mapping[str, Path], log: Path) -> dict[str, TestFile]:
    """Return what the tests of these files run, by file; runs in this process."""
    plugin = _Measuring([str(path) for path in modules.values()])
    _quietly(log, lambda: pytest.main([*_OPTIONS, *files], plugins=[plugin]))
    return plugin.results(files, modules)


def run_tasks(
    tasks: Sequence[Task], root: Path, log: Path, report: Callable[[Task, Verdict | None], None]
) -> None:
    """Run changes of functions, and report each; None where it can only be run fresh.

    Imports the modules and collects the tests in this process.
    """
    files = sorted({test.partition("::")[0] for task in tasks for test in task.tests})
    plugin = _Exchanging(tasks, root, report)
    _quietly(log, lambda: pytest.main([*_OPTIONS, *files], plugins=[plugin]))
    if not plugin.has_run:
        raise RuntimeError(f"the tests could not be collected: see {log}")


def run_fresh(task: Task, root: Path) -> Verdict:
    """Run a change that takes effect on import; this process must not have imported the module."""
    limits = dict(zip(task.tests, task.limits, strict=True))
    for files in _rounds(task):
        tests = [test for test in task.tests if test.partition("::")[0] in files]

        def run(
            tell: Callable[[str], None],
            tests: Sequence[str] = tests,
            files: Sequence[str] = sorted(files),
        ) -> None:
            _import_as(task.mutant, root)
            plugin = _Chosen(tests, tell)
            code = pytest.main([*_OPTIONS, *files], plugins=[plugin])
            if not plugin.has_run:
                tell(f"killed the import of the tests ({code})")

        verdict = _in_fork(run, [_START, *(limits[test] for test in tests)])
        if verdict.killed:
            return verdict
    return Verdict(False)


def _rounds(task: Task) -> Iterator[set[str]]:
    """Yield the test files in rounds: that of the module's own name, then those with most tests."""
    tests = [test.partition("::")[0] for test in task.tests]
    stem = Path(task.mutant.path).stem

    def rank(name: str) -> tuple[bool, int, str]:
        return f"test_{stem}.py" not in name, -tests.count(name), name

    files = sorted(set(tests), key=rank)
    for some in (files[:2], files[2:6]):
        if some:
            yield set(some)


class _Plugin:
    """What all runs have in common: no examples are kept, none is shrunk, and all are the same."""

    def __init__(self) -> None:
        self.has_run = False

    def pytest_configure(self) -> None:
        from hypothesis import Phase, settings

        quick = (Phase.explicit, Phase.generate)
        settings.register_profile("mutants", database=None, derandomize=True, phases=quick)
        settings.load_profile("mutants")


class _Measuring(_Plugin):
    def __init__(self, paths: list[str]) -> None:
        super().__init__()
        self._coverage = coverage.Coverage(data_file=None, include=paths, config_file=False)
        self._coverage.start()
        self._seconds: dict[str, float] = {}
        self._passed: set[str] = set()
        self._failed: set[str] = set()
        self._shared: dict[FixtureDef[object], float] = {}
        """How long each fixture takes that tests share: in a fork, each test pays for it."""

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: FixtureDef[object]) -> Any:
        began = _processor_seconds()
        result = yield
        if fixturedef.scope != "function":
            self._shared[fixturedef] = _processor_seconds() - began
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        _forget_results()
        self._coverage.switch_context(item.nodeid)
        began, clock = _processor_seconds(), time.monotonic()
        result = yield
        seconds, waited = _processor_seconds() - began, time.monotonic() - clock
        fixtures = getattr(item, "_fixtureinfo", None)
        for definitions in fixtures.name2fixturedefs.values() if fixtures else ():
            seconds += self._shared.get(definitions[-1], 0.0)
        self._seconds[item.nodeid] = seconds if waited <= _WAITS else waited
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed.add(report.nodeid)
        elif report.when == "call" and report.passed:
            self._passed.add(report.nodeid)

    def results(self, files: Sequence[str], modules: Mapping[str, Path]) -> dict[str, TestFile]:
        """Return what was measured."""
        self._coverage.stop()
        data = self._coverage.get_data()
        results = {name: TestFile(digest="") for name in files}
        for test in sorted(self._failed):
            results[test.partition("::")[0]].failed.append(test)
        for test in sorted(self._passed - self._failed):
            results[test.partition("::")[0]].seconds[test] = round(self._seconds[test], 4)
        places = {
            name: {test: place for place, test in enumerate(result.seconds)}
            for name, result in results.items()
        }
        for path, file in modules.items():
            ranges = bodies(file.read_text(encoding="utf-8"))
            source = digest(file.read_bytes())
            lines: dict[str, set[int]] = {}
            for line, contexts in data.contexts_by_lineno(str(file)).items():
                for context in contexts:
                    lines.setdefault(context, set()).add(line)
                    result = results.get(context.partition("::")[0])
                    if result is not None and context in places[context.partition("::")[0]]:
                        place = places[context.partition("::")[0]][context]
                        at = result.lines.setdefault(path, {}).setdefault(str(line), [])
                        at.append(place)
                        result.sources[path] = source
            for context, seen in lines.items():
                functions = functions_of(seen, ranges)
                result = results.get(context.partition("::")[0])
                if result is not None:
                    for function in sorted(functions | ({""} if functions else set())):
                        result.functions.setdefault(f"{path}::{function}", []).append(context)
                elif not context:
                    for each in results.values():
                        each.on_import += [f"{path}::{function}" for function in sorted(functions)]
        return results


def _processor_seconds() -> float:
    """Return what this process and its children have used: a busy machine makes no test slower."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _forget_results() -> None:
    """Clear what functions keep of earlier calls, so that each test runs what it needs itself."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "proofbook":
            for value in list(vars(module).values()):
                if isinstance(value, _CACHING):
                    value.cache_clear()


class _Chosen(_Plugin):
    """Run chosen tests in a given order, up to the first that fails."""

    def __init__(self, tests: Sequence[str], tell: Callable[[str], None]) -> None:
        super().__init__()
        self._tests, self._tell = tests, tell

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.has_run = True
        if session.testsfailed:  # without the change, all of them are collected
            self._tell("killed the collection of the tests")
            return True
        _run_items(_items(session, self._tests), self._tell)
        return True


class _Exchanging(_Plugin):
    """Fork for each task once all is collected."""

    def __init__(
        self, tasks: Sequence[Task], root: Path, report: Callable[[Task, Verdict | None], None]
    ) -> None:
        super().__init__()
        self._tasks, self._root, self._report = tasks, root, report
        self._killers: dict[str, dict[str, None]] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.has_run = True
        paths = {str(self._root / task.mutant.path) for task in self._tasks}
        functions = _functions(paths)
        gc.collect()
        gc.freeze()
        for task in self._tasks:
            code = compile(task.mutant.source, str(self._root / task.mutant.path), "exec")
            exchange = _exchange(code, task.mutant.function, functions)
            imported = _module_name(task.mutant.path) in sys.modules
            if exchange is None and imported:
                self._report(task, None)
                continue
            order = self._likeliest_first(task)
            items = _items(session, order)

            def run(
                tell: Callable[[str], None],
                task: Task = task,
                items: Sequence[pytest.Item] = items,
                exchange: Sequence[tuple[FunctionType, CodeType]] = exchange or (),
            ) -> None:
                for function, changed in exchange:
                    function.__code__ = changed
                if not exchange:
                    _import_as(task.mutant, self._root)
                _run_items(items, tell)

            limits = dict(zip(task.tests, task.limits, strict=True))
            verdict = _in_fork(run, [_START, *(limits[test] for test in order)])
            if verdict.by in limits:
                self._killers.setdefault(task.mutant.path, {}).pop(verdict.by, None)
                self._killers[task.mutant.path][verdict.by] = None
            self._report(task, verdict)
        return True

    def _likeliest_first(self, task: Task) -> list[str]:
        """Order tests: those that noticed the last few mutants, the module's own, all others."""
        latest = [*self._killers.get(task.mutant.path, ())][-_LATEST:]
        own = f"test_{Path(task.mutant.path).stem}.py::"
        rank = {
            test: (test not in latest, own not in test, at) for at, test in enumerate(task.tests)
        }
        return sorted(rank, key=rank.__getitem__)


def _items(session: pytest.Session, tests: Sequence[str]) -> list[pytest.Item]:
    by_name = {item.nodeid: item for item in session.items}
    return [by_name[test] for test in tests if test in by_name]


def _run_items(items: Sequence[pytest.Item], tell: Callable[[str], None]) -> None:
    for item, following in zip_longest(items, items[1:]):
        tell(item.nodeid)
        if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
            tell("killed " + item.nodeid)
            return


def _functions(paths: set[str]) -> dict[tuple[str, str, int], list[FunctionType]]:
    """Return all functions of some files, by file, qualified name and first line."""
    found: dict[tuple[str, str, int], list[FunctionType]] = {}
    for each in gc.get_objects():
        if type(each) is FunctionType and each.__code__.co_filename in paths:
            code = each.__code__
            key = (code.co_filename, code.co_qualname, code.co_firstlineno)
            found.setdefault(key, []).append(each)
    return found


def _exchange(
    module: CodeType,
    function: str,
    functions: Mapping[tuple[str, str, int], Sequence[FunctionType]],
) -> list[tuple[FunctionType, CodeType]] | None:
    """Return each function whose code changes, with the new code; None if that cannot be done."""
    pairs = [
        (each, code)
        for code in _codes(module)
        if code.co_qualname == function
        for each in functions.get((code.co_filename, function, code.co_firstlineno), ())
    ]
    if not pairs or any(each.__code__.co_freevars != code.co_freevars for each, code in pairs):
        return None
    return pairs


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _module_name(path: str) -> str:
    parts = Path(path).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _import_as(mutant: Mutant, root: Path) -> None:
    """Let this process import the changed module."""
    name, file = _module_name(mutant.path), root / mutant.path

    class Changed(importlib.machinery.SourceFileLoader):
        def get_code(self, fullname: str) -> CodeType:
            return compile(mutant.source, str(file), "exec", dont_inherit=True)

    class Finder(importlib.abc.MetaPathFinder):
        def find_spec(
            self, fullname: str, path: object, target: ModuleType | None = None
        ) -> importlib.machinery.ModuleSpec | None:
            if fullname != name:
                return None
            return importlib.util.spec_from_file_location(
                name,
                file,
                loader=Changed(name, str(file)),
                submodule_search_locations=[str(file.parent)] if file.stem == "__init__" else None,
            )

    sys.meta_path.insert(0, Finder())


def _in_fork(run: Callable[[Callable[[str], None]], None], limits: Sequence[float]) -> Verdict:
    """Run in a fork that tells each step before it begins; a step that takes too long is a kill."""
    reading, writing = os.pipe()
    temporary = tempfile.mkdtemp(prefix="mutant-")
    child = os.fork()
    if child == 0:
        os.close(reading)
        _be_child(temporary)
        try:
            run(lambda line: _tell(writing, line))
            _tell(writing, "done")
        except BaseException as error:  # noqa: BLE001 - the bench itself is broken
            _tell(writing, f"broken {error!r}")
        finally:
            os._exit(0)
    os.close(writing)
    try:
        return _follow(reading, limits)
    finally:
        os.close(reading)
        _end(child)
        shutil.rmtree(temporary, ignore_errors=True)


def _be_child(temporary: str) -> None:
    os.setpgid(0, 0)
    gc.disable()  # it would touch, and so copy, all that the forks share
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    os.environ["PYTEST_DEBUG_TEMPROOT"] = temporary
    tempfile.tempdir = temporary
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)


def _tell(pipe: int, line: str) -> None:
    os.write(pipe, line.replace("\n", " ").encode() + b"\n")


def _follow(pipe: int, limits: Sequence[float]) -> Verdict:
    step, rest, at = 0, b"", ""
    while True:
        limit = limits[min(step, len(limits) - 1)]
        if not select.select([pipe], [], [], limit)[0]:
            return Verdict(True, f"timeout in {at}")
        data = os.read(pipe, 65536)
        if not data:
            return Verdict(True, f"death in {at}")
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            text = line.decode()
            if text.startswith("killed "):
                return Verdict(True, text.removeprefix("killed "))
            if text.startswith("broken "):
                raise RuntimeError(text)
            if text == "done":
                return Verdict(False)
            step, at = step + 1, text


def _end(child: int) -> None:
    """End a fork with all that its tests left in its process group."""
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _quietly(log: Path, run: Callable[[], object]) -> None:
    """Send what pytest prints to a file."""
    with log.open("ab") as file:
        saved = [os.dup(stream) for stream in (1, 2)]
        sys.stdout.flush()
        try:
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
            run()
        finally:
            sys.stdout.flush()
            for stream, old in zip((1, 2), saved, strict=True):
                os.dup2(old, stream)
                os.close(old)
