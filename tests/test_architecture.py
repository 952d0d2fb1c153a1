"""The rules of DESIGN.md and STYLE.md that a parser can see, over every module of ``lib/``.

Each rule is also fed with snippets that break it, so that none can silently stop looking.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path

import pytest
from waiting import HANG

from architecture_rules import (
    BENCH,
    HARNESS,
    LONGEST_FUNCTION,
    LONGEST_MODULE,
    MAY_IMPORT,
    PACKAGES,
    Module,
    Rule,
    configs_import_only_pydantic,
    every_module_of_the_harness_has_a_place,
    exceptions_are_not_swallowed,
    functions_are_short,
    harness_imports_no_other_package,
    leaves_import_only_leaves,
    module_has_docstring,
    module_is_short,
    name_says_something,
    nothing_goes_through_a_shell,
    one_system_does_not_import_another,
    only_main_imports_the_cli,
    own_imports,
    packages_import_only_lower_ones,
    public_names_are_listed,
    suppressions_have_codes,
    systems_and_subjects_do_not_import_each_other,
    systems_and_subjects_import_leaves_processes_and_media,
)

LIB = Path(__file__).resolve().parents[1] / "lib"
HEAVY = {
    "accelerate",
    "diffusers",
    "matplotlib",
    "nbclient",
    "pandas",
    "papermill",
    "scrapbook",
    "torch",
    "transformers",
}

H, S, U = "proofbook/", "proofbook_systems/", "proofbook_subjects/"

RULES: dict[Rule, Module] = {
    leaves_import_only_leaves: Module(
        H + "files.py", "def f():\n    from proofbook.runs.folder import RunFolder\n"
    ),
    packages_import_only_lower_ones: Module(H + "signoff/log.py", "import proofbook.report.page\n"),
    every_module_of_the_harness_has_a_place: Module(H + "loose.py", ""),
    harness_imports_no_other_package: Module(
        H + "runner/listing.py", "def f():\n    from proofbook_systems import musicgen\n"
    ),
    systems_and_subjects_import_leaves_processes_and_media: Module(
        S + "musicgen/clips.py", "from proofbook import checks\n"
    ),
    systems_and_subjects_do_not_import_each_other: Module(
        S + "musicgen/clips.py", "from proofbook_subjects.musicgen import tiny\n"
    ),
    one_system_does_not_import_another: Module(
        S + "musicgen/clips.py", "from proofbook_systems.training import steps\n"
    ),
    configs_import_only_pydantic: Module(S + "musicgen/config.py", "def f():\n    import torch\n"),
    only_main_imports_the_cli: Module(H + "runner/run.py", "from proofbook.cli import app\n"),
    module_is_short: Module(H + "files.py", "\n" * (LONGEST_MODULE + 1)),
    functions_are_short: Module(H + "files.py", "def f():\n" + "    1\n" * LONGEST_FUNCTION),
    module_has_docstring: Module(H + "files.py", "x = 1\n"),
    name_says_something: Module(H + "runner/utils.py", ""),
    public_names_are_listed: Module(H + "files.py", "x = 1\n"),
    exceptions_are_not_swallowed: Module(
        H + "files.py", "try:\n    f()\nexcept Exception:\n    pass\n"
    ),
    nothing_goes_through_a_shell: Module(H + "files.py", "run('ls', shell=True)\n"),
    suppressions_have_codes: Module(H + "files.py", "import x  # type: ignore\n"),
}
"""Every rule, with a module that breaks it."""

MORE_VIOLATIONS: list[tuple[Rule, Module]] = [
    (leaves_import_only_leaves, Module(H + "records.py", "from . import runs\n")),
    (
        packages_import_only_lower_ones,
        Module(H + "media/__init__.py", "from ..runs.folder import RunFolder\n"),
    ),
    (
        packages_import_only_lower_ones,
        Module(H + "report/page.py", "def f():\n    from proofbook.review import server\n"),
    ),
    (
        systems_and_subjects_import_leaves_processes_and_media,
        Module(U + "a/b.py", "import proofbook.runner.run\n"),
    ),
    (
        systems_and_subjects_do_not_import_each_other,
        Module(U + "a/b.py", "run(['-m', 'proofbook_systems.a.b'])\n"),
    ),
    (one_system_does_not_import_another, Module(S + "a/b.py", "from ..training import follow\n")),
    (one_system_does_not_import_another, Module(U + "a/b.py", "from ..c import d\n")),
    (
        harness_imports_no_other_package,
        Module(H + "lab/launch.py", "load('proofbook_systems.musicgen.clips')\n"),
    ),
    (public_names_are_listed, Module(H + "a.py", "__all__ = ['b', 'a']\na = b = 1\n")),
    (public_names_are_listed, Module(H + "a.py", "__all__ = ['a', 'gone']\na = 1\n")),
    (public_names_are_listed, Module(H + "a.py", "__all__ = ['a', 'a']\na = 1\n")),
    (functions_are_short, Module(H + "a.py", "def f():\n" + "    1\n" * 50 + "def f(): ...\n")),
    (exceptions_are_not_swallowed, Module(H + "a.py", "try:\n    f()\nexcept:\n    'why'\n")),
    (exceptions_are_not_swallowed, Module(H + "a.py", "with suppress(Exception):\n    f()\n")),
    (nothing_goes_through_a_shell, Module(H + "a.py", "os.system('ls')\n")),
    (suppressions_have_codes, Module(H + "a.py", "x = f()  # noqa\n")),
    (configs_import_only_pydantic, Module(S + "a/config.py", "from proofbook import records\n")),
]

INNOCENT = Module(
    S + "pipeline/clips.py",
    '"""Text about shell=True."""\n'
    "from proofbook.errors import SubjectError\n"
    "from proofbook_systems.musicgen import clips\n"
    "__all__ = ['LIMIT', 'Clip', 'cut']\n"
    "LIMIT = 3\n"
    "class Clip: ...\n"
    "def cut(): run(['ls'], shell=False)  # type: ignore[name-defined]  # noqa: F821\n",
)


def modules() -> Iterator[Module]:
    """Yield every module of the four packages."""
    paths = sorted(path for package in PACKAGES for path in (LIB / package).rglob("*.py"))
    for path in paths:
        yield Module(path.relative_to(LIB).as_posix(), path.read_text(encoding="utf-8"))


def _name(rule: Rule) -> str:
    return rule.__name__


def test_every_module_keeps_every_rule() -> None:
    """In one test, as each module is parsed once then, and forgotten."""
    broken = {
        f"{module.path}: {_name(rule)}": found
        for module in modules()
        for rule in RULES
        if (found := rule(module))
    }
    assert broken == {}


@pytest.mark.parametrize("rule", RULES, ids=_name)
def test_rule_sees_its_violation(rule: Rule) -> None:
    assert rule(RULES[rule])


@pytest.mark.parametrize(("rule", "module"), MORE_VIOLATIONS)
def test_rule_sees_less_obvious_violations(rule: Rule, module: Module) -> None:
    assert rule(module)


@pytest.mark.parametrize("rule", RULES, ids=_name)
def test_rule_accepts_an_innocent_module(rule: Rule) -> None:
    assert rule(INNOCENT) == []


def test_the_rules_look_at_the_whole_package() -> None:
    names = {module.name for module in modules()}
    wanted = {"proofbook.cli", "proofbook.media.sounds", "proofbook_systems.musicgen.config"}
    assert wanted | {"proofbook_subjects.ttsserver.server", "proofbook_bench.pairs"} <= names


def find_circle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules of one circle of imports, or nothing."""
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done:
            return []
        for target in sorted(graph.get(name, ())):
            if circle := visit(target, [*trail, name]):
                return circle
        done.add(name)
        return []

    return next((c for name in sorted(graph) if (c := visit(name, []))), [])


