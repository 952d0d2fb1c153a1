"""The bench that asks whether tests notice: which mutants there are, and what is known of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from coverage_map import CoverageMap, Lines, TestFile, bodies, statement_lines
from equivalents import Equivalents
from mutant_runs import Task, Verdict, run_fresh
from mutations import find_mutants
from type_errors import rename
from verdict_cache import VerdictCache

SOURCE = '''"""A module."""
from __future__ import annotations
LIMIT: int = 3
Both = int | str | None
_More = Kind | int
Kind = Literal["a", "b"]
__all__ = ["LIMIT"]

class Cup:
    size: int = 1

    @property
    def full(self) -> bool | None:
        """Say so."""
        return self.size >= LIMIT


def pour(cup: Cup, into: Cup | None = None) -> str:
    if cup.full:
        print("full")
    return "a text"
'''


def changes(source: str = SOURCE) -> list[tuple[str, str, str]]:
    return [(each.function, each.before, each.after) for each in find_mutants("a.py", source)]


@pytest.mark.parametrize(
    "change",
    [
        ("", "LIMIT: int = 3", "LIMIT: int = 4"),
        ("", "LIMIT: int = 3", "LIMIT: int = None"),
        ("", "size: int = 1", "size: int = 2"),
        ("Cup.full", "return self.size >= LIMIT", "return self.size > LIMIT"),
        ("Cup.full", "return self.size >= LIMIT", "return None"),
        ("pour", "if cup.full:", "if not (cup.full):"),
        ("pour", 'print("full")', "pass"),
        ("pour", 'print("full")', "print(None)"),
        ("pour", 'return "a text"', "return None"),
    ],
)
def test_a_mutant_is_one_change_of_one_function(change: tuple[str, str, str]) -> None:
    assert change in changes()


def test_words_types_and_the_list_of_names_are_not_changed() -> None:
    found = changes()
    assert len(found) == len(set(found)) == 10
    assert not any("XX" in after for _, _, after in found)
    assert not any(
        before.startswith(("Kind", "Both", "_More", "__all__", "def ", "@"))
        for _, before, _ in found
    )


@pytest.mark.parametrize(
    ("call", "becomes"),
    [
        ("f(a, b)", {"f(None, b)", "f(a, None)", "f(a, )"}),
        ("f(a, b=c)", {"f(None, b=c)", "f(a, b=None)", "f(a, )", "f(b=c)"}),
        ("len(a)", set()),
        ("zip(a, strict=True)", {"zip(None, strict=True)", "zip(strict=True)"}),
    ],
)
def test_an_argument_is_left_out_where_that_does_not_move_others(
    call: str, becomes: set[str]
) -> None:
    found = {after for _, before, after in changes(f"x = {call}\n") if after != "x = None"}
    assert found == {f"x = {each}" for each in becomes}


def test_a_change_knows_the_line_it_is_in() -> None:
    mutants = find_mutants("a.py", SOURCE)
    (negated,) = [each for each in mutants if each.after == "if not (cup.full):"]
    assert SOURCE.splitlines()[negated.line - 1] == "    if cup.full:"
    assert negated.source.splitlines()[negated.line - 1] == "    if not (cup.full):"


def test_bodies_and_statements_have_their_lines() -> None:
    lines = SOURCE.splitlines()
    ranges = bodies(SOURCE)
    assert sorted(ranges) == ["Cup.full", "pour"]
    assert lines[ranges["pour"].start - 1] == "    if cup.full:"
    head = statement_lines(SOURCE)[ranges["pour"].start]
    assert [lines[line - 1] for line in head] == ["    if cup.full:"]


@pytest.mark.parametrize(
    ("statement", "renamed"),
    [
        ("def f(a):\n    return f\n", "def f_2(a):\n    return f\n"),
        ("@cache\nasync def f(): ...\n", "@cache\nasync def f_2(): ...\n"),
        (
            '\n# why\nclass Cup(Mug):\n    """Cup."""\n',
            '\n# why\nclass Cup_2(Mug):\n    """Cup."""\n',
        ),
        ("LIMIT: int = None\n", "LIMIT_2: int = None\n"),
    ],
)
def test_a_module_can_hold_a_statement_twice(statement: str, renamed: str) -> None:
    assert rename(statement, "2") == renamed


@pytest.fixture
def coverage_map() -> CoverageMap:
    return CoverageMap(
        files={
            "tests/test_a.py": TestFile(
                digest="1",
                seconds={"tests/test_a.py::quick": 0.01, "tests/test_a.py::slow": 9.0},
                functions={"a.py::pour": ["tests/test_a.py::quick", "tests/test_a.py::slow"]},
                lines={"a.py": {"17": [0, 1], "18": [1]}},
                sources={"a.py": "now"},
                on_import=["a.py::Cup.full"],
                known={"a.py": "names"},
            )
        }
    )


def test_only_quick_tests_that_run_the_line_are_run(coverage_map: CoverageMap) -> None:
    def tests(lines: range, source: str = "now", longest: float = 1.0) -> list[str]:
        found = coverage_map.tests("a.py", "pour", longest, Lines(source, lines))
        return [test.rpartition("::")[2] for test in found]

    assert tests(range(17, 18)) == ["quick"]
    assert tests(range(18, 19)) == []
    assert tests(range(18, 19), longest=10) == ["slow"]
    assert tests(range(18, 19), source="changed since") == ["quick"]


def test_a_map_is_measured_again_where_something_changed(coverage_map: CoverageMap) -> None:
    same = {"tests/test_a.py": "1"}
    assert coverage_map.stale(same, {"a.py": "names"}) == []
    assert coverage_map.stale(same, {"a.py": "other names"}) == ["tests/test_a.py"]
    assert coverage_map.stale({"tests/test_a.py": "2"}, {}) == ["tests/test_a.py"]
    assert coverage_map.stale({"tests/test_b.py": "1"}, {}) == ["tests/test_b.py"]
    assert coverage_map.files == {}


def test_a_kept_map_is_the_same(coverage_map: CoverageMap, tmp_path: Path) -> None:
    coverage_map.save(tmp_path / "map.json")
    assert CoverageMap.load(tmp_path / "map.json") == coverage_map


A, B = {"test_a.py": "1"}, {"test_b.py": "1"}


@pytest.fixture
def task() -> Task:
    mutant = find_mutants("a.py", SOURCE)[0]
    return Task(
        key="k", mutant=mutant, tests=["test_a.py::t[x y]", "test_b.py::t"], limits=[1.0, 1.0]
    )


def test_a_kill_holds_as_long_as_the_test_that_noticed(task: Task, tmp_path: Path) -> None:
    kept = tmp_path / "verdicts.jsonl"
    for killed in (Verdict(True, "test_a.py::t[x y]"), Verdict(True, "timeout in test_a.py::t")):
        VerdictCache(kept, {**A, **B}).keep(task, killed)
        assert VerdictCache(kept, {**A, "test_b.py": "2"}).find(task) == killed
        assert VerdictCache(kept, {"test_a.py": "2", **B}).find(task) is None


def test_that_one_survived_holds_as_long_as_all_tests(task: Task, tmp_path: Path) -> None:
    kept = tmp_path / "verdicts.jsonl"
    VerdictCache(kept, {**A, **B}).keep(task, Verdict(False))
    assert not VerdictCache(kept, {**A, **B}).is_settled(task)
    VerdictCache(kept, {**A, **B}).keep(task, Verdict(False, "mypy: accepts it"))
    assert VerdictCache(kept, {**A, **B}).is_settled(task)
    assert VerdictCache(kept, {**A, "test_b.py": "2"}).find(task) is None


LISTED = """
a.py:
  pour:
    - line: 'if cup.full:'
      becomes: ['if not (cup.full):', 'if None:']
      why: it is never full
