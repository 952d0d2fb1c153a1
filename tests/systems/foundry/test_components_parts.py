"""Reports, patterns, times and tables are read for what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from proofbook.errors import SubjectError
from proofbook.processes import Ended
from proofbook_systems.foundry.components import flakiness, timing
from proofbook_systems.foundry.components.coverage_reports import FileCoverage, read_coverage
from proofbook_systems.foundry.components.findings import judge_runs
from proofbook_systems.foundry.components.junit import read_junit
from proofbook_systems.foundry.components.parts import fits, list_components, list_sources
from proofbook_systems.foundry.components.results import Outcome, Repetition, Result
from proofbook_systems.foundry.components.subject import find_project, list_files
from proofbook_systems.foundry.components.table import find_uncovered_lines, judge_components


def one(id: str, outcome: Outcome = "passed", seconds: float = 0.01) -> Result:
    return Result(id=id, outcome=outcome, seconds=seconds, call_seconds=seconds)


def run(*tests: Result, number: int = 1, code: int = 0, shuffled: bool = False) -> Repetition:
    ended = Ended(code=code, words=f"exited with code {code}", seconds=3.0, output="")
    return Repetition(
        number=number, shuffled=shuffled, ended=ended, tests=tests, deselected=(),
        not_collected=(), report_problem="", left=(),
    )  # fmt: skip


def test_a_test_is_named_after_its_own_module_and_told_once(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    for name in ("test_base.py", "test_more.py"):
        (tmp_path / "tests" / name).touch()
    case = '<testcase classname="tests.test_more.TestB" file="tests/test_base.py" name="test_a"'
    report = tmp_path / "junit.xml"
    report.write_text(
        f'<testsuites><testsuite tests="1">{case} time="0.5"/>{case} time="0.25">'
        '<error message="tear-down"/></testcase></testsuite></testsuites>'
    )
    (test,) = read_junit(report, tmp_path)
    assert test.id == "tests/test_more.py::TestB::test_a"
    assert (test.outcome, test.seconds, test.words) == ("error", 0.75, "tear-down")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<testsuites><testsuite tests='2'><testcase name='a'/>", "is no whole XML"),
        ("<html/>", "its root is <html>"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><testsuite>&b;</testsuite>", "declares the entity b"),
        (None, "was not written"),
    ],
)
def test_a_report_that_cannot_be_trusted_is_refused(
    tmp_path: Path, text: str | None, words: str
) -> None:
    if text is not None:
        (tmp_path / "junit.xml").write_text(text)
    with pytest.raises(SubjectError, match=words):
        read_junit(tmp_path / "junit.xml", tmp_path)


def test_coverage_is_read_from_json_and_from_xml(tmp_path: Path) -> None:
    summary = {"covered_lines": 3, "num_statements": 4, "covered_branches": 1, "num_branches": 2}
    (tmp_path / "c.json").write_text(
        json.dumps({"files": {str(tmp_path / "a.py"): {"summary": summary}}})
    )
    expected = {"a.py": FileCoverage(covered=4, total=6, ran=True)}
    assert read_coverage(tmp_path / "c.json", [tmp_path]) == expected
    lines = "".join(f'<line number="{n}" hits="1"/>' for n in range(2))
    (tmp_path / "a.py").touch()
    (tmp_path / "c.xml").write_text(
        f'<coverage><sources><source>{tmp_path}</source></sources><class filename="a.py">{lines}'
        '<line number="3" hits="1" branch="true" condition-coverage="50% (1/2)"/>'
        '<line number="4" hits="0"/></class></coverage>'
    )
    assert read_coverage(tmp_path / "c.xml", [tmp_path]) == expected
    (tmp_path / "odd").write_text("total: 100%")
    with pytest.raises(SubjectError, match="no report of coverage"):
        read_coverage(tmp_path / "odd", [tmp_path])


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("config.py", "**/config.py", True),
        ("a/b/config.py", "**/config.py", True),
        ("a/my_config.py", "**/config.py", False),
        ("a/b.py", "a/*.py", True),
        ("a/b/c.py", "a/*.py", False),
        ("a/b/c.py", "x.py | a/**", True),
        ("a/x+y.py", "a/x+y.py", True),
    ],
)
def test_a_pattern_fits_whole_paths(path: str, pattern: str, expected: bool) -> None:
    assert fits(path, pattern) is expected


def test_the_source_of_a_project_is_found() -> None:
    tests = ["tests/test_a.py", "conftest.py", "setup.py", "docs/conf.py"]
    package = ["pkg/__init__.py", "pkg/a.py", "pkg/tests/test_b.py", *tests, "scripts/run.py"]
    assert list_sources(package, []) == ("pkg/__init__.py", "pkg/a.py")
    assert list_sources(["src/n/a.py", "src/m.py", *tests], []) == ("src/n/a.py",)
    assert list_sources(["train.py", "model.py", "a.txt", *tests], []) == ("model.py", "train.py")
    assert list_sources(package, ["pkg/a*"]) == ("pkg/a.py",)


def test_a_component_without_source_tests_or_a_passing_test_has_issues() -> None:
    files = ["p/a.py", "p/b.py", "p/c.py", "t/test_b.py", "t/test_c.py"]
    patterns = {
        "none": ["p/none.py", "t/test_none.py"], "untested": ["p/a.py", "t/test_a.py"],
        "skipped": ["p/b.py", "t/test_b.py"], "good": ["p/c.py", "t/test_c.py"],
    }  # fmt: skip
    components = list_components(files, patterns, {"good": 95.0}, {}, 85.0)
    coverage = {n: FileCoverage(covered=19, total=20, ran=True) for n in ("p/a.py", "p/c.py")}
    rows = judge_components(
        components, coverage, [one("t/test_b.py::x", "skipped"), one("t/test_c.py::x")]
    )
    issues = {row.component.name: " ".join(row.issues) for row in rows}
    assert "no source file fits p/none.py" in issues["none"]
    assert "no test of a file that fits t/test_a.py ran" in issues["untested"]
    assert "none passes: skipped" in issues["skipped"]
    assert "left out by the project's coverage settings: p/b.py" in issues["skipped"]
    assert issues["good"] == "" and rows[3].share.percent == 95.0
    assert [row.component.goal for row in rows] == [85.0, 85.0, 85.0, 95.0]


@pytest.mark.parametrize(
    ("patterns", "goals", "words"),
    [({"a": ["a.py"]}, {}, "a has 1 patterns"), ({}, {"b": 90.0}, "name b, which components")],
)
def test_a_wrong_table_is_refused(
    patterns: dict[str, list[str]], goals: dict[str, float], words: str
) -> None:
    with pytest.raises(SubjectError, match=words):
        list_components([], patterns, goals, {}, 85.0)


def test_times_are_those_of_the_quickest_run() -> None:
    slow_once = run(one("t/unit/test_a.py::a", seconds=5.0), one("t/e2e/test_b.py::b", seconds=9.0))
    again = run(one("t/unit/test_a.py::a", seconds=0.5), one("t/e2e/test_b.py::b", seconds=9.0))
    suites = {"unit": "**/unit/**", "integration": "**/integration/**"}
    limits = {"unit": 1.0, "integration": 1.0, "unit+integration": 1.0, "all": 1.0}
    times = timing.time_suites([slow_once, again], suites, limits)
    assert [(t.seconds, t.tests) for t in times] == [(0.5, 1), (0, 0), (0.5, 1), (3.0, 2)]
    slow, number = timing.find_slow([slow_once, again], suites["unit"], 0.1)
    assert (slow, number) == (["t/unit/test_a.py::a: 0.50 s"], 1)
    assert timing.find_slow([slow_once, again], suites["unit"], 0.6) == ([], 1)
    with pytest.raises(SubjectError, match="name the suite speed"):
        timing.time_suites([again], suites, {"speed": 1.0})


def test_one_run_is_compared_with_nothing() -> None:
    assert "nothing to be compared with" in flakiness.find_flaky([run(one("a"))]).unjudged
    lost = flakiness.find_flaky([run(one("a"), one("b")), run(one("a"), number=2)])
    assert lost.tests == ("b",) and lost.rate == 0.5
    ordered = [run(one("a")), run(one("a"), number=2)]
    shuffled = run(one("a", "failed"), number=3, shuffled=True)
    assert flakiness.find_flaky([*ordered, shuffled]).dependent == ("a",)


def test_a_known_failure_is_allowed_and_others_are_not() -> None:
    failed = run(one("t.py::a[1]", "failed"), one("t.py::b", "failed"), one("t.py::c"), code=1)
    findings = {f.name: f.issues for f in judge_runs([failed], ["t.py::a[[]*"])}
    assert len(findings["tests-pass"]) == 2
    findings = {f.name: f.issues for f in judge_runs([failed], ["t.py::a[*]"])}
    assert findings["tests-pass"] == ("t.py::b failed (run 1)",)
    unexplained = run(one("t.py::c"), code=4)
    assert "pytest was called wrongly" in str(judge_runs([unexplained], [])[2].issues)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("*test_a[1]", ""),
        ("*test_a*|*test_d*", ""),
        ("*test_d*", ""),
        ("", "line: it names no test"),
        ("*test_z*", "line: no test fits *test_z*"),
        ("*test_a*|*test_z", "line: no test fits *test_z"),
        ("*test_b", "line: t.py::test_b failed"),
        ("*", "line: t.py::test_b failed"),
        ("*test_c", "line: t.py::test_c (skipped); none passes"),
        ("*test_x", "line: t.py::test_x (xfailed); none passes"),
        ("*test_[a]*", "line: no test fits *test_[a]*"),
    ],
)
def test_a_line_is_shown_where_each_glob_fits_a_test_and_none_that_fits_fails(
    pattern: str, words: str
) -> None:
    tests = [
        one("t.py::test_a[1]"), one("t.py::test_b", "failed"), one("t.py::test_c", "skipped"),
        one("t.py::test_d[cpu]"), one("t.py::test_d[cuda]", "skipped"),
        one("t.py::test_x", "xfailed"),
    ]  # fmt: skip
    missing, number = find_uncovered_lines({"line": pattern}, tests)
    assert (missing, number) == ([words] if words else [], 1)


def test_each_line_of_the_checklist_names_tests_that_exist() -> None:
    """The profile's own run is long; a test that was renamed is seen here."""
    root = Path(__file__).parents[3]
    profile = yaml.safe_load((root / "parameters" / "foundry-components.yaml").read_text())
    lines = profile["jobs"][0]["parameters"]["critical_tests"]
    sources = (root / "tests" / "subjects" / "foundry").glob("test_*.py")
    known = {name for path in sources for name in re.findall(r"def (test_\w+)", path.read_text())}
    named = {name for globs in lines.values() for name in re.findall(r"test_\w+", globs)}
    assert len(lines) == 92
    assert named - known == set()


def test_environments_and_caches_are_no_part_of_a_project(tmp_path: Path) -> None:
    for name in ("a.py", "__pycache__/a.pyc", "myenv/pyvenv.cfg", "data/big.bin", ".git"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("gitdir: /elsewhere")
    project = find_project(str(tmp_path), "", {}, ["data"], tmp_path)
    assert set(list_files(project)) == {"a.py"}
    with pytest.raises(SubjectError, match="does not exist"):
        find_project(str(tmp_path / "none"), "", {}, [], tmp_path)
    with pytest.raises(SubjectError, match="is no Python"):
        find_project(str(tmp_path), "a.py", {}, [], tmp_path)