def _graph(modules: Iterable[Module]) -> dict[str, set[str]]:
    imports = {module.parts: own_imports(module) for module in modules}
    return {
        ".".join(parts): {
            ".".join(target)
            for target in (p if p in imports else p[:-1] for p in found)
            if target in imports and target != parts
        }
        for parts, found in imports.items()
    }


def test_imports_never_form_a_circle() -> None:
    assert find_circle(_graph(modules())) == []


def _package_graph(found: Iterable[Module]) -> dict[str, set[str]]:
    """Return which parts of the harness import which others: two modules each may form a circle."""
    graph: dict[str, set[str]] = {}
    for module in found:
        if module.package == HARNESS:
            targets = {p[1] for p in own_imports(module) if p[0] == HARNESS} - {module.area}
            graph.setdefault(module.area, set()).update(targets)
    return graph


def test_packages_never_form_a_circle() -> None:
    graph = _package_graph(modules())
    assert set(MAY_IMPORT) <= set(graph)
    assert find_circle(graph) == []


def test_a_circle_of_imports_is_found() -> None:
    a = Module("proofbook/a.py", "from proofbook.b import c\n")
    b = Module("proofbook/b.py", "def f():\n    from proofbook import a\n")
    assert find_circle(_graph([a, b])) == ["proofbook.a", "proofbook.b", "proofbook.a"]


