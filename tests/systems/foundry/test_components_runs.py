"""A project's tests are run in a copy, and nothing that hides a failure is taken for a pass."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from runbook_defaults import config_of

from proofbook_systems.foundry.components import flakiness, table
from proofbook_systems.foundry.components.results import Repetition
from proofbook_systems.foundry.components.suite import Suite, describe_skips, open_suite

pytestmark = pytest.mark.slow

PLAIN = ["{python}", "-m", "pytest", "-q", "--junitxml", "{junit}"]
MEASURED = ["{python}", "-m", "coverage", "run", *PLAIN[1:]]
GOOD = "def test_a():\n    assert 1 + 1 == 2\n"
Open = Callable[..., Suite]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Return a function that writes a project and opens its suite."""

    def make(files: dict[str, str], **changes: Any) -> Suite:
        for name, text in files.items():
            place = tmp_path / "project" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        values: dict[str, Any] = {
            "project": str(tmp_path / "project"), "interpreter": sys.executable,
            "test_command": PLAIN, "components": {}, "goals": {}, "priorities": {},
            "repetitions": 1, "timeout": 300.0,
        }  # fmt: skip
        return open_suite(config_of("foundry/components", **(values | changes)), tmp_path)

    return make


def red(suite: Suite, runs: list[Repetition]) -> dict[str, str]:
    """Return what speaks against the runs, by finding."""
    return {f.name: "; ".join(f.issues) for f in suite.judge(runs) if f.issues}


EXIT_0 = "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n"
CRASH = GOOD + "def test_b():\n    import os\n    os._exit(0)\ndef test_c():\n    pass\n"
HANG = GOOD + "def test_b():\n    import time\n    time.sleep(600)\n"
SKIP = "import pytest\n@pytest.mark.skip(reason='later')\ndef test_a():\n    pass\n"
XFAIL = "import pytest\n@pytest.mark.xfail\ndef test_a():\n    assert 0\n"
SLOW = "import pytest\n@pytest.mark.slow\ndef test_b():\n    assert 0\n"
NOT_SLOW = "[pytest]\naddopts = -m 'not slow'\nmarkers = slow: x\n"
HALF = "[pytest]\npython_files = test_a.py\n"

PLANTED: list[tuple[str, dict[str, str], dict[str, Any], str, str]] = [
    ("exit-0", {"conftest.py": EXIT_0, "test_a.py": "def test_a():\n    assert 0\n"}, {},
     "exit-code-fits", "exited with 0, though 1 failed: test_a.py::test_a"),
    ("a-failure", {"test_a.py": GOOD + "def test_b():\n    assert 1 == 3\n"}, {},
     "tests-pass", "test_a.py::test_b failed (run 1): assert 1 == 3"),
    ("nothing", {"train.py": "x = 1\n"}, {}, "something-passes", "no tests ran"),
    ("all-skipped", {"test_a.py": SKIP}, {}, "something-passes", "1 skipped"),
    ("all-xfail", {"test_a.py": XFAIL}, {}, "something-passes", "1 xfailed"),
    ("import-error", {"test_a.py": GOOD, "test_b.py": "import nowhere_at_all\n"}, {},
     "everything-is-collected", "test_b.py: E   ModuleNotFoundError"),
    ("never-looked-at", {"test_a.py": GOOD, "test_b.py": GOOD, "pytest.ini": HALF}, {},
     "everything-is-collected", "test_b.py: no test of it ran"),
    ("deselected", {"test_a.py": GOOD, "test_b.py": SLOW, "pytest.ini": NOT_SLOW}, {},
     "nothing-is-deselected", "test_b.py::test_b"),
    ("crash", {"test_a.py": CRASH}, {}, "report-is-whole", "junit.xml was not written"),
    ("crash-place", {"test_a.py": CRASH}, {}, "tests-pass", "test_a.py::test_b unfinished"),
    ("time-out", {"test_a.py": HANG}, {"timeout": 20.0}, "ends-by-itself",
     "took longer than 20 s and was ended, in test_a.py::test_b"),
    ("teardown", {"test_a.py": "import pytest\n@pytest.fixture\ndef f():\n    yield\n    1 / 0\n"
                  "def test_a(f):\n    pass\n"}, {}, "tests-pass", "test_a.py::test_a error"),
]  # fmt: skip


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("files", "changes", "name", "words"), [p[1:] for p in PLANTED], ids=[p[0] for p in PLANTED]
)
def test_what_hides_a_failure_is_red(
    opened: Open, files: dict[str, str], changes: dict[str, Any], name: str, words: str
) -> None:
    suite = opened(files, **changes)
    assert words in red(suite, suite.run()).get(name, "")


UNUSUAL = {
    "setup.cfg": "[tool:pytest]\ntestpaths = checks\npython_files = check_*.py\n"
    "markers = gpu: x\n[coverage:run]\nbranch = true\n",
    "src/thing/__init__.py": "def f(n):\n    if n:\n        return 1\n    return 2\n",
    "src/thing/never.py": "VALUE = 1\nOTHER = 2\n",
    "checks/check_base.py": "import thing, unittest\nclass Base:\n    def test_same(self):\n"
    "        assert thing.f(1) == 1\nclass TestOne(Base):\n    pass\n",
    "checks/check_more.py": "import sys\nimport pytest, unittest\nfrom check_base import Base\n"
    "class TestTwo(Base):\n    pass\n"
    "@pytest.mark.parametrize('x', ['a[1]', '::', 'é'])\ndef test_p(x):\n    assert x\n"
    "@pytest.mark.gpu\n@pytest.mark.skip(reason='no GPU')\ndef test_gpu():\n    pass\n"
    "@pytest.mark.xfail(reason='known')\ndef test_x():\n    assert 0\n"
    "class TestOld(unittest.TestCase):\n    def test_sub(self):\n"
    "        for i in range(3):\n            with self.subTest(i=i):\n                pass\n"
    "def test_writes(tmp_path):\n    open('left.txt', 'w').write('x')\n",
}