"""


def test_an_equivalent_mutant_is_listed_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "equivalent.yaml").write_text(LISTED)
    equivalents = Equivalents(tmp_path / "equivalent.yaml")
    listed = [each for each in find_mutants("a.py", SOURCE) if each in equivalents]
    assert [each.after for each in listed] == ["if not (cup.full):"]
    stale = ["a.py: pour: if cup.full:  ->  if None:"]
    assert equivalents.stale(listed, ["a.py"]) == stale
    assert equivalents.stale([], ["b.py"]) == []


def test_no_equivalent_is_listed_twice(tmp_path: Path) -> None:
    (tmp_path / "equivalent.yaml").write_text(LISTED.replace("if None", "if not (cup.full)"))
    with pytest.raises(ValueError, match="listed twice"):
        Equivalents(tmp_path / "equivalent.yaml")


def test_every_line_in_the_list_is_one_of_its_module() -> None:
    root = Path(__file__).parents[2]
    sources: dict[str, str] = {}
    for module, line in Equivalents(Path(__file__).parent / "equivalent.yaml").lines:
        source = sources.setdefault(module, " ".join((root / module).read_text().split()))
        assert line in source, (module, line)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "killed"),
    [("LIMIT = 4", True), ("LIMIT = int(None)", True), ("SPARE = 2", False)],
)
def test_a_module_that_cannot_be_imported_any_more_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, killed: bool
) -> None:
    source = "LIMIT = 3\nSPARE = 1\n"
    for name, text in (
        ("lib/cupboard.py", source),
        ("tests/test_cupboard.py", "from cupboard import LIMIT\ndef test_a(): assert LIMIT == 3\n"),
        ("tests/test_other.py", "def test_b(): pass\n"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    name = change.partition(" ")[0]
    changed = "".join(
        f"{change}\n" if line.startswith(name) else line for line in source.splitlines(True)
    )
    mutant = replace(find_mutants("lib/cupboard.py", source)[0], source=changed)
    tests = ("tests/test_cupboard.py::test_a", "tests/test_other.py::test_b")
    task = Task(key="", mutant=mutant, tests=tests, limits=(60, 60))
    assert run_fresh(task, tmp_path).killed is killed