def test_a_circle_of_packages_without_a_circle_of_modules_is_found() -> None:
    found = [
        Module("proofbook/a/x.py", "import proofbook.b.x\n"),
        Module("proofbook/b/y.py", "import proofbook.a.y\n"),
    ]
    assert find_circle(_graph(found)) == []
    assert find_circle(_package_graph(found)) == ["a", "b", "a"]


def heavy_after(statement: str) -> set[str]:
    """Return which heavy packages a fresh interpreter has imported after ``statement``."""
    script = f"{statement}\nimport sys\nprint('HEAVY', *sorted(set(sys.modules) & {HEAVY!r}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=HANG, check=True
    )
    return set(done.stdout.rsplit("HEAVY", 1)[1].split())


HELP = """
import sys, proofbook.cli
sys.argv = ["proofbook", {words}]
try:
    proofbook.cli.main()
except SystemExit as ending:
    assert ending.code == 0, ending.code
"""

LIGHT = {
    "proofbook --help": HELP.format(words="'--help'"),
    "proofbook run --help": HELP.format(words="'run', '--help'"),
    "proofbook list": HELP.format(words="'list'"),
    "cli": "import proofbook.cli",
    "profiles": "import proofbook.profiles",
    "plan": "import proofbook.runner.plan",
    "lab": "import proofbook.lab.launch",
    "checks": "import proofbook.checks",
}


@pytest.mark.parametrize("statement", LIGHT.values(), ids=LIGHT)
def test_nothing_heavy_is_imported_for(statement: str) -> None:
    assert heavy_after(statement) == set()


def test_a_heavy_import_is_noticed() -> None:
    assert heavy_after("import matplotlib") == {"matplotlib"}


def test_no_config_imports_anything_heavy() -> None:
    names = [m.name for m in modules() if m.package != HARNESS and m.parts[-1] == "config"]
    assert any(name.startswith(BENCH) for name in names)
    assert heavy_after("\n".join(f"import {name}" for name in names)) == set()


def test_no_two_files_of_tests_have_one_name() -> None:
    # pytest imports each by its name alone, and refuses a second one of that name.
    names = Counter(path.name for path in Path(__file__).parent.rglob("*.py"))
    several = {name for name, times in names.items() if times > 1}
    assert several - {"conftest.py", "__main__.py", "__init__.py"} == set()


def test_no_file_of_tests_takes_the_name_of_a_package() -> None:
    # Its folder comes first on the path: whoever imports that package next would be given the file.
    installed = [sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")]
    names = {path.stem for path in Path(__file__).parent.rglob("*.py")} - {"__init__", "__main__"}
    assert {name for name in names if PathFinder.find_spec(name, installed)} == set()
    assert PathFinder.find_spec("pytest", installed)