@pytest.mark.exhaustive
def test_a_right_project_that_looks_unusual_is_green(opened: Open) -> None:
    components = {"thing": ["**/thing/*.py", "checks/check_*.py"]}
    suite = opened(
        UNUSUAL, test_command=MEASURED, components=components, repetitions=2, shuffled=True
    )
    runs = suite.run()
    assert red(suite, runs) == {}
    assert flakiness.find_flaky(runs).tests == () and len(runs[0].tests) == 9
    skips = describe_skips(runs[0].tests)
    assert "check_more.py::test_gpu (Skipped: no GPU)" in skips["tests-marked-gpu"]
    assert set(skips) == {"tests-marked-gpu", "expected-failures"}
    assert runs[0].left == ("left.txt",)
    assert not (suite.project.folder / "left.txt").exists()
    coverage, problem = suite.coverage()
    assert problem == "" and coverage is not None
    # Four statements and two branches, of which "return 2" and the way to it are not reached.
    reached = coverage["src/thing/__init__.py"]
    assert (reached.covered, reached.total) == (4, 6)
    (row,) = table.judge_components(suite.components, coverage, runs[0].tests)
    assert row.issues == () and row.share.never_imported == ("src/thing/never.py",)
    assert row.share.percent == pytest.approx(100 * 4 / 8)


@pytest.mark.exhaustive
def test_flaky_tests_and_those_that_need_an_order_are_named(opened: Open, tmp_path: Path) -> None:
    count = tmp_path / "count"
    text = GOOD + (
        f"import pathlib\nMADE = []\ndef test_flaky():\n    p = pathlib.Path({str(count)!r})\n"
        "    n = len(p.read_text()) if p.exists() else 0\n    p.write_text('x' * (n + 1))\n"
        "    assert n % 2 == 0\ndef test_1():\n    MADE.append(1)\n"
        "def test_2():\n    assert len(MADE) == 1\ndef test_3():\n    MADE.append(1)\n"
    )
    suite = opened({"test_a.py": text}, repetitions=3, shuffled=True)
    flaky = flakiness.find_flaky(suite.run())
    assert "test_a.py::test_flaky" in flaky.tests and flaky.compared == 5
    assert flaky.rate == len(flaky.tests) / 5
    assert "test_a.py::test_flaky" not in flaky.dependent


def test_what_reaches_the_project_itself_is_red(opened: Open, tmp_path: Path) -> None:
    place = tmp_path / "project" / "train.py"
    text = f"def test_a():\n    open({str(place)!r}, 'a').write('# more')\n"
    suite = opened({"test_a.py": text, "train.py": "x = 1\n"})
    assert red(suite, suite.run()) == {"project-is-untouched": "train.py"}


@pytest.mark.exhaustive
def test_unittest_runs_without_pytest(opened: Open) -> None:
    text = (
        "import unittest, mod\nclass A(unittest.TestCase):\n    def test_a(self):\n"
        "        self.assertEqual(mod.f(), 1)\n    def test_b(self):\n        self.fail('no')\n"
        "    @unittest.skip('later')\n    def test_c(self):\n        pass\n"
        "    @unittest.expectedFailure\n    def test_d(self):\n        self.fail()\n"
        "    def test_e(self):\n        for i in range(2):\n            with self.subTest(i=i):\n"
        "                self.assertEqual(i, 0)\n"
    )
    command = ["{python}", "-m", "coverage", "run", "{unittest}", "{junit}", "discover"]
    suite = opened({"test_m.py": text, "mod.py": "def f():\n    return 1\n"}, test_command=command)
    (run,) = suite.run()
    assert {test.id.rpartition("::")[2]: test.outcome for test in run.tests} == {
        "test_a": "passed", "test_b": "failed", "test_c": "skipped", "test_d": "xfailed",
        "test_e": "failed",
    }  # fmt: skip
    assert {test.file for test in run.tests} == {"test_m.py"}
    coverage, _ = suite.coverage()
    assert coverage is not None and coverage["mod.py"].covered == 2
    assert set(red(suite, [run])) == {"tests-pass"}


@pytest.mark.exhaustive
def test_settings_that_measure_another_package_are_named(opened: Open) -> None:
    files = {
        "test_a.py": "import thing\ndef test_a():\n    assert thing\n",
        "thing/__init__.py": "x = 1",
        ".coveragerc": "[run]\nsource = other\n",
    }  # fmt: skip
    suite = opened(files, test_command=MEASURED)
    suite.run()
    assert "its own coverage settings measure other" in suite.coverage()[1]
    unmeasured = opened(files, test_command=PLAIN)
    unmeasured.run()
    assert "no coverage was measured: begin test_command with" in unmeasured.coverage()[1]
